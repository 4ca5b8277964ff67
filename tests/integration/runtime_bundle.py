"""Bundles for the tests of fulcrum-oci: a busybox root, a config.json to be changed, and commands on one container."""
import json
import os
import pathlib
import shutil
import socket
import subprocess
import time
import uuid

APPLETS = "sh true false ls cat ps id mount sleep echo env hostname stat mkdir touch test head grep wc dd kill tail chmod nc seq umask tty readlink".split()
CAPABILITIES = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_KILL", "CAP_NET_BIND_SERVICE", "CAP_SETUID", "CAP_SETGID", "CAP_MKNOD"]


def bin_dir():
    """The folder of the programs under test."""
    named = os.environ.get("FULCRUM_BIN_DIR")
    return pathlib.Path(named) if named else pathlib.Path(__file__).resolve().parents[2] / "build/dev/bin"


def make_rootfs(path):
    """A root file system of busybox alone."""
    (path / "bin").mkdir(parents=True)
    for name in ("proc", "sys", "dev", "tmp", "etc"):
        (path / name).mkdir()
    shutil.copy("/bin/busybox", path / "bin/busybox")
    for applet in APPLETS:
        (path / "bin" / applet).symlink_to("busybox")
    (path / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n")


def base_config():
    """A small, ordinary configuration."""
    return {
        "ociVersion": "1.0.2",
        "process": {
            "terminal": False, "user": {"uid": 0, "gid": 0}, "args": ["true"], "env": ["PATH=/bin"], "cwd": "/",
            "capabilities": {kind: list(CAPABILITIES) for kind in ("bounding", "effective", "permitted")},
            "noNewPrivileges": True,
        },
        "root": {"path": "rootfs", "readonly": False},
        "hostname": "box",
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
            {"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]},
        ],
        "linux": {"namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount", "cgroup")]},
    }


class Bundle:
    """One bundle with its own state root, container id and cgroup."""

    def __init__(self, scratch):
        self.scratch = scratch
        self.path = scratch / "bundle"
        self.path.mkdir()
        self.rootfs = self.path / "rootfs"
        make_rootfs(self.rootfs)
        self.root = scratch / "state"
        self.id = "t-" + uuid.uuid4().hex[:12]
        self.config = base_config()
        self.config["linux"]["cgroupsPath"] = f"/fulcrum-runtime-test-{self.id}"
        self.hooks_log = scratch / "hooks.log"

    def oci(self, *args, **kwargs):
        """Runs fulcrum-oci and returns the finished process."""
        kwargs.setdefault("stdin", subprocess.DEVNULL)
        kwargs.setdefault("timeout", 60)
        return subprocess.run([bin_dir() / "fulcrum-oci", "--root", str(self.root), *map(str, args)], capture_output=True, text=True, **kwargs)

    def ok(self, *args, **kwargs):
        done = self.oci(*args, **kwargs)
        assert done.returncode == 0, f"{args}: {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout

    def detached(self, *args):
        """A command whose process outlives it, so that its streams cannot be pipes to us."""
        with open(self.scratch / "out", "a") as out:
            done = subprocess.run([bin_dir() / "fulcrum-oci", "--root", str(self.root), *map(str, args)], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                  timeout=60)
        assert done.returncode == 0, (self.scratch / "out").read_text()

    def write(self, args=None):
        if args is not None:
            self.config["process"]["args"] = list(args)
        (self.path / "config.json").write_text(json.dumps(self.config))

    def run(self, *args, flags=(), **kwargs):
        """Writes the configuration and runs it in the foreground."""
        self.write(args or None)
        return self.oci("run", *flags, "--bundle", self.path, self.id, **kwargs)

    def output(self, *args, **kwargs):
        """What a program in the container prints; it must succeed."""
        done = self.run(*args, **kwargs)
        assert done.returncode == 0, f"{done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout

    def refused(self, *args, **kwargs):
        """The error of a configuration that must be refused, with nothing left behind."""
        done = self.run(*args, **kwargs)
        assert done.returncode == 1, f"{done.returncode}: {done.stdout}{done.stderr}"
        assert not (self.root / self.id).exists()
        return done.stderr

    def create(self, *args, flags=()):
        self.write(args or None)
        self.detached("create", "--bundle", self.path, *flags, self.id)

    def started(self, *args, flags=()):
        self.create(*args, flags=flags)
        self.ok("start", self.id)

    def state(self):
        return json.loads(self.ok("state", self.id))

    def wait_status(self, status):
        """Waits on the process itself, not on the clock."""
        deadline = time.monotonic() + 10
        while (state := self.oci("state", self.id)).returncode != 0 or json.loads(state.stdout)["status"] != status:
            assert time.monotonic() < deadline, state
            time.sleep(0.01)

    def cgroups(self):
        return [p for p in pathlib.Path("/sys/fs/cgroup").glob(f"*/fulcrum-runtime-test-{self.id}")]

    def leftovers(self):
        """Kills and deletes; then names what should not be there any more."""
        self.oci("delete", "--force", self.id)
        left = [str(p) for p in self.cgroups()]
        if (self.root / self.id).exists():
            left.append(str(self.root / self.id))
        mounts = pathlib.Path("/proc/self/mountinfo").read_text()
        left += [line for line in mounts.splitlines() if str(self.scratch) in line]
        return left

    def hook(self, text, **more):
        """A hook that runs a shell line; standard input has the state."""
        return {"path": "/bin/sh", "args": ["sh", "-c", text], "env": ["PATH=/usr/bin:/bin"], **more}


def receive_terminal(listener):
    """Takes the master that the runtime sends to a console socket."""
    connection, _ = listener.accept()
    with connection:
        _, fds, _, _ = socket.recv_fds(connection, 4096, 1)
    return fds[0]
