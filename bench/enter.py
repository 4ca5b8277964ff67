"""P3: a command runs in a container that is already up, through the command line."""
from measure import Series, Stopwatch, compare, interleave

from harness.engine import Engine
from harness.images import busybox_image
from harness.programs import compile_static
from strangers import Dockerd, World, missing


def measure(bench):
    """The series and verdicts of P3."""
    ours, theirs = Series("P3", "fulcrum exec", "ms"), Series("P3", "docker exec, dockerd with runc", "ms")
    stopwatch = bench.helper("stopwatch")
    engine, world, watches, contenders = Engine(bench.programs), None, [], []
    try:
        engine.start()
        image = busybox_image(engine.scratch / "box.tar", extra={"bin/nop": compile_static("true")})
        engine.ok("image", "load", "-i", image)
        engine.ok("run", "-d", "--name", "box", "--network", "none", "box", "sleep", "100000")
        watches.append(Stopwatch(stopwatch, bench.folder, "fulcrum exec", [engine.bin / "fulcrum", "--socket", engine.socket, "exec", "box", "/bin/nop"]))
        contenders.append((ours, watches[-1].once))
        theirs.missing = missing("dockerd", "docker", "containerd", "runc")
        if not theirs.missing:
            world = World()
            docker = Dockerd(world)
            docker.load(image)
            docker.call("run", "-d", "--name", "box", "--network", "none", "box", "sleep", "100000")
            watches.append(Stopwatch(stopwatch, bench.folder, "docker exec", docker.command("exec", "box", "/bin/nop")))
            contenders.append((theirs, watches[-1].once))
        interleave(contenders, bench.runs)
    finally:
        for watch in watches:
            watch.close()
        if world:
            world.close()
        bench.complain(engine.destroy())
    return [ours, theirs], [compare("P3", "fulcrum exec / docker exec on dockerd", 1 / 6, ours, theirs)]
