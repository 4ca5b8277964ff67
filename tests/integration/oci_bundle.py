"""Bundles with busybox, run by the fulcrum-oci under test."""
import copy
import json
import os
import pathlib
import shutil
import subprocess

TOP = pathlib.Path(__file__).resolve().parents[2]


def find_program(name):
    """A program under test: in FULCRUM_BIN_DIR, else in the newest build; nothing when it is not built."""
    named = os.environ.get("FULCRUM_BIN_DIR")
    folders = [pathlib.Path(named)] if named else [TOP / f"build/{preset}/bin" for preset in ("dev", "release")]
    found = [folder / name for folder in folders if (folder / name).exists()]
    return max(found, key=lambda path: path.stat().st_mtime) if found else None


CAPABILITIES = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_MKNOD", "CAP_SETGID", "CAP_SETUID", "CAP_KILL", "CAP_SYSLOG"]

CONFIG = {
    "ociVersion": "1.0.2",
    "process": {
        "user": {"uid": 0, "gid": 0}, "args": ["true"], "env": ["PATH=/bin"], "cwd": "/",
        "capabilities": {kind: CAPABILITIES for kind in ("bounding", "effective", "permitted")},
    },
    "root": {"path": "rootfs"},
    "mounts": [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
        {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]},
        {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["nosuid", "noexec", "nodev", "ro"]},
    ],
    "linux": {
        "namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts", "network")],
        "resources": {"devices": [{"allow": False, "access": "rwm"}]},
    },
}


def config(args, cgroup, **linux):
    """A config.json that runs `args`; `linux` is laid over its linux section, with resources merged."""
    out = copy.deepcopy(CONFIG)
    out["process"]["args"] = args
    out["linux"]["cgroupsPath"] = cgroup
    out["linux"]["resources"].update(linux.pop("resources", {}))
    out["linux"].update(linux)
    return out


class Runtime:
    """fulcrum-oci with a state root of its own. delete_all() leaves nothing."""

    def __init__(self, folder):
        self.folder = folder
        self.root = folder / "state"
        self.program = find_program("fulcrum-oci")
        self.prefix = f"fulcrum-oci-test-{os.getpid()}-{os.urandom(3).hex()}"
        self.ids = []

    def call(self, *argv, check=True, timeout=60):
        done = subprocess.run([self.program, "--root", self.root, *argv], capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL)
        if check:
            assert done.returncode == 0, f"{argv}: {done.returncode}: {done.stdout}{done.stderr}"
        return done

    def bundle(self, args, **linux):
        """Makes a bundle; returns (container id, its folder)."""
        name = f"{self.prefix}-{len(self.ids)}"
        self.ids.append(name)
        folder = self.folder / name
        (folder / "rootfs" / "bin").mkdir(parents=True)
        for mount_point in ("proc", "dev", "sys", "tmp"):
            (folder / "rootfs" / mount_point).mkdir()
        shutil.copy(shutil.which("busybox"), folder / "rootfs" / "bin" / "busybox")
        for applet in ("sh", "cat", "mkdir", "mknod", "sleep", "true", "echo", "id", "dd", "grep", "head"):
            (folder / "rootfs" / "bin" / applet).symlink_to("busybox")
        (folder / "config.json").write_text(json.dumps(config(args, "/" + name, **linux)))
        return name, folder

    def run(self, *args, check=True, **linux):
        """Runs a container to its end."""
        name, folder = self.bundle(list(args), **linux)
        return self.call("run", "--bundle", folder, name, check=check)

    def start(self, *args, **linux):
        """Starts a container in the background; returns its id."""
        name, folder = self.bundle(list(args), **linux)
        # Its standard streams must not be our pipes, which would stay open as long as it lives.
        subprocess.run([self.program, "--root", self.root, "run", "--detach", "--bundle", folder, name], check=True, timeout=60,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        return name

    def state(self, name):
        return json.loads(self.call("state", name).stdout)

    def delete_all(self):
        for name in self.ids:
            self.call("delete", "--force", name, check=False)


def cgroup_folders(name):
    """Every folder of a container's cgroup, by hierarchy mounted below /sys/fs/cgroup."""
    top = pathlib.Path("/sys/fs/cgroup")
    return [folder for folder in [top / name, *(hierarchy / name for hierarchy in top.iterdir() if hierarchy.is_dir())] if folder.is_dir()]


def cgroup_file(name, *files):
    """The content of the first of these files that exists in the container's cgroup (v1 and v2 names differ)."""
    for folder in cgroup_folders(name):
        for file in files:
            if (folder / file).exists():
                return (folder / file).read_text().strip()
    raise AssertionError(f"none of {files} in the cgroup of {name}")
