"""podman with fulcrum-oci as its runtime. Needs root."""
import concurrent.futures
import json
import os

import pytest
from strangers import Podman, Terminal, World, find_program, missing

pytestmark = pytest.mark.skipif(bool(missing("podman", "conmon")), reason=missing("podman", "conmon"))


@pytest.fixture(scope="module")
def podman():
    world = World()
    try:
        podman = Podman(world, find_program("fulcrum-oci"))
        yield podman
        podman.call("rm", "-f", "-a", "-t", "0", check=False)
    finally:
        world.close()


@pytest.fixture
def box(podman):
    """A running container that is gone afterwards."""
    name = f"box-{os.urandom(4).hex()}"
    podman.run("-d", "--name", name, "-e", "COLOUR=blue", "box", "sleep", "1000")
    yield name
    podman.remove(name)


def test_output_and_exit_status(podman):
    assert podman.run("--rm", "box", "echo", "hello").stdout == "hello\n"
    done = podman.run("--rm", "box", "sh", "-c", "echo bad >&2; exit 7", check=False)
    assert (done.returncode, done.stderr) == (7, "bad\n")
    assert podman.run("--rm", "-i", "box", "cat", input="through\n").stdout == "through\n"


def test_the_runtime_is_ours(podman, box):
    assert podman.inspect(box, "OCIRuntime") == str(podman.runtime)


def test_programs_that_cannot_start(podman):
    done = podman.run("--rm", "box", "/nowhere", check=False)
    assert done.returncode == 127, done.stderr
    done = podman.run("--rm", "box", "/etc/passwd", check=False)
    assert done.returncode == 126, done.stderr


def test_c05_exec(podman, box):
    assert podman.call("exec", box, "sh", "-c", "exit 42", check=False).returncode == 42
    assert podman.call("exec", "-e", "SHAPE=round", box, "sh", "-c", "echo $COLOUR $SHAPE").stdout == "blue round\n"
    assert podman.call("exec", "-u", "alice", "-w", "/data", box, "sh", "-c", "id -u; id -g; pwd").stdout == "1000\n1000\n/data\n"
    assert podman.call("exec", "-i", box, "cat", input="x" * 100_000).stdout == "x" * 100_000
    assert podman.call("exec", box, "/nowhere", check=False).returncode == 127
    assert podman.call("exec", box, "/etc/passwd", check=False).returncode == 126
    podman.call("exec", "-d", box, "sh", "-c", "echo later > /tmp/later")
    assert podman.call("exec", box, "sh", "-c", "until [ -s /tmp/later ]; do :; done; cat /tmp/later").stdout == "later\n"


def test_c05_a_terminal_for_exec(podman, box):
    with Terminal(podman.world.argv(*podman.command("exec", "-it", box, "sh")), rows=33, columns=101, env=podman.world.env) as terminal:
        terminal.type("tty; stty size; exit 5\n")
        terminal.expect("/dev/pts/")
        terminal.expect("33 101")
        assert terminal.wait() == 5


def test_c05_a_terminal_for_run(podman):
    with Terminal(podman.world.argv(*podman.command("run", "--rm", "-it", "--network", "none", "--cgroup-parent", podman.world.cgroup, "box", "sh")),
                  env=podman.world.env) as terminal:
        terminal.type("echo se''en; exit 3\n")
        terminal.expect("seen")
        assert terminal.wait() == 3


def test_c04_logs(podman):
    name = podman.run("-d", "box", "sh", "-c", "for i in 1 2 3; do echo line $i; done; echo err >&2").stdout.strip()
    assert podman.call("wait", name).stdout == "0\n"
    logs = podman.call("logs", name)
    assert (logs.stdout, logs.stderr) == ("line 1\nline 2\nline 3\n", "err\n")
    podman.call("rm", name)


