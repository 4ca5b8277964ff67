"""Debian's dockerd with fulcrum-oci as its runtime, driven by the docker command line. Needs root."""
import concurrent.futures
import json
import os

import pytest
from strangers import Dockerd, Terminal, World, find_program, missing

pytestmark = pytest.mark.skipif(bool(missing("dockerd", "docker", "containerd")), reason=missing("dockerd", "docker", "containerd"))


@pytest.fixture(scope="module")
def docker():
    world = World()
    try:
        daemon = Dockerd(world, find_program("fulcrum-oci"))
        yield daemon
        names = daemon.call("ps", "-aq").stdout.split()
        if names:
            daemon.call("rm", "-f", "-v", *names, check=False)
    finally:
        world.close()


@pytest.fixture
def box(docker):
    """A running container that is gone afterwards."""
    name = f"box-{os.urandom(4).hex()}"
    docker.call("run", "-d", "--name", name, "--network", "none", "-e", "COLOUR=blue", "box", "sleep", "1000")
    yield name
    docker.call("rm", "-f", name, check=False)


def run(docker, *words, **options):
    return docker.call("run", "--rm", "--network", "none", *words, **options)


def test_output_and_exit_status(docker):
    assert docker.inspect(docker.call("create", "box", "true").stdout.strip())["HostConfig"]["Runtime"] == "fulcrum"
    assert run(docker, "box", "echo", "hello").stdout == "hello\n"
    done = run(docker, "box", "sh", "-c", "echo bad >&2; exit 7", check=False)
    assert (done.returncode, done.stderr) == (7, "bad\n")
    assert run(docker, "-i", "box", "cat", input="through\n").stdout == "through\n"


def test_programs_that_cannot_start(docker):
    done = run(docker, "box", "/nowhere", check=False)
    assert done.returncode == 127 and "no such file or directory" in done.stderr.lower()
    done = run(docker, "box", "/etc/passwd", check=False)
    assert done.returncode == 126 and "permission denied" in done.stderr.lower()


def test_c05_exec(docker, box):
    assert docker.call("exec", box, "sh", "-c", "exit 42", check=False).returncode == 42
    assert docker.call("exec", "-e", "SHAPE=round", box, "sh", "-c", "echo $COLOUR $SHAPE").stdout == "blue round\n"
    assert docker.call("exec", "-u", "alice", "-w", "/data", box, "sh", "-c", "id -u; id -g; pwd").stdout == "1000\n1000\n/data\n"
    assert docker.call("exec", "-i", box, "cat", input="x" * 100_000).stdout == "x" * 100_000
    assert docker.call("exec", box, "/nowhere", check=False).returncode in (126, 127)
    docker.call("exec", "-d", box, "sh", "-c", "echo later > /tmp/later")
    assert docker.call("exec", box, "sh", "-c", "until [ -s /tmp/later ]; do :; done; cat /tmp/later").stdout == "later\n"


def test_c05_a_terminal_for_exec(docker, box):
    with Terminal(docker.world.argv(*docker.command("exec", "-it", box, "sh")), rows=33, columns=101) as terminal:
        terminal.type("tty; stty size; exit 5\n")
        terminal.expect("/dev/pts/")
        terminal.expect("33 101")
        assert terminal.wait() == 5


def test_c05_a_terminal_for_run(docker):
    with Terminal(docker.world.argv(*docker.command("run", "--rm", "-it", "--network", "none", "box", "sh"))) as terminal:
        terminal.type("echo se''en; exit 3\n")
        terminal.expect("seen")
        assert terminal.wait() == 3


def test_c04_logs(docker):
    name = docker.call("run", "-d", "--network", "none", "box", "sh", "-c", "for i in 1 2 3; do echo line $i; done; echo err >&2").stdout.strip()
    assert docker.call("wait", name).stdout == "0\n"
    logs = docker.call("logs", name)
    assert (logs.stdout, logs.stderr) == ("line 1\nline 2\nline 3\n", "err\n")
    last = docker.call("logs", "--tail", "1", name)
    assert last.stdout + last.stderr in ("line 3\n", "err\n")  # two pipes: either may be last
    docker.call("rm", name)


