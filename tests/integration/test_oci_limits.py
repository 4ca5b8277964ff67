"""Resources, devices and seccomp as a container under fulcrum-oci sees them. Needs root."""
import ctypes
import errno
import fcntl
import json
import os
import shutil
import socket
import struct
import threading

import pytest
from oci_bundle import Runtime, cgroup_file, cgroup_folders, find_program

pytestmark = [
    pytest.mark.skipif(find_program("fulcrum-oci") is None, reason="fulcrum-oci is not built"),
    pytest.mark.skipif(shutil.which("busybox") is None, reason="busybox is missing"),
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
]


@pytest.fixture
def oci(tmp_path):
    runtime = Runtime(tmp_path)
    yield runtime
    runtime.delete_all()
    left = [str(folder) for name in runtime.ids for folder in cgroup_folders(name)]
    assert not left, f"left behind: {left}"


# ---- resources ----


def test_c07_limits_are_seen_in_the_cgroup_and_updated(oci):
    name = oci.start("sleep", "1000", resources={"memory": {"limit": 64 << 20, "swap": 128 << 20}, "pids": {"limit": 20},
                                                 "cpu": {"shares": 512, "quota": 50000, "period": 100000}})
    assert cgroup_file(name, "memory.limit_in_bytes", "memory.max") == str(64 << 20)
    assert cgroup_file(name, "pids.max") == "20"
    assert cgroup_file(name, "cpu.cfs_quota_us", "cpu.max") in ("50000", "50000 100000")
    oci.call("update", "--memory", str(256 << 20), "--memory-swap", str(512 << 20), "--pids-limit", "30", name)
    assert cgroup_file(name, "memory.limit_in_bytes", "memory.max") == str(256 << 20)
    assert cgroup_file(name, "pids.max") == "30"
    assert cgroup_file(name, "cpu.cfs_quota_us", "cpu.max") in ("50000", "50000 100000"), "untouched"
    oci.call("update", "--memory", str(32 << 20), "--memory-swap", str(32 << 20), name)
    assert cgroup_file(name, "memory.limit_in_bytes", "memory.max") == str(32 << 20)
    stats = json.loads(oci.call("events", "--stats", name).stdout)["data"]
    assert stats["pids"]["current"] == 1
    assert stats["memory"]["usage"]["limit"] == 32 << 20


def test_c07_limits_are_seen_inside(oci):
    shown = oci.run("sh", "-c", "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null; true",
                    resources={"memory": {"limit": 48 << 20}})
    assert str(48 << 20) in shown.stdout


def test_c06_memory_beyond_the_limit_is_killed(oci):
    done = oci.run("sh", "-c", "dd if=/dev/zero of=/dev/null bs=200M count=1", check=False,
                   resources={"memory": {"limit": 32 << 20, "swap": 32 << 20}})
    assert done.returncode != 0
    assert "Killed" in done.stderr or done.returncode == 137


def test_c07_pids_limit_stops_a_fork_bomb(oci):
    done = oci.run("sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 5 & done; true", check=False, resources={"pids": {"limit": 5}})
    assert "can't fork" in done.stderr or "Resource temporarily unavailable" in done.stderr


def test_a_limit_without_its_controller_is_refused_by_name(oci):
    if os.path.exists("/sys/fs/cgroup/net_cls"):
        pytest.skip("net_cls is here")
    done = oci.run("true", check=False, resources={"network": {"classID": 5}})
    assert done.returncode != 0
    assert "network classID" in done.stderr


def test_wrong_configurations_name_every_field(oci):
    name, folder = oci.bundle(["true"])
    config = json.loads((folder / "config.json").read_text())
    config["process"]["cwd"] = "relative"
    config["linux"]["resources"]["memory"] = {"limit": 10, "swap": 5}
    (folder / "config.json").write_text(json.dumps(config))
    done = oci.call("run", "--bundle", folder, name, check=False)
    assert done.returncode != 0
    assert "process.cwd" in done.stderr and "linux.resources.memory.swap" in done.stderr


def test_pause_freezes_and_resume_continues(oci):
    name = oci.start("sleep", "1000")
    oci.call("pause", name)
    assert oci.state(name)["status"] == "paused"
    oci.call("resume", name)
    assert oci.state(name)["status"] == "running"


# ---- devices ----


