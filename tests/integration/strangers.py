"""Programs that we did not write, driving an OCI runtime: podman, dockerd and containerd, each in a private world that leaves nothing."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

from harness.images import busybox_image  # noqa: E402
from harness.programs import compile_static  # noqa: E402
from harness.terminal import Terminal  # noqa: E402
from oci_bundle import find_program  # noqa: E402

DEADLINE = 120  # seconds; strangers are slow on a busy machine
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "fulcrum-peers"


def peer(name):
    """A peer's program: on PATH, else in an unpacked package below the cache folder (`dpkg -x` into fulcrum-peers/PACKAGE)."""
    if found := shutil.which(name):
        return found
    for pattern in (f"*/usr/sbin/{name}", f"*/usr/bin/{name}"):
        for path in CACHE.glob(pattern):
            return str(path)
    return None


def missing(*names):
    """Why a test cannot run here, or nothing."""
    if os.geteuid() != 0:
        return "needs root"
    if find_program("fulcrum-oci") is None:
        return "fulcrum-oci is not built"
    for name in names:
        if not peer(name):
            return f"{name} is not installed"
    return "" if pathlib.Path("/bin/busybox").exists() else "busybox is not installed"


def cgroup_roots():
    """Where cgroup hierarchies are mounted."""
    top = pathlib.Path("/sys/fs/cgroup")
    return [top, *(p for p in top.iterdir() if p.is_dir() and os.path.ismount(p))]


