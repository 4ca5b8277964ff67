"""P11: containers come and go a thousand times; what is left is counted."""
import os
import time

from measure import Series, bounded

from harness.engine import Engine
from harness.images import busybox_image


def files(engine):
    """Files and folders below the engine's own folders."""
    return {str(path) for folder in (engine.data, engine.run) for path in folder.rglob("*")}


def descriptors(pid):
    """Open descriptors of the daemon."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def plural(word):
    return word + ("es" if word.endswith("s") else "s")


def measure(bench):
    """The series and verdicts of P11."""
    name = f"left after {bench.cycles} cycles of run --rm"
    engine = Engine(bench.programs)
    times = Series("P11", "one cycle: fulcrum run --rm box true", "ms")
    kinds = ("process", "cgroup", "mount", "link", "file", "descriptor")
    left = {kind: Series("P11", f"{plural(kind)} {name}", "") for kind in kinds}
    try:
        engine.start()
        engine.ok("image", "load", "-i", busybox_image(engine.scratch / "box.tar"))
        for _ in range(3):
            engine.ok("run", "--rm", "box", "true")
        time.sleep(2)  # what ends behind the answer
        files_before, fds_before, leaks_before = files(engine), descriptors(engine.daemon.pid), len(engine.leaks())
        for _ in range(bench.cycles):
            begun = time.monotonic()
            engine.ok("run", "--rm", "box", "true")
            times.values.append((time.monotonic() - begun) * 1000)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            leaks, extra = engine.leaks(), files(engine) - files_before
            fds = descriptors(engine.daemon.pid) - fds_before
            if len(leaks) <= leaks_before and not extra and fds <= 0:
                break
            time.sleep(0.2)
        for kind in kinds[:4]:
            left[kind].values = [sum(leak.startswith(kind + " ") for leak in leaks)]
        left["file"].values, left["descriptor"].values = [len(extra)], [max(0, fds)]
        for what in [*leaks, *sorted(extra)][:20]:
            bench.note(f"P11: left: {what}")
    finally:
        bench.complain(engine.destroy())
    return [times, *left.values()], [bounded("P11", f"{plural(kind)} left", 0, series) for kind, series in left.items() if kind != "descriptor"]
