"""P7 and P8: what the engine itself holds in memory, per container and at rest."""
import pathlib
import re
import time

from measure import Series, bounded, compare

from harness.engine import Engine
from harness.images import busybox_image
from strangers import Dockerd, Podman, World, missing, peer

CONTAINERS = 50
WORKLOADS = 10


def processes(name, folder):
    """Pids of processes whose program has this name (its first 15 bytes) and whose command line names the folder: ours, not somebody else's."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "comm").read_text().strip() == name[:15] and str(folder).encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def memory(pid, kind):
    """MiB of a process: `Pss` or `Rss`."""
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(rf"^{kind}:\s+(\d+) kB", text, re.M).group(1)) / 1024


def shares(name, folder):
    """PSS of every such process."""
    return [memory(pid, "Pss") for pid in processes(name, folder)]


def engine_with(bench, count):
    """A running engine with so many sleeping containers."""
    engine = Engine(bench.programs)
    engine.start()
    engine.ok("image", "load", "-i", busybox_image(engine.scratch / "box.tar"))
    for number in range(count):
        engine.ok("run", "-d", "--name", f"w{number}", "box", "sleep", "100000")
    return engine


def measure_shims(bench):
    """P7: PSS of the process that stays beside each container."""
    ours = Series("P7", f"fulcrum-shim, PSS each of {CONTAINERS}", "MiB")
    conmon = Series("P7", f"conmon (podman), PSS each of {CONTAINERS}", "MiB", missing=missing("podman", "conmon", "crun", "runc"))
    shim = Series("P7", f"containerd-shim (dockerd), PSS each of {CONTAINERS}", "MiB", missing=missing("dockerd", "docker", "containerd", "runc"))
    engine = None
    try:
        engine = engine_with(bench, CONTAINERS)
        ours.values = shares("fulcrum-shim", engine.top)
    finally:
        if engine:
            bench.complain(engine.destroy())
    for series, program, make in ((conmon, "conmon", lambda world: Podman(world, peer("runc"))), (shim, "containerd-shim", Dockerd)):
        if series.missing:
            continue
        world = World()
        try:
            client = make(world)
            run = client.run if program == "conmon" else lambda *words: client.call("run", "--network", "none", *words)
            for _ in range(CONTAINERS):
                run("-d", "box", "sleep", "100000")
            series.values = shares(program, world.top)
        finally:
            world.close()
    return [ours, conmon, shim], [compare("P7", "fulcrum-shim / conmon", 1, ours, conmon), compare("P7", "fulcrum-shim / containerd-shim", 1, ours, shim)]


def at_rest(pids, runs):
    """Sums of RSS over some processes, sampled while nothing happens."""
    values = []
    for _ in range(runs):
        values.append(sum(memory(pid, "Rss") for pid in pids))
        time.sleep(0.1)
    return values


def measure_daemon(bench):
    """P8: RSS of the daemons, idle with ten containers."""
    ours = Series("P8", f"fulcrumd, RSS idle with {WORKLOADS}", "MiB")
    theirs = Series("P8", f"dockerd + containerd, RSS idle with {WORKLOADS}", "MiB", missing=missing("dockerd", "docker", "containerd", "runc"))
    engine = None
    try:
        engine = engine_with(bench, WORKLOADS)
        time.sleep(2)  # what was begun ends
        ours.values = at_rest([engine.daemon.pid], bench.runs)
    finally:
        if engine:
            bench.complain(engine.destroy())
    if not theirs.missing:
        world = World()
        try:
            docker = Dockerd(world)
            for _ in range(WORKLOADS):
                docker.call("run", "-d", "--network", "none", "box", "sleep", "100000")
            time.sleep(2)
            theirs.values = at_rest([pid for name in ("dockerd", "containerd") for pid in processes(name, world.top)], bench.runs)
        finally:
            world.close()
    return [ours, theirs], [bounded("P8", "fulcrumd RSS in MiB", 30, ours), compare("P8", "fulcrumd / dockerd + containerd", 30 / 120, ours, theirs)]
