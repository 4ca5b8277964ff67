"""containerd with fulcrum-oci behind its runc shim, driven by ctr. Needs root."""
import concurrent.futures
import os
import re

import pytest
from strangers import Containerd, Terminal, World, find_program, missing

pytestmark = pytest.mark.skipif(bool(missing("containerd", "ctr", "containerd-shim-runc-v2")), reason=missing("containerd", "ctr", "containerd-shim-runc-v2"))


@pytest.fixture(scope="module")
def containerd():
    world = World()
    try:
        yield Containerd(world, find_program("fulcrum-oci"))
    finally:
        world.close()


@pytest.fixture
def name(containerd):
    """A name; what bears it is gone afterwards."""
    name = f"c-{os.urandom(4).hex()}"
    yield name
    containerd.call("tasks", "kill", "-s", "SIGKILL", name, check=False)
    containerd.call("tasks", "delete", "-f", name, check=False)
    containerd.call("containers", "delete", name, check=False)


@pytest.fixture
def box(containerd, name):
    """A running container."""
    containerd.run(name, "sleep", "1000", flags=["-d", "--env", "COLOUR=blue"])
    return name


def status(containerd, name):
    return re.search(rf"^{name}\s+\d+\s+(\w+)", containerd.call("tasks", "ls").stdout, re.M).group(1)


def test_output_and_exit_status(containerd, name):
    assert containerd.run(name, "echo", "hello", flags=["--rm"]).stdout == "hello\n"
    done = containerd.run(name, "sh", "-c", "echo bad >&2; exit 7", flags=["--rm"], check=False)
    assert (done.returncode, done.stderr) == (7, "bad\n")


def test_programs_that_cannot_start(containerd, name):
    done = containerd.run(name, "/nowhere", flags=["--rm"], check=False)
    assert done.returncode != 0 and "no such file or directory" in done.stderr.lower(), done.stderr


def test_c05_exec(containerd, box):
    assert containerd.call("tasks", "exec", "--exec-id", "e1", box, "sh", "-c", "exit 42", check=False).returncode == 42
    assert containerd.call("tasks", "exec", "--exec-id", "e2", "--cwd", "/data", box, "sh", "-c", "echo $COLOUR; pwd").stdout == "blue\n/data\n"
    assert containerd.call("tasks", "exec", "--exec-id", "e3", "--user", "1000:1000", box, "id", "-u").stdout == "1000\n"
    assert containerd.call("tasks", "exec", "--exec-id", "e4", box, "/nowhere", check=False).returncode != 0
    assert containerd.call("tasks", "exec", "--exec-id", "e5", box, "echo", "after").stdout == "after\n"


def test_c05_a_terminal_for_exec(containerd, box):
    with Terminal(containerd.world.argv(*containerd.command("tasks", "exec", "-t", "--exec-id", "t1", box, "sh")), rows=33, columns=101) as terminal:
        terminal.type("tty; exit 5\n")
        terminal.expect("/dev/pts/")
        assert terminal.wait() == 5


def test_kill_and_state(containerd, box):
    assert status(containerd, box) == "RUNNING"
    containerd.call("tasks", "kill", "-s", "SIGKILL", box)
    for _ in range(200):
        if status(containerd, box) == "STOPPED":
            break
    assert status(containerd, box) == "STOPPED"
    containerd.call("tasks", "delete", box, check=False)
    assert box not in containerd.call("tasks", "ls").stdout


def test_pause_and_resume(containerd, box):
    containerd.call("tasks", "pause", box)
    assert status(containerd, box) == "PAUSED"
    containerd.call("tasks", "resume", box)
    assert status(containerd, box) == "RUNNING"
    assert containerd.call("tasks", "exec", "--exec-id", "e", box, "echo", "on").stdout == "on\n"


def test_c07_limits_metrics_and_processes(containerd, name):
    containerd.run(name, "sleep", "1000", flags=["-d", "--memory-limit", str(64 << 20), "--cpus", "0.5"])
    pid = re.search(rf"^{name}\s+(\d+)", containerd.call("tasks", "ls").stdout, re.M).group(1)
    paths = {line.split(":")[1]: line.rstrip("\n").split(":", 2)[2] for line in open(f"/proc/{pid}/cgroup")}
    if "memory" in paths:
        assert open(f"/sys/fs/cgroup/memory{paths['memory']}/memory.limit_in_bytes").read() == f"{64 << 20}\n"
        assert open(f"/sys/fs/cgroup/cpu{paths['cpu']}/cpu.cfs_quota_us").read() == "50000\n"
    assert re.search(r"pids.current\s+1", containerd.call("tasks", "metrics", name).stdout)
    assert pid in containerd.call("tasks", "ps", name).stdout


def test_c06_memory_beyond_the_limit_is_killed_and_published(containerd, name):
    events = containerd.world.spawn(*containerd.command("events"))
    try:
        assert containerd.run(name, "eat", "200", flags=["--memory-limit", str(32 << 20)], check=False).returncode == 137
        seen = b""
        while b"/tasks/oom" not in seen:
            line = events.stdout.readline()
            assert line, seen
            seen += line
            assert b"/tasks/delete" not in line, seen
    finally:
        events.kill()
        events.wait()
        events.stdout.close()


def test_read_only_root_and_mounts(containerd, name):
    host = containerd.world.top / "shared"
    host.mkdir(exist_ok=True)
    (host / "in").write_text("from the host\n")
    done = containerd.run(name, "sh", "-c", "touch /x; cat /h/in; touch /h/no; touch /s/yes && stat -c %a /s", check=False, flags=[
        "--rm", "--read-only", "--mount", f"type=bind,src={host},dst=/h,options=rbind:ro", "--mount", "type=tmpfs,src=tmpfs,dst=/s,options=mode=700"])
    assert done.stderr.count("Read-only file system") == 2
    assert done.stdout == "from the host\n700\n"


def test_c08_user_namespace(containerd, name):
    done = containerd.run(name, "sh", "-c", "id -u; touch /made && stat -c %u /made; cat /proc/self/uid_map",
                          flags=["--rm", "--uidmap", "0:100000:65536", "--gidmap", "0:100000:65536"])
    assert done.stdout.split()[:4] == ["0", "0", "0", "100000"]


def test_many_at_once(containerd):
    def one(number):
        return containerd.run(f"many-{number}", "sh", "-c", f"echo {number}; exit {number}", flags=["--rm"], check=False)

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        for number, done in enumerate(pool.map(one, range(12))):
            assert (done.returncode, done.stdout) == (number, f"{number}\n"), done.stderr


def test_c22_thirty_cycles_leave_nothing(containerd):
    containerd.run("cycle", "true", flags=["--rm"])
    before = containerd.world.snapshot()
    for _ in range(30):
        containerd.run("cycle", "true", flags=["--rm", "--memory-limit", str(64 << 20)])
    assert not containerd.world.settle(before)
