"""P1: an OCI runtime runs a static `true`, with the config.json that `runc spec` writes."""
import json
import os
import pathlib
import shutil
import subprocess

from measure import Series, Stopwatch, compare, interleave

from harness.programs import compile_static


def make_bundle(folder, program, cgroup):
    """A bundle with nothing but `/true`; the same configuration for every runtime but its cgroup."""
    folder = pathlib.Path(folder)
    (folder / "rootfs").mkdir(parents=True)
    (folder / "rootfs/true").write_bytes(program)
    (folder / "rootfs/true").chmod(0o755)
    for mount_point in ("proc", "dev", "sys"):
        (folder / "rootfs" / mount_point).mkdir()
    (folder / "config.json").write_text(json.dumps(configuration(cgroup)))
    return folder


def configuration(cgroup):
    """What `runc spec` writes, without the terminal."""
    capabilities = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]
    return {
        "ociVersion": "1.0.2",
        "process": {"terminal": False, "user": {"uid": 0, "gid": 0}, "args": ["/true"], "env": ["PATH=/bin"], "cwd": "/",
                    "capabilities": {kind: capabilities for kind in ("bounding", "effective", "permitted")},
                    "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}], "noNewPrivileges": True},
        "root": {"path": "rootfs", "readonly": True}, "hostname": "bench",
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
            {"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]},
            {"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]},
            {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": ["nosuid", "noexec", "nodev"]},
            {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]},
            {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["nosuid", "noexec", "nodev", "relatime", "ro"]}],
        "linux": {
            "resources": {"devices": [{"allow": False, "access": "rwm"}]}, "cgroupsPath": cgroup,
            "namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount", "cgroup")],
            "maskedPaths": ["/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
                            "/proc/sched_debug", "/sys/firmware", "/proc/scsi"],
            "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]},
    }


def without_unified():
    """Argv prefix: a mount namespace where the unified hierarchy is hidden, for runtimes that refuse the hybrid layout."""
    if not os.path.ismount("/sys/fs/cgroup/unified"):
        return []
    return ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs tmpfs /sys/fs/cgroup/unified && exec "$@"', "sh"]


def measure(bench):
    """The series and verdicts of P1."""
    program = compile_static("true")
    stopwatch, bare = bench.helper("stopwatch"), bench.helper("bare")
    contenders, watches = [], []

    def add(name, command, prefix=()):
        series = Series("P1", name, "ms")
        watch = Stopwatch(stopwatch, bench.folder, name, command, prefix)
        watches.append(watch)
        contenders.append((series, watch.once))
        return series

    def runtime(name, path, prefix=()):
        if not path:
            return Series("P1", f"{name} run", "ms", missing=f"{name} is not installed")
        bundle = make_bundle(bench.folder / f"p1-{name}", program, f"/{bench.key}/{name}")
        return add(f"{name} run", [path, "--root", bench.states / name, "run", "--bundle", bundle, f"{bench.key}-{name}"], prefix)

    rootfs = make_bundle(bench.folder / "p1-bare", program, "/unused") / "rootfs"
    for kind in ("", "dev/pts", "dev/shm", "dev/mqueue"):
        (rootfs / kind).mkdir(exist_ok=True)
    bench.make_cgroup()
    ours = runtime("fulcrum-oci", bench.programs / "fulcrum-oci")
    runc = runtime("runc", shutil.which("runc"))
    crun = runtime("crun", shutil.which("crun"), without_unified())
    plain = add("bare C program, the same without cgroups", [bare, rootfs, "--", "/true"])
    full = add("bare C program, the same", [bare, rootfs, f"{bench.key}/bare", "--", "/true"])
    try:
        interleave(contenders, bench.runs)
    finally:
        for watch in watches:
            watch.close()
    verdicts = [compare("P1", "fulcrum-oci run / runc run", 0.2, ours, runc), compare("P1", "fulcrum-oci run / crun run", 0.7, ours, crun),
                compare("P1", "fulcrum-oci run / bare C program", 2, ours, full)]
    return [ours, crun, runc, full, plain], verdicts
