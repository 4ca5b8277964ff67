"""P2, P3 and what else Docker's API is used for: one docker command line, once against fulcrumd and once against dockerd, in turns."""
import concurrent.futures
import json
import os
import subprocess
import time

from measure import Series, Stopwatch, compare, interleave

from harness.engine import Engine, UnixConnection
from harness.images import busybox_image
from harness.programs import compile_static
from strangers import Dockerd, Podman, World, missing, peer

PARALLEL = 8
STARTED = 50
LISTED = 1000
LOGGED = 8 << 20  # bytes
STEPS = 10
# Debian's dockerd with the network that it has by default, inside the private world.
WITH_BRIDGE = ("--bridge=", "--iptables=true", "--ip-forward=true", "--ip-masq=true", "--bip=10.213.0.1/24")


class Ours:
    """fulcrumd."""
    name = "fulcrumd"

    def __init__(self, bench):
        self.bench = bench
        self.engine = Engine(bench.programs)
        self.engine.start()
        self.socket = self.engine.socket
        self.image = busybox_image(self.engine.scratch / "box.tar", extra={"bin/nop": compile_static("true")})
        self.engine.ok("image", "load", "-i", self.image)

    def enter(self):
        return self.engine.enter()

    def close(self):
        self.bench.complain(self.engine.destroy())


class Theirs:
    """Debian's dockerd with runc."""
    name = "dockerd"

    def __init__(self, image):
        self.world = World()
        self.docker = Dockerd(self.world, args=WITH_BRIDGE)
        self.socket = self.docker.socket
        self.docker.load(image)

    def enter(self):
        return self.world.argv()

    def close(self):
        self.world.close()


class Pair:
    """Both engines and one client for both. Where dockerd is missing, its series say so."""

    def __init__(self, bench, promise):
        self.bench, self.promise, self.watches, self.engines = bench, promise, [], []
        self.client = next((p for p in ("/usr/local/bin/docker", peer("docker")) if p and os.path.exists(p)), None)
        self.lack = missing("dockerd", "docker", "containerd", "runc")
        self.ours = Ours(bench)
        self.engines.append(self.ours)
        if not self.lack:
            try:
                self.theirs = Theirs(self.ours.image)
            except BaseException:
                self.close()
                raise
            self.engines.append(self.theirs)

    def series(self, what, unit="ms"):
        """One for each engine, ours first."""
        return (Series(self.promise, f"{what}, {Ours.name}", unit, missing="" if self.client else "no docker command line"),
                Series(self.promise, f"{what}, {Theirs.name}", unit, missing=self.lack))

    def command(self, engine, *words):
        return [self.client, "--host", f"unix://{engine.socket}", *map(str, words)]

    def call(self, engine, *words, check=True, env=None):
        done = subprocess.run([*engine.enter(), *self.command(engine, *words)], capture_output=True, text=True, timeout=600, env={**os.environ, **(env or {})})
        if check and done.returncode != 0:
            raise RuntimeError(f"{engine.name}: docker {' '.join(map(str, words))}: {done.stderr[-400:]}")
        return done.stdout

    def api(self, engine, method, path, body=None):
        connection = UnixConnection(engine.socket, timeout=600)
        try:
            connection.request(method, f"/v1.41{path}", json.dumps(body) if body is not None else None, {"Content-Type": "application/json"})
            response = connection.getresponse()
            text = response.read()
            if response.status >= 400:
                raise RuntimeError(f"{engine.name}: {method} {path}: {response.status} {text[:300]}")
            return json.loads(text) if text else None
        finally:
            connection.close()

    def timed(self, engine, *words, prefix=()):
        """A command line, timed by the C stopwatch."""
        watch = Stopwatch(self.bench.helper("stopwatch"), self.bench.folder, f"{engine.name}-{len(self.watches)}", self.command(engine, *words),
                          prefix=[*engine.enter(), *prefix])
        self.watches.append(watch)
        return watch.once

    def race(self, what, *words, prefix=()):
        """One command line against both engines: its two series, and contenders to be interleaved."""
        series = self.series(what)
        return series, [(s, self.timed(e, *words, prefix=prefix)) for s, e in zip(series, self.engines) if not s.missing]

    def close(self):
        for watch in self.watches:
            watch.close()
        for engine in reversed(self.engines):
            engine.close()


def measure_run(bench):
    """P2: a container from nothing to gone."""
    pair = Pair(bench, "P2")
    podman = Series("P2", "podman run --rm --network none, crun", "ms", missing=missing("podman", "conmon", "crun"))
    world = None
    try:
        bridge, contenders = pair.race("docker run --rm, bridge", "run", "--rm", "box", "/bin/nop")
        alone, more = pair.race("docker run --rm --network none", "run", "--rm", "--network", "none", "box", "/bin/nop")
        contenders += more
        if not podman.missing:
            world = World()
            theirs = Podman(world, peer("crun"))
            theirs.call("load", "--signature-policy", world.top / "policy.json", "-i", pair.ours.image)
            watch = Stopwatch(bench.helper("stopwatch"), bench.folder, "podman", theirs.command("run", "--rm", "--network", "none", "box", "/bin/nop"), prefix=world.argv())
            pair.watches.append(watch)
            contenders.append((podman, watch.once))
        interleave(contenders, bench.runs)
    finally:
        pair.close()
        if world:
            world.close()
    return [*bridge, *alone, podman], [compare("P2", "docker run --rm, bridge / the same on dockerd", 1 / 6, *bridge),
                                       compare("P2", "docker run --rm, no network / the same on dockerd", 1 / 5, *alone)]