def test_stop_kill_restart(docker):
    name = docker.call("run", "-d", "--network", "none", "box", "sh", "-c", "trap 'exit 9' TERM; while :; do sleep 0.05; done").stdout.strip()
    docker.call("stop", name)
    assert docker.inspect(name, "State")["ExitCode"] == 9
    docker.call("start", name)
    assert docker.inspect(name, "State")["Running"]
    docker.call("kill", name)
    assert docker.call("wait", name).stdout == "137\n"
    docker.call("restart", name)
    assert docker.inspect(name, "State")["Running"]
    docker.call("rm", "-f", name)


def test_pause_and_unpause(docker, box):
    docker.call("pause", box)
    assert docker.inspect(box, "State")["Paused"]
    assert "paused" in docker.call("exec", box, "true", check=False).stderr
    docker.call("unpause", box)
    assert docker.call("exec", box, "echo", "on").stdout == "on\n"


def test_c07_limits_are_updated(docker, box):
    docker.call("update", "--memory", "64m", "--memory-swap", "64m", "--pids-limit", "50", "--cpu-shares", "512", box)
    pid = docker.inspect(box, "State")["Pid"]
    limits = {}
    for line in open(f"/proc/{pid}/cgroup"):
        _, controllers, path = line.rstrip("\n").split(":", 2)
        for file, kind in (("memory.limit_in_bytes", "memory"), ("pids.max", "pids"), ("cpu.shares", "cpu")):
            if controllers == kind:
                limits[kind] = open(f"/sys/fs/cgroup/{kind}{path}/{file}").read().strip()
            elif controllers == "" and os.path.exists(f"/sys/fs/cgroup{path}/memory.max") and kind == "memory":
                limits["memory"] = open(f"/sys/fs/cgroup{path}/memory.max").read().strip()
    assert limits["memory"] == str(64 << 20)
    assert limits.get("pids", "50") == "50" and limits.get("cpu", "512") == "512"


def test_stats_and_top(docker, box):
    docker.call("update", "--memory", "64m", "--memory-swap", "64m", box)
    stats = json.loads(docker.call("stats", "--no-stream", "--format", "{{json .}}", box).stdout)
    assert stats["MemUsage"].endswith("/ 64MiB")
    assert stats["PIDs"] == "1"
    assert "sleep 1000" in docker.call("top", box).stdout


def test_c06_out_of_memory_is_reported(docker):
    name = docker.call("run", "-d", "--network", "none", "--memory", "32m", "--memory-swap", "32m", "box", "eat", "200").stdout.strip()
    assert docker.call("wait", name).stdout == "137\n"
    assert docker.inspect(name, "State")["OOMKilled"] is True
    docker.call("rm", name)


def test_read_only_root_tmpfs_and_volumes(docker):
    done = run(docker, "--read-only", "--tmpfs", "/scratch:size=1m,mode=700", "box", "sh", "-c",
               "touch /x 2>&1; touch /scratch/y && stat -c %a /scratch && grep ' /scratch ' /proc/mounts", check=False)
    assert "Read-only file system" in done.stdout and "700" in done.stdout and "size=1024k" in done.stdout
    host = docker.world.top / "shared"
    host.mkdir(exist_ok=True)
    (host / "in").write_text("from the host")
    assert run(docker, "-v", f"{host}:/h", "box", "sh", "-c", "cat /h/in; echo back > /h/out").stdout == "from the host"
    assert (host / "out").read_text() == "back\n"
    assert "Read-only" in run(docker, "-v", f"{host}:/h:ro", "box", "touch", "/h/no", check=False).stderr
    docker.call("volume", "create", "keep")
    run(docker, "-v", "keep:/data", "box", "sh", "-c", "echo kept > /data/file")
    assert run(docker, "-v", "keep:/data", "box", "cat", "/data/file", "/data/seed").stdout == "kept\nfrom the image\n"


