"""C08, C10: what a workload may not do."""
import pytest

from harness.images import busybox_image
from harness.programs import compile_static

EPERM = "1"
KEYCTL, MOUNT, UNSHARE, GETPID = "250", "165", "272", "39"
CLONE_NEWUSER = str(0x10000000)


@pytest.fixture
def caller(engine):
    engine.ok("image", "load", "-i", str(busybox_image(engine.scratch / "c.tar", name="call", extra={"bin/call": compile_static("syscall")})))
    return engine


def test_C10_listed_system_calls_fail_with_eperm(caller):
    run = lambda *args: caller.ok("run", "--rm", *args)
    assert run("call", "/bin/call", KEYCTL) == EPERM
    assert run("call", "/bin/call", UNSHARE, CLONE_NEWUSER) == EPERM
    assert run("call", "/bin/call", GETPID) == "0"
    # Unconfined, the same call reaches the kernel, which has another complaint or none.
    assert run("--security-opt", "seccomp=unconfined", "call", "/bin/call", UNSHARE, CLONE_NEWUSER) != EPERM


def test_C10_own_profile(caller):
    profile = caller.scratch / "profile.json"
    profile.write_text('{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["getpid"],"action":"SCMP_ACT_ERRNO","errnoRet":95}]}')
    assert caller.ok("run", "--rm", "--security-opt", f"seccomp={profile}", "call", "/bin/call", GETPID) == "95"


def test_C10_capabilities_are_dropped(box):
    caps = lambda *args: int(box.ok("run", "--rm", *args, "box", "sh", "-c", "grep CapEff /proc/self/status").split()[1], 16)
    default = 0x00000000a80425fb  # what docker gives
    assert caps() == default
    assert caps("--cap-drop", "ALL") == 0
    assert caps("--cap-drop", "ALL", "--cap-add", "NET_BIND_SERVICE") == 1 << 10
    assert caps("--cap-add", "SYS_PTRACE") == default | 1 << 19
    assert caps("--privileged") & default == default
    done = box.cli("run", "--rm", "--cap-add", "FLY", "box", "true")
    assert done.returncode == 125 and "FLY" in done.stderr


def test_C10_paths_are_masked_and_read_only(box):
    out = box.ok("run", "--rm", "box", "sh", "-c", "wc -c </proc/timer_list; echo x >/proc/sys/kernel/panic; echo x >/proc/sysrq-trigger; mount -t tmpfs x /tmp; echo done")
    assert out.startswith("0") and out.endswith("done")
    done = box.cli("run", "--rm", "--read-only", "--tmpfs", "/scratch", "box", "sh", "-c", "touch /x; touch /scratch/y && ls /scratch")
    assert "Read-only" in done.stderr and done.stdout == "y\n"


def test_C10_no_new_privileges(box):
    assert box.ok("run", "--rm", "--security-opt", "no-new-privileges", "box", "grep", "NoNewPrivs", "/proc/self/status").split()[1] == "1"


def test_C08_root_inside_is_not_root_outside(box):
    box.ok("run", "-d", "--name", "w", "--userns", "auto", "-v", "data:/data", "box", "sh", "-c", "touch /etc/mine /data/mine; sleep 1000")
    assert box.ok("exec", "w", "id", "-u") == "0"
    assert box.ok("exec", "w", "stat", "-c", "%u:%g", "/etc/passwd") == "0:0"
    pid = box.inspect("w")["status"]["pid"]
    uid = int(next(line for line in open(f"/proc/{pid}/status") if line.startswith("Uid:")).split()[1])
    assert uid >= 65536
    assert box.ok("exec", "w", "stat", "-c", "%u", "/etc/mine") == "0"
    # Two workloads get ranges that do not meet.
    box.ok("run", "-d", "--name", "v", "--userns", "auto", "box", "sleep", "1000")
    other = box.inspect("v")["status"]["pid"]
    starts = [open(f"/proc/{p}/uid_map").read().split()[1] for p in (pid, other)]
    assert starts[0] != starts[1]


def test_user_names_groups_and_missing_users(box):
    assert box.ok("run", "--rm", "-u", "alice", "box", "sh", "-c", "id -u; id -g; id -G; echo $HOME") == "1000\n1000\n1000 50\n/home/alice"
    assert box.ok("run", "--rm", "-u", "1000:staff", "--group-add", "7", "box", "sh", "-c", "id -g; id -G") .splitlines()[0] == "50"
    done = box.cli("run", "--rm", "-u", "nobody-here", "box", "true")
    assert done.returncode == 125 and "nobody-here" in done.stderr


def test_secrets_are_files_and_are_never_shown(box):
    box.ok("secret", "create", "password", "-", input="hunter2")
    assert box.ok("run", "--rm", "--secret", "source=password,mode=0400", "box", "sh", "-c", "cat /run/secrets/password; stat -c ' %a' /run/secrets/password") == "hunter2 400"
    for shown in (box.ok("secret", "inspect", "password"), box.ok("secret", "ls", "--format", "json")):
        assert "hunter2" not in shown and "aHVudGVyMg" not in shown
    assert box.cli("run", "--rm", "--secret", "no-such", "box", "true").returncode == 125