def test_only_allowed_devices_can_be_opened(oci):
    script = "mknod /tmp/kmsg c 1 11 && (head -c 1 /dev/zero >/dev/null && echo zero-ok; head -c 0 </tmp/kmsg && echo kmsg-ok); true"
    denied = oci.run("sh", "-c", script)
    assert "zero-ok" in denied.stdout
    assert "kmsg-ok" not in denied.stdout and "not permitted" in denied.stderr
    allowed = oci.run("sh", "-c", script, resources={"devices": [{"allow": False, "access": "rwm"},
                                                                   {"allow": True, "type": "c", "major": 1, "minor": 11, "access": "r"}]})
    assert "kmsg-ok" in allowed.stdout


# ---- seccomp ----


def profile(action, names, default="SCMP_ACT_ALLOW", **extra):
    rule = {"names": names, "action": action}
    rule.update({key: extra.pop(key) for key in ("errnoRet", "args") if key in extra})
    return {"defaultAction": default, "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"], "syscalls": [rule], **extra}


def test_c10_a_listed_call_fails_with_its_errno(oci):
    done = oci.run("mkdir", "/tmp/x", check=False, seccomp=profile("SCMP_ACT_ERRNO", ["mkdir", "mkdirat", "no_such_call"], errnoRet=errno.EXDEV))
    assert done.returncode != 0
    assert os.strerror(errno.EXDEV) in done.stderr
    done = oci.run("mkdir", "/tmp/x", check=False, seccomp=profile("SCMP_ACT_ERRNO", ["mkdir", "mkdirat"]))
    assert os.strerror(errno.EPERM) in done.stderr


def test_c10_a_listed_call_kills(oci):
    done = oci.run("mkdir", "/tmp/x", check=False, seccomp=profile("SCMP_ACT_KILL_PROCESS", ["mkdir", "mkdirat"]))
    assert done.returncode == 128 + 31


def test_seccomp_holds_for_exec_too_and_is_compiled_once(oci):
    name = oci.start("sleep", "1000", seccomp=profile("SCMP_ACT_ERRNO", ["mkdir", "mkdirat"]))
    done = oci.call("exec", name, "mkdir", "/tmp/x", check=False)
    assert os.strerror(errno.EPERM) in done.stderr

    def entries():
        return sorted(path for path in oci.root.rglob("*") if path.is_file() and "seccomp" in path.parent.name)

    first = entries()
    assert len(first) == 1
    oci.run("true", seccomp=profile("SCMP_ACT_ERRNO", ["mkdir", "mkdirat"]))
    assert entries() == first


class Notification(ctypes.Structure):
    _fields_ = [("id", ctypes.c_uint64), ("pid", ctypes.c_uint32), ("flags", ctypes.c_uint32), ("nr", ctypes.c_int), ("arch", ctypes.c_uint32),
                ("instruction_pointer", ctypes.c_uint64), ("args", ctypes.c_uint64 * 6)]


def ioctl_number(direction, number, size):
    return direction << 30 | size << 16 | ord("!") << 8 | number


def test_seccomp_notify_hands_the_listener_to_the_agent(oci, tmp_path):
    path = tmp_path / "agent"
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()
    server.settimeout(30)
    seen = {}

    def agent():
        peer = server.accept()[0]
        data, fds, _, _ = socket.recv_fds(peer, 65536, 1)
        seen["state"] = json.loads(data)
        seen["fds"] = len(fds)
        try:
            request = Notification()
            fcntl.ioctl(fds[0], ioctl_number(3, 0, ctypes.sizeof(Notification)), request)
            seen["pid"] = request.pid
            response = bytearray(struct.pack("QqiI", request.id, 0, -errno.EDOM, 0))
            fcntl.ioctl(fds[0], ioctl_number(3, 1, len(response)), response)
        finally:
            os.close(fds[0])  # with nobody listening the call fails with ENOSYS, so that nothing hangs

    thread = threading.Thread(target=agent, daemon=True)
    thread.start()
    done = oci.run("mkdir", "/tmp/x", check=False,
                   seccomp=profile("SCMP_ACT_NOTIFY", ["mkdir"], listenerPath=str(path), listenerMetadata="meta"))
    thread.join(30)
    server.close()
    assert seen["fds"] == 1 and seen["pid"] > 0
    assert seen["state"]["fds"] == ["seccompFd"]
    assert seen["state"]["metadata"] == "meta"
    assert seen["state"]["state"]["id"] == oci.ids[-1]
    assert os.strerror(errno.EDOM) in done.stderr, done.stderr