def test_stop_kill_restart(podman):
    name = podman.run("-d", "box", "sh", "-c", "trap 'exit 9' TERM; while :; do sleep 0.05; done").stdout.strip()
    podman.call("stop", name)
    assert podman.inspect(name, "State")["ExitCode"] == 9
    podman.call("start", name)
    assert podman.inspect(name, "State")["Running"]
    podman.call("kill", name)
    assert podman.call("wait", name).stdout == "137\n"
    podman.call("restart", name)
    assert podman.inspect(name, "State")["Running"]
    podman.remove(name)


def test_pause_and_unpause(podman, box):
    podman.call("pause", box)
    assert podman.inspect(box, "State")["Status"] == "paused"
    podman.call("unpause", box)
    assert podman.call("exec", box, "echo", "on").stdout == "on\n"


def test_c07_limits(podman):
    name = podman.run("-d", "--memory", "64m", "--pids-limit", "50", "--cpus", "0.5", "box", "sleep", "1000").stdout.strip()
    try:
        pid = podman.inspect(name, "State")["Pid"]
        paths = {line.split(":")[1]: line.rstrip("\n").split(":", 2)[2] for line in open(f"/proc/{pid}/cgroup")}
        if "memory" not in paths:
            pytest.skip("the memory controller is not on cgroup v1")
        assert open(f"/sys/fs/cgroup/memory{paths['memory']}/memory.limit_in_bytes").read() == f"{64 << 20}\n"
        assert open(f"/sys/fs/cgroup/pids{paths['pids']}/pids.max").read() == "50\n"
        assert open(f"/sys/fs/cgroup/cpu{paths['cpu']}/cpu.cfs_quota_us").read() == "50000\n"
        podman.world.call(podman.runtime, "--root", "/run/fulcrum-oci", "update", "--memory", str(32 << 20), podman.inspect(name, "Id"))
        assert open(f"/sys/fs/cgroup/memory{paths['memory']}/memory.limit_in_bytes").read() == f"{32 << 20}\n"
    finally:
        podman.remove(name)


def test_stats_and_top(podman):
    name = podman.run("-d", "--memory", "64m", "box", "sleep", "1000").stdout.strip()
    stats = json.loads(podman.call("stats", "--no-stream", "--format", "json", name).stdout)[0]
    assert stats["pids"] == "1" and "67.11MB" in stats["mem_usage"]
    assert "sleep 1000" in podman.call("top", name).stdout
    podman.remove(name)


def test_c06_memory_beyond_the_limit_is_killed(podman):
    # Whether State.OOMKilled says so is conmon's work: 2.1.6 on cgroup v1 says it for no runtime.
    name = podman.run("-d", "--memory", "32m", "--memory-swap", "32m", "box", "eat", "200").stdout.strip()
    assert podman.call("wait", name).stdout == "137\n"
    podman.call("rm", name)


def test_read_only_root_tmpfs_and_volumes(podman):
    done = podman.run("--rm", "--read-only", "--tmpfs", "/scratch:size=1m,mode=700", "box", "sh", "-c",
                      "touch /x 2>&1; touch /scratch/y && stat -c %a /scratch && grep ' /scratch ' /proc/mounts", check=False)
    assert "Read-only file system" in done.stdout and "700" in done.stdout and "size=1024k" in done.stdout
    host = podman.world.top / "shared"
    host.mkdir(exist_ok=True)
    (host / "in").write_text("from the host")
    assert podman.run("--rm", "-v", f"{host}:/h", "box", "sh", "-c", "cat /h/in; echo back > /h/out").stdout == "from the host"
    assert (host / "out").read_text() == "back\n"
    assert "Read-only" in podman.run("--rm", "-v", f"{host}:/h:ro", "box", "touch", "/h/no", check=False).stderr
    podman.call("volume", "create", "keep")
    podman.run("--rm", "-v", "keep:/data", "box", "sh", "-c", "echo kept > /data/file")
    assert podman.run("--rm", "-v", "keep:/data", "box", "cat", "/data/file", "/data/seed").stdout == "kept\nfrom the image\n"
    podman.call("volume", "rm", "keep")