def measure_exec(bench):
    """P3: docker exec."""
    pair = Pair(bench, "P3")
    try:
        for engine in pair.engines:
            pair.call(engine, "run", "-d", "--name", "up", "--network", "none", "box", "sleep", "100000")
        series, contenders = pair.race("docker exec", "exec", "up", "/bin/nop")
        interleave(contenders, bench.runs)
    finally:
        pair.close()
    return [*series], [compare("P3", "docker exec / the same on dockerd", 1 / 3, *series)]


def started(pair, engine):
    """Milliseconds until STARTED containers run, begun PARALLEL at a time; they are removed afterwards."""
    names = [f"s{number}" for number in range(STARTED)]
    with concurrent.futures.ThreadPoolExecutor(PARALLEL) as pool:
        begun = time.monotonic()
        list(pool.map(lambda name: pair.call(engine, "run", "-d", "--name", name, "box", "sleep", "100000"), names))
        took = (time.monotonic() - begun) * 1000
        list(pool.map(lambda name: pair.call(engine, "rm", "-f", name), names))
    return took


def measure_many(bench):
    """Many containers: started at once, and listed."""
    pair = Pair(bench, "API")
    try:
        at_once = pair.series(f"{STARTED} × docker run -d, {PARALLEL} at a time")
        interleave([(s, lambda e=e: started(pair, e)) for s, e in zip(at_once, pair.engines) if not s.missing], max(5, bench.runs // 10), warm=1)
        body = {"Image": "box", "Cmd": ["sleep", "100000"], "Labels": {"number": "1"}}
        for engine in pair.engines:
            with concurrent.futures.ThreadPoolExecutor(PARALLEL) as pool:
                list(pool.map(lambda n, e=engine: pair.api(e, "POST", f"/containers/create?name=l{n}", body), range(LISTED)))
        listing, contenders = pair.race(f"docker ps -a, {LISTED} containers", "ps", "-a")
        interleave(contenders, bench.runs)
        answer = pair.series(f"GET /containers/json, {LISTED} containers")
        interleave([(s, lambda e=e: clocked(pair.api, e, "GET", "/containers/json?all=1")) for s, e in zip(answer, pair.engines) if not s.missing], bench.runs)
    finally:
        pair.close()
    return [*at_once, *listing, *answer], [compare("API", f"{STARTED} started {PARALLEL} at a time / the same on dockerd", 1 / 3, *at_once),
                                           compare("API", f"docker ps of {LISTED} / the same on dockerd", 1, *listing),
                                           compare("API", f"the answer alone, {LISTED} containers / dockerd's", 1, *answer)]


def clocked(function, *arguments):
    """Milliseconds of a call."""
    begun = time.monotonic()
    function(*arguments)
    return (time.monotonic() - begun) * 1000


def measure_logs(bench):
    """Throughput of docker logs -f."""
    pair = Pair(bench, "API")
    try:
        for engine in pair.engines:
            pair.call(engine, "run", "-d", "--name", "talker", "--network", "none", "box", "sh", "-c", f"yes 'a line of a log, as long as many are, with a number 123456' | head -c {LOGGED}")
            pair.call(engine, "wait", "talker")
        series, contenders = pair.race(f"docker logs -f of {LOGGED >> 20} MiB", "logs", "-f", "talker")
        interleave(contenders, bench.runs, warm=1)
    finally:
        pair.close()
    return [*series], [compare("API", "docker logs -f / the same on dockerd", 1, *series)]


def measure_build(bench):
    """A file of ten steps, cold and cached."""
    pair = Pair(bench, "API")
    context = bench.folder / "context"
    context.mkdir(exist_ok=True)
    (context / "file").write_text("x" * 10_000)
    (context / "Dockerfile").write_text("FROM box\nENV A=1\nWORKDIR /work\nCOPY file /work/\n" + "".join(f"RUN echo {n} >/work/{n}\n" for n in range(4)) + "LABEL a=b\nCMD [\"sh\"]\n")
    try:
        classic = ("env", "DOCKER_BUILDKIT=0")
        cold, contenders = pair.race(f"docker build of {STEPS} steps, cold", "build", "--no-cache", "-q", "-t", "cold", context, prefix=classic)
        interleave(contenders, bench.runs, warm=1)
        cached, contenders = pair.race(f"docker build of {STEPS} steps, cached", "build", "-q", "-t", "cached", context, prefix=classic)
        interleave(contenders, bench.runs, warm=1)
    finally:
        pair.close()
    return [*cold, *cached], [compare("API", f"docker build of {STEPS} steps, cold / the same on dockerd", 1 / 2, *cold),
                              compare("API", f"docker build of {STEPS} steps, cached / the same on dockerd", 1, *cached)]
