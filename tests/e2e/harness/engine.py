"""A private engine: fulcrumd in a network namespace of its own, and the ways to talk to it."""
import http.client
import json
import os
import pathlib
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid

DEADLINE = 60  # seconds; a machine that is busy still gets there


class Failed(AssertionError):
    """A command that should have worked did not."""


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout=DEADLINE):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self.path))


class Engine:
    def __init__(self, bin_dir, args=(), env=None, netns_of=None):
        self.bin = pathlib.Path(bin_dir)
        self.key = uuid.uuid4().hex[:8]
        self.top = pathlib.Path(tempfile.mkdtemp(prefix=f"fulcrum-{self.key}-"))
        self.scratch = self.top / "scratch"
        self.scratch.mkdir()
        self.data, self.run = self.top / "data", self.top / "run"
        self.socket = self.run / "fulcrum.sock"
        self.cgroup = f"/fulcrum-{self.key}"
        self.args, self.env = list(args), {**os.environ, **(env or {})}
        self.log = self.top / "daemon.log"
        self.daemon = None
        self.observers = []  # called when the engine ends; each returns what it found wrong
        self.holder = None if netns_of else self._make_namespace()
        self.netns = netns_of.netns if netns_of else f"/proc/{self.holder.pid}/ns/net"

    # ---- life ----

    def _make_namespace(self):
        """A process that keeps a network namespace alive, with lo up."""
        holder = subprocess.Popen(["unshare", "--net", "sh", "-c", "ip link set lo up && echo up && exec cat"], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE)
        assert holder.stdout.readline() == b"up\n"
        return holder

    def enter(self):
        """What starts a program where the engine is, as whoever it belongs to."""
        return ["nsenter", f"--net={self.netns}"]

    def daemon_flags(self):
        return ["--data-dir", str(self.data), "--run-dir", str(self.run), "--socket", str(self.socket), "--cgroup-parent", self.cgroup, "--instance", self.key]

    def start(self, wait=True):
        """Starts the daemon and returns when it serves."""
        read, write = os.pipe()
        os.set_inheritable(write, True)
        argv = [*self.enter(), str(self.bin / "fulcrumd"), *self.daemon_flags(), "--ready-fd", str(write), *self.args]
        with open(self.log, "ab") as log:
            self.daemon = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=[write], env=self.env)
        os.close(write)
        if wait:
            ready, _, _ = select.select([read], [], [], DEADLINE)
            got = os.read(read, 64) if ready else b""
            if not got:
                os.close(read)
                raise Failed(f"the daemon did not come up: {self.log.read_text()[-3000:]}")
        os.close(read)

    def kill9(self):
        """The daemon dies as it stands."""
        self.daemon.kill()
        self.daemon.wait()

    def stop(self):
        """The daemon ends in good order; workloads go on."""
        self.daemon.terminate()
        self.daemon.wait(DEADLINE)

    def restart(self, hard=False):
        self.kill9() if hard else self.stop()
        self.start()

    # ---- talking to it ----

    def command(self, *args):
        """argv of a CLI call inside the engine's network namespace."""
        return [*self.enter(), str(self.bin / "fulcrum"), "--socket", str(self.socket), *map(str, args)]

    def cli(self, *args, input=None, timeout=DEADLINE, env=None):
        """Runs the command line; never raises for its exit status."""
        return subprocess.run(self.command(*args), input=input, capture_output=True, text=True, timeout=timeout, env={**self.env, **(env or {})})

    def ok(self, *args, **kwargs):
        """Runs the command line, which must succeed; returns what it printed, without the last newline."""
        done = self.cli(*args, **kwargs)
        if done.returncode != 0:
            raise Failed(f"fulcrum {' '.join(map(str, args))}: exit {done.returncode}\n{done.stdout}{done.stderr}\n-- daemon --\n{self.tail()}")
        return done.stdout.removesuffix("\n")

    def spawn(self, *args, **kwargs):
        """Starts the command line and leaves it running."""
        return subprocess.Popen(self.command(*args), **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **kwargs})

    def inside(self, *argv, **kwargs):
        """Runs a program in the engine's network namespace."""
        return subprocess.run(["nsenter", f"--net={self.netns}", *map(str, argv)], **{"capture_output": True, "text": True, "timeout": DEADLINE, **kwargs})

    def request(self, method, path, body=None, headers=None):
        """One call of the native API: (status, decoded JSON or text)."""
        connection = UnixConnection(self.socket)
        try:
            data = json.dumps(body) if isinstance(body, (dict, list)) else body
            connection.request(method, path, data, {"Content-Type": "application/json", **(headers or {})})
            response = connection.getresponse()
            text = response.read()
            try:
                return response.status, json.loads(text) if text else None
            except ValueError:
                return response.status, text.decode(errors="replace")
        finally:
            connection.close()

    def inspect(self, name):
        status, workload = self.request("GET", f"/v1/workloads/{name}")
        assert status == 200, workload
        return workload

    def phase(self, name):
        return self.inspect(name)["status"]["phase"]

    def wait(self, name, condition, timeout=DEADLINE):
        """Blocks in the API until the condition holds."""
        return json.loads(self.ok("wait", "--condition", condition, "--format", "json", name, timeout=timeout))

    def tail(self, size=3000):
        return self.log.read_text(errors="replace")[-size:] if self.log.exists() else ""

    # ---- the end ----

    def processes(self):
        """Processes that carry one of this engine's folders in their command line."""
        found = []
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            try:
                line = pathlib.Path(f"/proc/{entry}/cmdline").read_bytes()
            except OSError:
                continue
            if str(self.top).encode() in line and int(entry) != os.getpid():
                found.append((int(entry), line.replace(b"\0", b" ").decode(errors="replace")[:160]))
        return found

    def cgroups(self):
        found = []
        for hierarchy in pathlib.Path("/sys/fs/cgroup").iterdir():
            folder = hierarchy / self.cgroup.lstrip("/")
            if folder.is_dir():
                found += [str(p) for p in folder.rglob("*") if p.is_dir()]
        return found

    def leaks(self):
        """What is left of workloads: processes but the daemon, cgroups below the parent, mounts, links."""
        daemon = self.daemon.pid if self.daemon and self.daemon.poll() is None else 0
        problems = [f"process {pid} {line}" for pid, line in self.processes() if pid != daemon]
        problems += [f"cgroup {path}" for path in self.cgroups()]
        mounts = pathlib.Path("/proc/self/mountinfo").read_text().splitlines()
        problems += [f"mount {line.split()[4]}" for line in mounts if str(self.top) in line]
        links = json.loads(self.inside("ip", "-j", "link").stdout or "[]")
        problems += [f"link {link['ifname']}" for link in links if link.get("linkinfo", {}).get("info_kind") == "veth" or link["ifname"].startswith(("veth", "tap"))]
        return problems

    def destroy(self):
        """Ends everything and removes it. Returns what the engine should have cleaned up by itself and did not."""
        problems = []
        try:
            if self.daemon and self.daemon.poll() is not None and self.socket.parent.exists():
                self.start()
            if self.daemon:
                status, listing = self.request("GET", "/v1/workloads?all=true")
                for item in (listing or {}).get("items", []) if status == 200 else []:
                    self.request("DELETE", f"/v1/workloads/{item['metadata']['uid']}?force=true&volumes=true")
                deadline = time.monotonic() + 10
                while (problems := self.leaks()) and time.monotonic() < deadline:
                    time.sleep(0.05)  # the last shims are on their way out; there is no event for processes that are not ours
        except (OSError, Failed, ValueError, http.client.HTTPException) as error:
            problems = [f"{error}\n{self.tail()}"]
        finally:
            if self.daemon and self.daemon.poll() is None:
                self.daemon.terminate()
                try:
                    self.daemon.wait(DEADLINE)
                except subprocess.TimeoutExpired:
                    problems.append("the daemon did not end on SIGTERM")
                    self.daemon.kill()
                    self.daemon.wait()
            for pid, line in self.processes():
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            self._remove_cgroups()
            if self.holder:
                self.holder.stdin.close()
                self.holder.wait(DEADLINE)
                self.holder.stdout.close()
            shutil.rmtree(self.top, ignore_errors=True)
            if self.top.exists():
                problems.append(f"{self.top} cannot be removed")
        return problems

    def _remove_cgroups(self):
        for hierarchy in pathlib.Path("/sys/fs/cgroup").iterdir():
            folder = hierarchy / self.cgroup.lstrip("/")
            if folder.is_dir():
                for path in sorted((p for p in folder.rglob("*") if p.is_dir()), reverse=True):
                    self._rmdir(path)
                self._rmdir(folder)

    @staticmethod
    def _rmdir(path):
        try:
            path.rmdir()
        except OSError:
            pass
