"""An engine of an ordinary user, who exists only in a private mount namespace: the machine's own files are not touched."""
import os
import pathlib
import random
import subprocess

from harness.engine import DEADLINE, Engine

OUTSIDE = "192.0.2.1"  # an address of the host that is not loopback
SCRIPT = """
set -e
for file in passwd group subuid subgid resolv.conf; do mount --bind "$1/etc/$file" "/etc/$file"; done
mount --bind "$2" "$1/bin"
if [ -e "$1/tun" ]; then mount --bind "$1/tun" /dev/net/tun; fi
ip link set lo up
ip address add $3/32 dev lo
echo up
exec cat
"""


def alive(pid):
    """Is it there, and no zombie that its new parent has not looked at yet?"""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


class RootlessEngine(Engine):
    """fulcrumd as an ordinary user with the folders that it chooses by itself. `subids`: whether the user has ranges of further ids;
    `delegate`: whether the user has cgroups; `tun`: whether slirp4netns can work."""

    def __init__(self, bin_dir, subids=True, delegate=False, tun=True, network=None, **options):
        self.uid = random.randrange(20_000, 60_000)
        self.first = 200_000 + 65_536 * random.randrange(10_000)
        self.subids, self.tun, self.kept = subids, tun, set()
        self.real_bin = pathlib.Path(bin_dir)
        super().__init__(bin_dir, **options)
        self.data, self.run = self.top / "home/.local/share/fulcrum", self.top / "xdg/fulcrum"
        self.socket = self.run / "fulcrum.sock"
        self.bin = self.top / "bin"
        self.args += ["--rootless-network", network] if network else []
        self.env = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": str(self.top / "home"), "XDG_RUNTIME_DIR": str(self.top / "xdg"),
                    "LANG": "C.UTF-8", "TERM": os.environ.get("TERM", "xterm")}
        if delegate:
            self._delegate()

    def _make_namespace(self):
        """Mount and network namespaces in which the user exists."""
        name = f"u{self.key}"
        for folder in ("etc", "bin", "home", "xdg"):
            (self.top / folder).mkdir()
        ranges = f"{name}:{self.first}:65536\n" if self.subids else ""
        user, group = f"{name}:x:{self.uid}:{self.uid}::{self.top}/home:/bin/sh\n", f"{name}:x:{self.uid}:\n"
        for file, text in (("passwd", pathlib.Path("/etc/passwd").read_text() + user), ("group", pathlib.Path("/etc/group").read_text() + group),
                           ("subuid", ranges), ("subgid", ranges), ("resolv.conf", f"nameserver {OUTSIDE}\n")):
            (self.top / "etc" / file).write_text(text)
            (self.top / "etc" / file).chmod(0o644)
        for path in (self.top, self.scratch, self.top / "home", self.top / "xdg"):
            os.chown(path, self.uid, self.uid)
        (self.top / "xdg").chmod(0o700)
        if self.tun and os.path.exists("/dev/net/tun"):
            os.mknod(self.top / "tun", 0o020666, os.stat("/dev/net/tun").st_rdev)
            (self.top / "tun").chmod(0o666)
        holder = subprocess.Popen(["unshare", "--net", "--mount", "--propagation", "private", "sh", "-c", SCRIPT, "sh", str(self.top), str(self.real_bin), OUTSIDE],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert holder.stdout.readline() == b"up\n"
        self.mounts = f"/proc/{holder.pid}/ns/mnt"
        return holder

    def _delegate(self):
        """What a machine's administrator does for the user: a cgroup in every v1 hierarchy."""
        for hierarchy in pathlib.Path("/sys/fs/cgroup").iterdir():
            if not (hierarchy / "tasks").exists() or hierarchy.is_symlink():
                continue
            folder = hierarchy / self.cgroup.lstrip("/")
            folder.mkdir(exist_ok=True)
            for file in ("cpuset.cpus", "cpuset.mems"):
                if (hierarchy / file).exists():
                    (folder / file).write_text((hierarchy / file).read_text())
            for path in (folder, folder / "tasks", folder / "cgroup.procs"):
                os.chown(path, self.uid, self.uid)

    def enter(self):
        ids = str(self.uid)
        return ["nsenter", f"--net={self.netns}", f"--mount={self.mounts}", "setpriv", f"--reuid={ids}", f"--regid={ids}", "--clear-groups", "--"]

    def daemon_flags(self):
        return ["--cgroup-parent", self.cgroup, "--instance", self.key]

    def unprivileged(self, *argv, **kwargs):
        """Runs a program as the user, outside the engine's namespaces."""
        return subprocess.run([*self.enter(), *map(str, argv)], env=self.env, **{"capture_output": True, "text": True, "timeout": DEADLINE, **kwargs})

    def within(self, *argv, **kwargs):
        """Runs a program inside the engine's namespaces."""
        return self.unprivileged(self.bin / "fulcrumd", "--rootless-enter", *argv, **kwargs)

    def pin(self, name):
        """The pid that a file of <run>/rootless names, or None."""
        try:
            return int((self.run / "rootless" / name).read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return None

    def leaks(self):
        alive = self.daemon and self.daemon.poll() is None
        kept = [f"process {pid} " for pid in (self.pin("holder"), self.pin("slirp4netns")) if pid and alive]
        problems = [problem for problem in super().leaks() if not any(problem.startswith(start) for start in kept)]
        if alive:
            problems += [f"link {line}" for line in self.within("ip", "-o", "link").stdout.splitlines() if "veth" in line]
        return problems

    def destroy(self):
        problems = super().destroy()
        if self.daemon:  # with no workload left, the end of the daemon ends the namespaces
            problems += [f"process {pid} outlived the engine" for pid in self.kept if alive(pid)]
        return problems

    def start(self, wait=True):
        super().start(wait)
        self.kept |= {pid for pid in (self.pin("holder"), self.pin("slirp4netns")) if pid}