def test_init(docker):
    assert "init" in run(docker, "--init", "box", "cat", "/proc/1/cmdline").stdout.split("\0")[0]


def test_security_options(docker):
    assert "CapEff:\t0000000000000000" in run(docker, "--cap-drop", "ALL", "box", "cat", "/proc/self/status").stdout
    assert "NoNewPrivs:\t1" in run(docker, "--security-opt", "no-new-privileges", "box", "cat", "/proc/self/status").stdout
    status = run(docker, "box", "cat", "/proc/self/status").stdout
    assert "Seccomp:\t2" in status and "CapEff:\t00000000a80425fb" in status
    assert run(docker, "-u", "1000:50", "--group-add", "1", "box", "id").stdout.startswith("uid=1000(alice) gid=50(staff) groups=1(daemon),50(staff)")
    assert run(docker, "--hostname", "here", "--add-host", "there:10.1.2.3", "box", "sh", "-c", "hostname; grep there /etc/hosts").stdout.startswith("here\n")
    assert run(docker, "--ulimit", "nofile=77:88", "box", "sh", "-c", "ulimit -n; ulimit -Hn").stdout == "77\n88\n"
    assert run(docker, "--sysctl", "net.ipv4.ip_forward=1", "box", "cat", "/proc/sys/net/ipv4/ip_forward").stdout == "1\n"
    assert run(docker, "--shm-size", "2m", "box", "sh", "-c", "df -k /dev/shm | tail -n 1").stdout.split()[1] == "2048"


def test_shared_namespaces(docker, box):
    assert "sleep 1000" in run(docker, "--pid", f"container:{box}", "box", "ps").stdout
    ours = run(docker, "--network", f"container:{box}", "box", "readlink", "/proc/self/ns/net", check=False)
    assert docker.call("exec", box, "readlink", "/proc/self/ns/net").stdout != run(docker, "box", "readlink", "/proc/self/ns/net").stdout
    assert ours.returncode != 0 or ours.stdout == docker.call("exec", box, "readlink", "/proc/self/ns/net").stdout
    assert docker.call("run", "--rm", "--network", "host", "box", "readlink", "/proc/self/ns/net").stdout.strip() == os.readlink(f"/proc/{docker.world.holder.pid}/ns/net")


def test_devices_and_privilege(docker):
    assert "crw" in run(docker, "--device", "/dev/fuse", "box", "ls", "-l", "/dev/fuse").stdout
    done = run(docker, "--cap-add", "MKNOD", "box", "sh", "-c", "mknod /dev/mem2 c 1 1; head -c 1 /dev/mem2", check=False)
    assert "Operation not permitted" in done.stderr


def test_healthcheck(docker):
    name = docker.call("run", "-d", "--network", "none", "--health-cmd", "test -e /tmp/well", "--health-interval", "1s", "--health-retries", "1", "box",
                       "sleep", "1000").stdout.strip()
    events = docker.world.spawn(*docker.command("events", "--filter", f"container={name}", "--filter", "event=health_status", "--since", "1"))
    try:
        assert b"unhealthy" in events.stdout.readline()
        docker.call("exec", name, "touch", "/tmp/well")
        assert b"health_status: healthy" in events.stdout.readline()
    finally:
        events.kill()
        events.wait()
        events.stdout.close()
        docker.call("rm", "-f", name)


def test_many_at_once(docker):
    def one(number):
        return run(docker, "box", "sh", "-c", f"echo {number}; exit {number}", check=False)

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        for number, done in enumerate(pool.map(one, range(12))):
            assert (done.returncode, done.stdout) == (number, f"{number}\n"), done.stderr


def test_c22_thirty_cycles_leave_nothing(docker):
    run(docker, "box", "true")
    before = docker.world.snapshot()
    for _ in range(30):
        run(docker, "--memory", "64m", "box", "true")
    assert not docker.world.settle(before)