def test_c08_user_namespace(podman):
    name = podman.run("-d", "--uidmap", "0:100000:65536", "--gidmap", "0:100000:65536", "box", "sh", "-c", "id -u; touch /made; stat -c %u:%g /made; sleep 1000").stdout.strip()
    try:
        assert os.stat(f"/proc/{podman.inspect(name, 'State')['Pid']}").st_uid == 100000
        assert "100000" in podman.call("exec", name, "cat", "/proc/self/uid_map").stdout
        assert podman.call("exec", name, "sh", "-c", "id -u; until [ -e /made ]; do :; done; stat -c %u:%g /made").stdout == "0\n0:0\n"
    finally:
        podman.remove(name)


def test_security_options(podman):
    assert "CapEff:\t0000000000000000" in podman.run("--rm", "--cap-drop", "ALL", "box", "cat", "/proc/self/status").stdout
    assert "NoNewPrivs:\t1" in podman.run("--rm", "--security-opt", "no-new-privileges", "box", "cat", "/proc/self/status").stdout
    assert "Seccomp:\t2" in podman.run("--rm", "box", "cat", "/proc/self/status").stdout
    assert podman.run("--rm", "-u", "1000:50", "--group-add", "1", "box", "id").stdout.startswith("uid=1000(alice) gid=50(staff) groups=1(daemon),50(staff)")
    assert podman.run("--rm", "--hostname", "here", "box", "hostname").stdout == "here\n"
    assert podman.run("--rm", "--ulimit", "nofile=77:88", "--ulimit", "nproc=4096:4096", "box", "sh", "-c", "ulimit -n; ulimit -Hn").stdout == "77\n88\n"
    assert podman.run("--rm", "--sysctl", "net.ipv4.ip_forward=1", "box", "cat", "/proc/sys/net/ipv4/ip_forward").stdout == "1\n"


def test_init(podman):
    found = [path for path in ("/usr/libexec/podman/catatonit", "/usr/bin/catatonit", "/usr/bin/tini-static") if os.path.exists(path)]
    if not found:
        pytest.skip("neither catatonit nor tini-static is installed")
    assert "init" in podman.run("--rm", "--init", "--init-path", found[0], "box", "cat", "/proc/1/cmdline").stdout.split("\0")[0]


def test_c13_healthcheck(podman):
    name = podman.run("-d", "--health-cmd", "test -e /tmp/well", "--health-interval", "disable", "--health-retries", "1", "box", "sleep", "1000").stdout.strip()
    try:
        assert podman.call("healthcheck", "run", name, check=False).returncode == 1
        podman.call("exec", name, "touch", "/tmp/well")
        assert podman.call("healthcheck", "run", name).returncode == 0
        health = podman.inspect(name, "State")["Health"]
        assert health["Status"] == "healthy"
    finally:
        podman.remove(name)


def test_a_pod_shares_its_namespaces(podman):
    if not any(os.path.exists(p) for p in ("/usr/libexec/podman/catatonit", "/usr/bin/catatonit")):
        pytest.skip("catatonit, which podman's pods run, is not installed")
    podman.call("pod", "create", "--name", "p", "--network", "none", "--cgroup-parent", podman.world.cgroup)
    try:
        podman.call("run", "-d", "--pod", "p", "--name", "one", "box", "sleep", "1000")
        nets = [podman.call("run", "--rm", "--pod", "p", "box", "readlink", f"/proc/self/ns/{kind}").stdout for kind in ("net", "ipc")]
        assert nets == [podman.call("exec", "one", "readlink", f"/proc/self/ns/{kind}").stdout for kind in ("net", "ipc")]
    finally:
        podman.call("pod", "rm", "-f", "-t", "0", "p", check=False)


def test_many_at_once(podman):
    def one(number):
        return podman.run("--rm", "box", "sh", "-c", f"echo {number}; exit {number}", check=False)

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for number, done in enumerate(pool.map(one, range(8))):
            assert (done.returncode, done.stdout) == (number, f"{number}\n"), done.stderr


def test_c22_thirty_cycles_leave_nothing(podman):
    podman.run("--rm", "box", "true")
    before = podman.world.snapshot()
    for _ in range(30):
        podman.run("--rm", "--memory", "64m", "box", "true")
    assert not podman.world.settle(before)