class World:
    """Network and mount namespaces of their own, with a private /run and /dev/shm, a folder, and a cgroup name."""

    def __init__(self):
        self.key = f"fulcrum-strangers-{uuid.uuid4().hex[:8]}"
        self.top = pathlib.Path(tempfile.mkdtemp(prefix=self.key + "-"))
        self.top.chmod(0o711)  # mapped users pass through
        self.cgroup = "/" + self.key
        script = ("ip link set lo up && mount -t tmpfs -o mode=755 tmpfs /run && mount -t tmpfs -o mode=1777 tmpfs /dev/shm && mkdir -p /run/lock && "
                  "echo up && exec cat")
        self.holder = subprocess.Popen(["unshare", "--net", "--mount", "sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.holder.stdout.readline() == b"up\n"
        self.namespace = os.readlink(f"/proc/{self.holder.pid}/ns/mnt")
        self.mounts_before = self.mounts()
        self.daemons = []
        self.env = {**os.environ, "HOME": str(self.top), "TMPDIR": str(self.top)}
        for name in ("XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "DOCKER_HOST", "DOCKER_CONTEXT"):
            self.env.pop(name, None)

    def argv(self, *words):
        """A command line inside this world."""
        return ["nsenter", f"--net=/proc/{self.holder.pid}/ns/net", f"--mount=/proc/{self.holder.pid}/ns/mnt", "--", *map(str, words)]

    def call(self, *words, check=True, input=None, timeout=DEADLINE):
        """Runs a program in this world. Its output goes to files: what it leaves behind must not keep our pipes open."""
        with tempfile.TemporaryFile("w+b") as out, tempfile.TemporaryFile("w+b") as err:
            done = subprocess.run(self.argv(*words), stdout=out, stderr=err, timeout=timeout, env=self.env,
                                  **({"input": input.encode()} if input is not None else {"stdin": subprocess.DEVNULL}))
            out.seek(0)
            err.seek(0)
            done.stdout, done.stderr = out.read().decode(errors="replace"), err.read().decode(errors="replace")
        if check:
            assert done.returncode == 0, f"{' '.join(map(str, words))}: exit {done.returncode}\n{done.stdout}{done.stderr}\n{self.logs()}"
        return done

    def spawn(self, *words):
        """Starts a program in this world and leaves it running."""
        return subprocess.Popen(self.argv(*words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=self.env)

    def daemon(self, name, *words):
        """Starts a daemon; its log is in the folder."""
        with open(self.top / f"{name}.log", "wb") as log:
            process = subprocess.Popen(self.argv(*words), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.env, start_new_session=True)
        self.daemons.append((name, process))
        return process

    def await_socket(self, path, ready):
        """Returns when `ready` (a command) succeeds."""
        deadline = time.monotonic() + DEADLINE
        while time.monotonic() < deadline:
            for name, process in self.daemons:
                assert process.poll() is None, f"{name} ended: {self.logs()}"
            if path.exists() and self.call(*ready, check=False).returncode == 0:
                return
            time.sleep(0.1)  # the daemons of others have no event for this
        raise AssertionError(f"no answer from {path}: {self.logs()}")

    def logs(self):
        return "\n".join(f"-- {path.name} --\n{path.read_text(errors='replace')[-2500:]}" for path in self.top.glob("*.log"))

    def cgroups(self):
        """Every cgroup folder below this world's name."""
        return [p for root in cgroup_roots() if (root / self.key).is_dir() for p in [root / self.key, *(root / self.key).rglob("*")] if p.is_dir()]

    def mounts(self):
        """Mount points in this world."""
        lines = pathlib.Path(f"/proc/{self.holder.pid}/mountinfo").read_text().splitlines()
        return sorted(line.split()[4] for line in lines)

    def processes(self):
        """Processes that belong to this world by namespace, cgroup or command line: {pid: command line}."""
        found = {}
        for entry in os.listdir("/proc"):
            if not entry.isdigit() or int(entry) in (os.getpid(), self.holder.pid):
                continue
            folder = pathlib.Path("/proc", entry)
            try:
                line = (folder / "cmdline").read_bytes()
                ours = str(self.top).encode() in line or self.key in (folder / "cgroup").read_text() or os.readlink(folder / "ns/mnt") == self.namespace
            except OSError:
                continue
            if ours:
                found[int(entry)] = line.replace(b"\0", b" ").decode(errors="replace")[:120]
        return found

    def snapshot(self):
        """What containers could leave behind, to be compared before and after; daemons and their threads stay the same."""
        return {"cgroups": sorted(map(str, self.cgroups())), "mounts": self.mounts(), "processes": sorted(self.processes().values())}

    def settle(self, before, seconds=20):
        """Waits until the world is as `before` again; returns what differs."""
        deadline = time.monotonic() + seconds
        while True:
            now = self.snapshot()
            extra = {kind: [item for item in now[kind] if item not in before[kind]] for kind in now}
            extra = {kind: items for kind, items in extra.items() if items}
            if not extra or time.monotonic() > deadline:
                return extra
            time.sleep(0.1)  # shims of others end in their own time

    def close(self):
        """Ends and removes everything."""
        for _, process in reversed(self.daemons):
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        deadline = time.monotonic() + 10
        while (left := self.processes()) and time.monotonic() < deadline:
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            for root in cgroup_roots():
                for state in (root / self.key).rglob("freezer.state"):
                    state.write_text("THAWED")
            time.sleep(0.05)
        self.holder.stdin.close()
        self.holder.wait(10)
        self.holder.stdout.close()
        for folder in sorted(self.cgroups(), key=lambda path: -len(path.parts)):
            try:
                folder.rmdir()
            except OSError:
                pass
        shutil.rmtree(self.top, ignore_errors=True)
        left = [*map(str, self.cgroups()), *([str(self.top)] if self.top.exists() else [])]
        assert not left, f"left behind: {left}"


def test_image(world, name="box", config=None):
    """A docker-archive of busybox, with a program that eats memory."""
    return busybox_image(world.top / f"{name}.tar", name=name, config=config, extra={"bin/eat": compile_static("eat")})


test_image.__test__ = False


class Dockerd:
    """Debian's dockerd with fulcrum-oci as its runtime."""

    def __init__(self, world, runtime=None, args=()):
        self.world = world
        self.socket = world.top / "docker.sock"
        dockerd = peer("dockerd")
        world.env["PATH"] = f"{pathlib.Path(dockerd).parent}:{pathlib.Path(dockerd).parents[1] / 'bin'}:{world.env['PATH']}"
        runtime_args = ["--add-runtime", f"fulcrum={runtime}", "--default-runtime", "fulcrum"] if runtime else []
        world.daemon("dockerd", dockerd, "--data-root", world.top / "docker", "--exec-root", world.top / "exec", "--pidfile", world.top / "docker.pid",
                     "--host", f"unix://{self.socket}", "--bridge=none", "--iptables=false", "--ip-forward=false", "--ip-masq=false",
                     "--exec-opt", "native.cgroupdriver=cgroupfs", "--cgroup-parent", world.cgroup, "--init-path", peer("docker-init") or "/usr/bin/tini-static",
                     "--storage-driver", "overlay2", *runtime_args, *args)
        # /usr/local/bin first: the current CLI, not the one that came with dockerd.
        self.client = next((p for p in ("/usr/local/bin/docker", shutil.which("docker")) if p and pathlib.Path(p).exists()), peer("docker"))
        world.await_socket(self.socket, self.command("version"))
        self.load(test_image(world))

    def command(self, *words):
        return [self.client, "--host", f"unix://{self.socket}", *map(str, words)]

    def call(self, *words, **options):
        return self.world.call(*self.command(*words), **options)

    def load(self, archive):
        self.call("load", "-i", archive)

    def inspect(self, name, key=None):
        found = json.loads(self.call("inspect", name).stdout)[0]
        return found[key] if key else found


class Podman:
    """Podman with a storage, a runtime folder and a configuration of its own."""

    def __init__(self, world, runtime):
        self.world, self.runtime = world, runtime
        conf = world.top / "containers.conf"
        # On machines without CAP_SYS_RESOURCE podman's own defaults lie above the hard limits.
        conf.write_text('[containers]\ndefault_ulimits = ["nofile=1024:4096", "nproc=4096:4096"]\n[engine]\nevents_logger = "file"\ncgroup_manager = "cgroupfs"\n')
        (world.top / "policy.json").write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
        world.env["CONTAINERS_CONF"] = str(conf)
        world.call("sh", "-c", f"mkdir -p /etc/containers && touch /run/policy && if [ -e /etc/containers/policy.json ]; then "
                               f"mount --bind {world.top}/policy.json /etc/containers/policy.json; fi")
        archive = test_image(world)
        self.call("load", "--signature-policy", world.top / "policy.json", "-i", archive)

    def command(self, *words):
        return [peer("podman"), "--root", self.world.top / "root", "--runroot", self.world.top / "runroot", "--tmpdir", self.world.top / "tmp",
                "--cgroup-manager", "cgroupfs", "--runtime", self.runtime, *map(str, words)]

    def call(self, *words, **options):
        return self.world.call(*self.command(*words), **options)

    def run(self, *words, **options):
        return self.call("run", "--cgroup-parent", self.world.cgroup, "--network", "none", *words, **options)

    def remove(self, name):
        """Removes by force, again when podman 4.3 trips over its own clean-up process (it does with every runtime: "userdata/shm: busy")."""
        for _ in range(5):
            done = self.call("rm", "-f", "-i", "-t", "0", name, check=False)
            if done.returncode == 0 or "userdata/shm" not in done.stderr:
                break
        assert done.returncode == 0, done.stderr

    def inspect(self, name, key=None):
        found = json.loads(self.call("inspect", name).stdout)[0]
        return found[key] if key else found


class Containerd:
    """containerd with fulcrum-oci behind its shim, driven by ctr."""

    def __init__(self, world, runtime):
        self.world, self.runtime = world, runtime
        self.socket = world.top / "containerd.sock"
        config = world.top / "containerd.toml"
        # ctr forgets --runc-binary where users are mapped, and the shim then takes "runc" from PATH.
        (world.top / "bin").mkdir()
        (world.top / "bin/runc").symlink_to(runtime)
        world.env["PATH"] = f"{world.top / 'bin'}:{world.env['PATH']}"
        config.write_text(f'version = 2\nroot = "{world.top}/containerd"\nstate = "{world.top}/state"\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n'
                          f'[grpc]\n  address = "{self.socket}"\n[ttrpc]\n  address = "{self.socket}.ttrpc"\n')
        world.daemon("containerd", peer("containerd"), "--config", config)
        world.await_socket(self.socket, self.command("version"))
        self.image = "docker.io/library/box:latest"
        self.call("images", "import", test_image(world, "docker.io/library/box".rsplit("/", 1)[1]))
        self.image = self.call("images", "ls", "-q").stdout.split()[0]

    def command(self, *words):
        return [peer("ctr"), "--address", self.socket, *map(str, words)]

    def call(self, *words, **options):
        return self.world.call(*self.command(*words), **options)

    def run(self, name, *words, flags=(), **options):
        return self.call("run", "--runc-binary", self.runtime, "--runc-root", self.world.top / "runc-root", "--cgroup", f"{self.world.cgroup}/{name}", *flags,
                         self.image, name, *words, **options)


__all__ = ["Containerd", "Dockerd", "Podman", "Terminal", "World", "find_program", "missing", "peer"]
