"""C06, C07: limits are enforced, seen from inside and outside, and told apart when they kill."""
import json
import pathlib

import pytest

from harness.images import busybox_image
from harness.programs import compile_static


@pytest.fixture
def eater(engine):
    engine.ok("image", "load", "-i", str(busybox_image(engine.scratch / "eat.tar", name="eat", extra={"bin/eat": compile_static("eat")})))
    return engine


def cgroup_file(engine, controller, name):
    """A file of the first workload's cgroup, in whatever layout this host has."""
    uid = json.loads(engine.ok("ls", "-a", "--format", "json"))["items"][0]["metadata"]["uid"]
    for root in (f"/sys/fs/cgroup/{controller}", "/sys/fs/cgroup"):
        for folder in pathlib.Path(root + engine.cgroup).rglob("*"):
            if uid in folder.name and (folder / name).exists():
                return (folder / name).read_text().strip()
    return None


def test_C06_out_of_memory_is_reported_as_such(eater):
    done = eater.cli("run", "--name", "w", "-m", "24Mi", "--memory-swap", "24Mi", "eat", "/bin/eat", "200")
    assert done.returncode == 137
    status = eater.inspect("w")["status"]
    assert status["oomKilled"] is True and status["reason"] == "OOMKilled" and status["exitCode"] == 137
    events = [json.loads(line) for line in eater.ok("events", "--no-follow", "--format", "json").splitlines()]
    actions = [e["action"] for e in events if e.get("name") == "w"]
    assert actions.index("oom") < actions.index("die")
    done = eater.cli("run", "--name", "v", "box-less", "true")
    assert done.returncode == 125


def test_C06_a_kill_is_not_out_of_memory(eater):
    eater.ok("run", "-d", "--name", "w", "-m", "24Mi", "eat", "sleep", "1000")
    eater.ok("kill", "w")
    eater.wait("w", "stopped")
    assert eater.inspect("w")["status"].get("oomKilled", False) is False


def test_C06_restart_policy_is_honoured_after_out_of_memory(eater):
    eater.ok("run", "-d", "--name", "w", "-m", "24Mi", "--memory-swap", "24Mi", "--restart", "on-failure:2", "eat", "/bin/eat", "200")
    eater.wait("w", "stopped")
    status = eater.inspect("w")["status"]
    assert status["restarts"] == 2 and status["run"] == 3 and status["oomKilled"] is True


def test_C07_pids_limit(box):
    box.ok("run", "-d", "--name", "w", "--pids-limit", "8", "box", "sleep", "1000")
    assert cgroup_file(box, "pids", "pids.max") == "8"
    done = box.cli("exec", "w", "sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 5 & done; wait")
    assert "fork" in done.stderr
    assert json.loads(box.ok("stats", "--no-stream", "--format", "json", "w"))["items"][0]["pidsLimit"] == 8


def test_C07_cpu_quota_is_seen_and_holds(box):
    box.ok("run", "-d", "--name", "w", "--cpus", "0.2", "box", "sh", "-c", "while :; do :; done")
    if (quota := cgroup_file(box, "cpu", "cpu.cfs_quota_us")) is not None:
        assert quota == "20000"
    else:
        assert cgroup_file(box, "", "cpu.max") == "20000 100000"
    sample = lambda: json.loads(box.ok("stats", "--no-stream", "--format", "json", "w"))["items"][0]
    for _ in range(600):  # a throttled period is counted by the kernel when it has happened
        if sample().get("cpuThrottledPeriods", 0) > 3:
            break
    else:
        pytest.fail("it was never throttled")


def test_C07_memory_limit_is_visible_inside_and_outside(box):
    box.ok("run", "-d", "--name", "w", "-m", "64Mi", "box", "sleep", "1000")
    assert json.loads(box.ok("stats", "--no-stream", "--format", "json", "w"))["items"][0]["memoryLimit"] == 64 << 20
    inside = box.ok("exec", "w", "sh", "-c", "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null || true")
    assert inside == str(64 << 20)


def test_C07_io_limit_reaches_the_kernel(box):
    import os
    device = os.stat(box.data).st_dev
    path = pathlib.Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/uevent")
    if not path.exists():
        pytest.skip("the data folder is not on a block device")
    name = dict(line.split("=") for line in path.read_text().split())["DEVNAME"]
    if not pathlib.Path("/sys/fs/cgroup/blkio").exists() and not pathlib.Path("/sys/fs/cgroup/cgroup.controllers").exists():
        pytest.skip("no io controller")
    box.ok("run", "-d", "--name", "w", "--device-write-bps", f"/dev/{name}:1Mi", "box", "sleep", "1000")
    text = cgroup_file(box, "blkio", "blkio.throttle.write_bps_device") or cgroup_file(box, "", "io.max")
    assert str(1 << 20) in text


def test_update_changes_limits_without_a_restart(box):
    box.ok("run", "-d", "--name", "w", "-m", "64Mi", "box", "sleep", "1000")
    pid = box.inspect("w")["status"]["pid"]
    box.ok("update", "-m", "96Mi", "--memory-swap", "192Mi", "--pids-limit", "50", "w")
    assert json.loads(box.ok("stats", "--no-stream", "--format", "json", "w"))["items"][0]["memoryLimit"] == 96 << 20
    assert cgroup_file(box, "pids", "pids.max") == "50"
    assert box.inspect("w")["status"]["pid"] == pid


def test_ulimits_sysctls_shm_and_oom_score(box):
    out = box.ok("run", "--rm", "--ulimit", "nofile=100:200", "--sysctl", "net.ipv4.ip_unprivileged_port_start=99", "--shm-size", "16Mi", "--oom-score-adj", "300",
                 "box", "sh", "-c", "ulimit -n; ulimit -Hn; cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/self/oom_score_adj; df -k /dev/shm | tail -1")
    lines = out.splitlines()
    assert lines[:4] == ["100", "200", "99", "300"] and " 16384 " in lines[4]
    done = box.cli("run", "--rm", "--sysctl", "kernel.panic=1", "box", "true")
    assert done.returncode == 125 and "kernel.panic" in done.stderr
