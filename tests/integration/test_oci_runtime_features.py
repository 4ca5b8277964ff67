"""fulcrum-oci: what config.json can ask for, each looked at from inside or from the kernel's side."""
import json
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import tempfile
import time

import pytest

from runtime_bundle import Bundle, bin_dir, make_rootfs

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture
def tmp_path():
    """A folder that mapped users have a way to; pytest's own are closed to them, and closed again by every run that starts meanwhile."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="fulcrum-oci-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def box(tmp_path):
    bundle = Bundle(tmp_path)
    yield bundle
    left = bundle.leftovers()
    assert not left, left


def without(box, *kinds):
    box.config["linux"]["namespaces"] = [n for n in box.config["linux"]["namespaces"] if n["type"] not in kinds]


def add_user_namespace(box):
    box.config["linux"]["namespaces"].append({"type": "user"})
    box.config["linux"]["uidMappings"] = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    box.config["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 200000, "size": 65536}]


# ---- namespaces ----


def test_new_namespaces(box):
    out = box.output("sh", "-c", "for n in pid net ipc uts mnt cgroup; do readlink /proc/self/ns/$n; done; hostname; cat /proc/1/comm")
    lines = out.split()
    for kind, link in zip(("pid", "net", "ipc", "uts", "mnt", "cgroup"), lines):
        assert link != os.readlink(f"/proc/self/ns/{kind}")
    assert lines[6] == "box" and lines[7] == "cat"


def test_joins_namespaces_by_path(box, tmp_path):
    holder = subprocess.Popen(["unshare", "--net", "--ipc", "--uts", "sh", "-c", "hostname held; echo; exec sleep 1000"], stdout=subprocess.PIPE)
    try:
        holder.stdout.readline()
        without(box, "network", "ipc", "uts")
        for kind, file in (("network", "net"), ("ipc", "ipc"), ("uts", "uts")):
            box.config["linux"]["namespaces"].append({"type": kind, "path": f"/proc/{holder.pid}/ns/{file}"})
        del box.config["hostname"]
        out = box.output("sh", "-c", "readlink /proc/self/ns/net; readlink /proc/self/ns/ipc; hostname").split()
        assert out == [os.readlink(f"/proc/{holder.pid}/ns/net"), os.readlink(f"/proc/{holder.pid}/ns/ipc"), "held"]
    finally:
        holder.kill()
        holder.wait()


def test_joins_the_pid_namespace_of_another_container(box, tmp_path):
    (tmp_path / "other").mkdir()
    other = Bundle(tmp_path / "other")
    other.started("sleep", "1000")
    try:
        without(box, "pid")
        box.config["linux"]["namespaces"].append({"type": "pid", "path": f"/proc/{other.state()['pid']}/ns/pid"})
        assert "sleep 1000" in box.output("ps")
    finally:
        assert not other.leftovers()


def test_wrong_namespace_path_is_refused(box):
    without(box, "network")
    box.config["linux"]["namespaces"].append({"type": "network", "path": "/proc/self/ns/uts"})
    assert "another type" in box.refused("true")


def test_user_namespace(box):
    add_user_namespace(box)
    box.config["process"]["user"]["additionalGids"] = [7]
    (box.rootfs / "mine").write_text("x")
    os.chown(box.rootfs / "mine", 100000, 200000)
    os.chmod(box.rootfs / "mine", 0o600)
    out = box.output("sh", "-c", "cat /proc/self/uid_map /proc/self/gid_map; id -u; id -G; cat /mine; ls -ln /mine; echo x > /dev/null && echo null").split()
    assert out[:6] == ["0", "100000", "65536", "0", "200000", "65536"]
    assert out[6:10] == ["0", "0", "7", "x-rw-------"] and out[-1] == "null"


def test_joins_a_user_namespace_by_path(box, tmp_path):
    """And makes the others below it."""
    holder = subprocess.Popen(["unshare", "--user", "sh", "-c", "echo; read x; sleep 1000"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        holder.stdout.readline()
        pathlib.Path(f"/proc/{holder.pid}/uid_map").write_text("0 100000 65536")
        pathlib.Path(f"/proc/{holder.pid}/gid_map").write_text("0 100000 65536")
        box.config["linux"]["namespaces"].append({"type": "user", "path": f"/proc/{holder.pid}/ns/user"})
        out = box.output("sh", "-c", "readlink /proc/self/ns/user; id -u; cat /proc/self/uid_map").split()
        assert out[0] == os.readlink(f"/proc/{holder.pid}/ns/user") and out[1:] == ["0", "0", "100000", "65536"]
    finally:
        holder.kill()
        holder.wait()


def test_exec_into_a_user_namespace(box):
    add_user_namespace(box)
    box.started("sleep", "1000")
    assert box.ok("exec", box.id, "sh", "-c", "id -u; cat /proc/self/uid_map; readlink /proc/self/ns/user").split() == [
        "0", "0", "100000", "65536", os.readlink(f"/proc/{box.state()['pid']}/ns/user")]


def test_network_namespace_joined_below_a_user_namespace(box):
    holder = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo; exec sleep 1000"], stdout=subprocess.PIPE)
    try:
        holder.stdout.readline()
        add_user_namespace(box)
        without(box, "network")
        box.config["linux"]["namespaces"].append({"type": "network", "path": f"/proc/{holder.pid}/ns/net"})
        assert box.output("readlink", "/proc/self/ns/net").strip() == os.readlink(f"/proc/{holder.pid}/ns/net")
    finally:
        holder.kill()
        holder.wait()


def test_time_namespace(box):
    box.config["linux"]["namespaces"].append({"type": "time"})
    box.config["linux"]["timeOffsets"] = {"boottime": {"secs": 1000000, "nanosecs": 0}, "monotonic": {"secs": 2000000, "nanosecs": 0}}
    out = box.output("sh", "-c", "cat /proc/uptime; cat /proc/self/timens_offsets")
    assert float(out.split()[0]) > 1000000 and "2000000" in out


def test_loopback_is_up(box):
    box.config["mounts"].append({"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["ro"]})
    assert int(box.output("cat", "/sys/class/net/lo/flags"), 16) & 1


# ---- files ----


def test_binds_options_and_propagation(box, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "f").write_text("content")
    single = tmp_path / "single"
    single.write_text("one file")
    box.config["mounts"] += [
        {"destination": "/data", "type": "bind", "source": str(source), "options": ["rbind", "ro", "nosuid", "nodev", "noexec", "rslave"]},
        {"destination": "/a/b/file", "type": "bind", "source": str(single), "options": ["bind"]},
        {"destination": "/scratch", "type": "tmpfs", "source": "tmpfs", "options": ["size=1m", "mode=1777", "noatime"]},
    ]
    out = box.output("sh", "-c", "cat /data/f /a/b/file; echo; echo x > /data/g; echo y > /a/b/file; grep ' /data ' /proc/self/mountinfo; stat -c %a /scratch; grep ' /scratch ' /proc/mounts")
    assert out.startswith("contentone file")
    line = next(l for l in out.splitlines() if " /data " in l)
    for option in ("ro", "nosuid", "nodev", "noexec"):
        assert option in line.split()[5].split(",")
    assert "1777" in out and "size=1024k" in out and "noatime" in out
    assert not (source / "g").exists() and single.read_text() == "y\n"


def test_recursive_read_only(box, tmp_path):
    source = tmp_path / "source"
    (source / "sub").mkdir(parents=True)
    inner = "mount -t tmpfs none %s/sub && exec \"$@\"" % source
    box.config["mounts"] += [{"destination": "/plain", "type": "bind", "source": str(source), "options": ["rbind", "ro"]},
                             {"destination": "/deep", "type": "bind", "source": str(source), "options": ["rbind", "rro"]}]
    box.write(["sh", "-c", "touch /plain/sub/x && echo plain; touch /deep/sub/y && echo deep; touch /plain/z && echo top; true"])
    done = subprocess.run(["unshare", "-m", "sh", "-c", inner, "sh", bin_dir() / "fulcrum-oci", "--root", box.root, "run", "--bundle", box.path, box.id],
                          capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    assert done.returncode == 0 and done.stdout.split() == ["plain"], done.stderr


def test_idmapped_bind(box, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "f").write_text("x")
    os.chown(source / "f", 1000, 1000)
    maps = {"uidMappings": [{"containerID": 1000, "hostID": 5000, "size": 1}, {"containerID": 0, "hostID": 0, "size": 1}]}
    maps["gidMappings"] = maps["uidMappings"]
    box.config["mounts"].append({"destination": "/data", "type": "bind", "source": str(source), "options": ["bind", "idmap"], **maps})
    assert box.output("stat", "-c", "%u:%g", "/data/f").strip() == "5000:5000"
    assert (source / "f").stat().st_uid == 1000


def test_tmpcopyup(box):
    (box.rootfs / "seed/deep").mkdir(parents=True)
    (box.rootfs / "seed/deep/f").write_text("seeded")
    (box.rootfs / "seed/link").symlink_to("deep/f")
    os.chown(box.rootfs / "seed/deep", 12, 34)
    (box.rootfs / "seed").chmod(0o751)
    box.config["mounts"].append({"destination": "/seed", "type": "tmpfs", "source": "tmpfs", "options": ["tmpcopyup"]})
    out = box.output("sh", "-c", "cat /seed/link; echo; stat -c %u:%g /seed/deep; stat -c %a /seed; touch /seed/new")
    assert out.split() == ["seeded", "12:34", "751"]
    assert not (box.rootfs / "seed/new").exists()


def test_masked_and_readonly_paths(box):
    box.config["linux"]["maskedPaths"] = ["/proc/keys", "/proc/acpi", "/proc/timer_list", "/nothing", "/secret", "/secrets"]
    box.config["linux"]["readonlyPaths"] = ["/proc/sys", "/proc/bus", "/nothing", "/fixed"]
    (box.rootfs / "secret").write_text("secret")
    (box.rootfs / "secrets").mkdir()
    (box.rootfs / "secrets/s").write_text("secret")
    (box.rootfs / "fixed").write_text("fixed")
    out = box.output("sh", "-c", "cat /proc/keys /secret; ls /secrets; (echo x > /fixed) 2>/dev/null || echo fixed; (echo 1 > /proc/sys/kernel/hostname) 2>/dev/null || echo sys;"
                     "(touch /secrets/n) 2>/dev/null || echo sealed; true")
    assert out.split() == ["fixed", "sys", "sealed"]


def test_readonly_root_and_dev(box):
    box.config["root"]["readonly"] = True
    box.config["mounts"][1]["options"].append("ro")
    out = box.output("sh", "-c", "touch /x 2>/dev/null || echo root; touch /dev/x 2>/dev/null || echo dev; echo > /dev/null && echo null; ls /dev/fd/0 >/dev/null && echo fd")
    assert out.split() == ["root", "dev", "null", "fd"]


def test_devices(box):
    box.config["linux"]["devices"] = [{"path": "/dev/extra", "type": "c", "major": 1, "minor": 5, "fileMode": 0o640, "uid": 3, "gid": 4},
                                      {"path": "/dev/pipe", "type": "p", "fileMode": 0o600}]
    box.config["linux"]["resources"] = {"devices": [{"allow": False, "access": "rwm"}]}
    out = box.output("sh", "-c", "stat -c '%F %t:%T %a %u:%g' /dev/extra /dev/pipe /dev/null; head -c 3 /dev/zero | wc -c; ls -l /dev/ptmx /dev/fd /dev/stdin")
    lines = out.splitlines()
    assert lines[0] == "character special file 1:5 640 3:4" and lines[1].startswith("fifo") and lines[2].startswith("character special file 1:3 666")
    assert lines[3] == "3" and "pts/ptmx" in out and "/proc/self/fd/0" in out


def test_device_rules_are_enforced(box):
    box.config["linux"]["devices"] = [{"path": "/dev/tun", "type": "c", "major": 10, "minor": 200}, {"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229}]
    box.config["linux"]["resources"] = {"devices": [{"allow": False, "access": "rwm"}, {"allow": True, "type": "c", "major": 10, "minor": 229, "access": "r"}]}
    out = box.output("sh", "-c", "(exec 5</dev/fuse) && echo allowed; (exec 5</dev/tun) 2>/dev/null || echo denied; (exec 5>/dev/fuse) 2>/dev/null || echo write")
    assert out.split() == ["allowed", "denied", "write"]


def test_links_do_not_lead_out_of_the_root(box, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (box.rootfs / "evil").symlink_to(outside)
    (box.rootfs / "evil2").symlink_to("../" * 20 + str(outside))
    box.config["mounts"] += [{"destination": "/evil/mnt", "type": "tmpfs", "source": "tmpfs"}, {"destination": "/evil2/mnt2", "type": "tmpfs", "source": "tmpfs"}]
    box.output("true")
    assert list(outside.iterdir()) == []
    for destination in ("/proc/sys", "/", "/proc/self/attr"):
        box.config["mounts"] = box.config["mounts"][:3] + [{"destination": destination, "type": "tmpfs", "source": "tmpfs"}]
        box.refused("true")


def test_proc_behind_a_link_is_refused(box):
    (box.rootfs / "proc").rmdir()
    (box.rootfs / "elsewhere").mkdir()
    (box.rootfs / "proc").symlink_to("elsewhere")
    assert "ordinary directory" in box.refused("true")


def test_rootfs_propagation_shared(box, tmp_path):
    """The root is shared inside, and nothing of it shows on the host."""
    box.config["linux"]["rootfsPropagation"] = "shared"
    out = box.output("sh", "-c", "grep ' / / ' /proc/self/mountinfo || head -1 /proc/self/mountinfo")
    assert "shared:" in out


def test_no_pivot(box):
    assert box.output("ls", "/", flags=["--no-pivot"]).split() == sorted(["bin", "dev", "etc", "proc", "sys", "tmp"])


def test_cgroup_mount_shows_the_own_cgroup(box):
    box.config["mounts"] += [{"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["ro"]},
                             {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["ro"]}]
    box.config["linux"]["resources"] = {"memory": {"limit": 50 << 20}, "pids": {"limit": 21}}
    script = "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null; cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null; true"
    assert box.output("sh", "-c", script).split() == [str(50 << 20), "21"]
    without(box, "cgroup")
    assert box.output("sh", "-c", script).split() == [str(50 << 20), "21"]


# ---- process ----


def test_capabilities(box):
    sets = {"bounding": ["CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW"], "permitted": ["CAP_CHOWN", "CAP_KILL"], "effective": ["CAP_CHOWN"],
            "inheritable": ["CAP_KILL"], "ambient": ["CAP_KILL"]}
    box.config["process"]["capabilities"] = sets
    box.config["process"]["user"] = {"uid": 1000, "gid": 1000}
    status = dict(l.split(":\t") for l in box.output("grep", "Cap", "/proc/self/status").splitlines())
    assert int(status["CapBnd"], 16) == 1 << 0 | 1 << 5 | 1 << 13
    assert int(status["CapAmb"], 16) == 1 << 5 and int(status["CapInh"], 16) == 1 << 5
    assert int(status["CapPrm"], 16) == 1 << 5  # what an unprivileged program keeps over execve
    unknown = dict(sets, bounding=["CAP_CHOWN", "CAP_NOT_YET"])
    box.config["process"]["capabilities"] = unknown
    done = box.run("true")
    assert done.returncode == 0 and "CAP_NOT_YET" in done.stderr


def test_user_groups_umask_rlimits_nnp_oom(box):
    box.config["process"].update({"user": {"uid": 1000, "gid": 1001, "additionalGids": [5, 6], "umask": 0o77},
                                  "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200}, {"type": "RLIMIT_CORE", "soft": 0, "hard": 0}],
                                  "oomScoreAdj": 500, "cwd": "/made/for/me"})
    out = box.output("sh", "-c", "id -u; id -g; id -G; umask; ulimit -n; ulimit -Hn; grep NoNewPrivs /proc/self/status; cat /proc/self/oom_score_adj; readlink /proc/self/cwd").split()
    assert out == ["1000", "1001", "1001", "5", "6", "0077", "100", "200", "NoNewPrivs:", "1", "500", "/made/for/me"]


def test_scheduler_io_priority_personality(box):
    box.config["process"]["scheduler"] = {"policy": "SCHED_BATCH", "nice": 5}
    box.config["process"]["ioPriority"] = {"class": "IOPRIO_CLASS_IDLE", "priority": 0}
    box.config["linux"]["personality"] = {"domain": "LINUX32"}
    box.started("sleep", "1000")
    pid = box.state()["pid"]
    assert os.sched_getscheduler(pid) == os.SCHED_BATCH and os.getpriority(os.PRIO_PROCESS, pid) == 5
    assert "idle" in subprocess.run(["ionice", "-p", str(pid)], capture_output=True, text=True).stdout
    assert int(pathlib.Path(f"/proc/{pid}/personality").read_text(), 16) == 8


def test_sysctl(box):
    box.config["linux"]["sysctl"] = {"net.ipv4.ip_forward": "1", "kernel.msgmax": "4242", "net/ipv4/conf/lo/forwarding": "0", "kernel.domainname": "dom"}
    out = box.output("sh", "-c", "cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax /proc/sys/kernel/domainname")
    assert out.split() == ["1", "4242", "dom"]
    for key in ("kernel.panic", "vm.swappiness", "kernel.hostname"):
        box.config["linux"]["sysctl"] = {key: "1"}
        assert f'sysctl \\"{key}\\"' in box.refused("true")
    without(box, "network")
    box.config["linux"]["sysctl"] = {"net.ipv4.ip_forward": "1"}
    assert "not allowed in host network namespace" in box.refused("true")


def test_domainname(box):
    box.config["domainname"] = "example.org"
    assert box.output("cat", "/proc/sys/kernel/domainname").strip() == "example.org"


def test_seccomp(box):
    box.config["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 13}]}
    for nnp in (True, False):
        box.config["process"]["noNewPrivileges"] = nnp
        assert box.output("sh", "-c", "mkdir /tmp/x 2>&1 || grep Seccomp: /proc/self/status").split()[-2:] == ["Seccomp:", "2"]


def test_seccomp_listener(box):
    path = str(box.scratch / "agent.sock")
    box.config["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": path, "listenerMetadata": "meta",
                                      "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_NOTIFY"}]}
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        box.create("true")
        connection, _ = listener.accept()
        data, fds, _, _ = socket.recv_fds(connection, 65536, 4)
    state = json.loads(data)
    assert state["fds"] == ["seccompFd"] and state["metadata"] == "meta" and state["pid"] == box.state()["pid"] and len(fds) == 1
    os.close(fds[0])
    connection.close()


def test_security_modules_are_refused_by_name(box):
    if not pathlib.Path("/sys/module/apparmor/parameters/enabled").exists():
        box.config["process"]["apparmorProfile"] = "docker-default"
        assert "AppArmor is not enabled" in box.refused("true")
        del box.config["process"]["apparmorProfile"]
    if not pathlib.Path("/sys/fs/selinux/enforce").exists():
        box.config["process"]["selinuxLabel"] = "system_u:system_r:container_t:s0"
        assert "SELinux is not enabled" in box.refused("true")


# ---- hooks ----


def test_hooks_at_their_moments(box):
    log = box.hooks_log
    record = lambda name: box.hook(f"echo {name} $(readlink /proc/self/ns/mnt) $(cat) >> {log}")
    inside = box.hook("echo startContainer $(cat) > /hook", env=["PATH=/bin"])
    box.config["hooks"] = {name: [record(name)] for name in ("prestart", "createRuntime", "createContainer", "poststart", "poststop")}
    box.config["hooks"]["startContainer"] = [inside]
    box.create("sh", "-c", "sleep 1000")
    host = os.readlink("/proc/self/ns/mnt")
    lines = [l.split(" ", 2) for l in log.read_text().splitlines()]
    assert [l[0] for l in lines] == ["prestart", "createRuntime", "createContainer"]
    assert lines[0][1] == lines[1][1] == host and lines[2][1] != host
    state = json.loads(lines[1][2])
    assert state["status"] == "creating" and state["pid"] == box.state()["pid"] and state["id"] == box.id and state["bundle"] == str(box.path)
    assert not (box.rootfs / "hook").exists()
    box.ok("start", box.id)
    assert json.loads((box.rootfs / "hook").read_text().split(" ", 1)[1])["status"] == "created"
    lines = [l.split(" ", 2) for l in log.read_text().splitlines()]
    assert lines[3][0] == "poststart" and json.loads(lines[3][2])["status"] == "running"
    box.ok("delete", "--force", box.id)
    lines = [l.split(" ", 2) for l in log.read_text().splitlines()]
    assert lines[4][0] == "poststop" and json.loads(lines[4][2])["status"] == "stopped"


@pytest.mark.parametrize("moment", ["prestart", "createRuntime", "createContainer", "startContainer", "poststart"])
def test_a_failing_hook_ends_the_container(box, moment):
    box.config["hooks"] = {moment: [box.hook("echo why >&2; exit 3", env=["PATH=/bin"])]}
    error = box.refused("sleep", "1000")
    assert f"error running {moment} hook #0" in error and "exit status 3" in error and "why" in error


def test_a_failing_poststart_hook_deletes_the_container(box):
    """runtime.md, lifecycle, step 9: an error, then stop and deletion."""
    box.config["hooks"] = {"poststart": [box.hook("exit 3")]}
    box.create("sleep", "1000")
    assert "poststart hook #0" in box.oci("start", box.id).stderr
    assert "does not exist" in box.oci("state", box.id).stderr


def test_failing_poststop_hooks_are_warned_of_and_the_rest_runs(box):
    """runtime.md, lifecycle, step 13."""
    box.config["hooks"] = {"poststop": [box.hook("exit 3"), box.hook(f"echo last >> {box.hooks_log}")]}
    done = box.run("true")
    assert done.returncode == 0 and "level=warning" in done.stderr and "poststop hook #0" in done.stderr
    assert box.hooks_log.read_text() == "last\n"


def test_a_hook_without_env_gets_the_runtimes(box):
    hook = box.hook(f"echo $FULCRUM_TEST_WORD >> {box.hooks_log}")
    del hook["env"]
    box.config["hooks"] = {"createRuntime": [hook]}
    box.output("true", env={**os.environ, "FULCRUM_TEST_WORD": "inherited"})
    assert box.hooks_log.read_text() == "inherited\n"


def test_what_is_being_created_does_not_exist_yet(box):
    """As with runc: others see a container when its creation is complete, and cannot take it apart before."""
    gate, ready = box.scratch / "gate", box.scratch / "ready"
    os.mkfifo(gate)
    os.mkfifo(ready)
    box.config["hooks"] = {"createRuntime": [box.hook(f"echo > {ready}; cat {gate}")]}
    box.write(["sleep", "1000"])
    creator = subprocess.Popen([bin_dir() / "fulcrum-oci", "--root", box.root, "create", "--bundle", box.path, box.id], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    ready.read_text()
    for command in ("state", "start", "kill"):
        assert "does not exist" in box.oci(command, box.id).stderr
    assert "is being created" in box.oci("delete", "--force", box.id).stderr
    gate.write_text("")
    assert creator.wait(60) == 0
    assert box.state()["status"] == "created"


def test_a_created_container_holds_nothing_of_the_host_open(box):
    """A process that waits for its start may be looked into by others of its pid namespace (CVE-2024-21626 began with a descriptor left open)."""
    box.create("sleep", "1000")
    links = sorted(os.readlink(p) for p in pathlib.Path(f"/proc/{box.state()['pid']}/fd").iterdir() if int(p.name) > 2)
    state = box.root / box.id
    allowed = {str(state / "exec.fifo"), str(state / "start.error"), "/proc", "anon_inode:[eventfd]"}
    assert set(links) <= allowed, links


def test_sigkill_of_a_container_without_pid_namespace_ends_all_of_it_also_without_init(box):
    without(box, "pid")
    box.started("sh", "-c", "sleep 1000 & sleep 1000 & echo up; read x")
    box.wait_status("stopped")  # its input is /dev/null: init ends at once, the others stay
    assert len([p for g in box.cgroups() for p in (g / "cgroup.procs").read_text().split()]) > 0
    box.ok("kill", box.id, "KILL")
    deadline = time.monotonic() + 10
    while any((g / "cgroup.procs").read_text() for g in box.cgroups()):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_frozen_cgroup_is_refused_and_left_as_it_is(box):
    """A process that is put into it would never run again."""
    path = pathlib.Path("/sys/fs/cgroup/freezer") / box.config["linux"]["cgroupsPath"].lstrip("/")
    state, word, thaw = (path / "freezer.state", "FROZEN", "THAWED") if path.parent.is_dir() else \
        (pathlib.Path("/sys/fs/cgroup") / path.name / "cgroup.freeze", "1", "0")
    state.parent.mkdir()
    try:
        state.write_text(word)
        assert "cgroup unexpectedly frozen" in box.run("true", timeout=20).stderr
        assert state.read_text().strip() == word
    finally:
        state.write_text(thaw)
        state.parent.rmdir()


def test_masked_twice_is_masked_once(box):
    (box.rootfs / "secret").mkdir()
    box.config["linux"]["maskedPaths"] = ["/secret", "/secret/", "/secret"]
    assert box.output("grep", "-c", " /secret ", "/proc/self/mountinfo") == "1\n"


def test_tmpfs_takes_the_mode_of_what_it_covers_else_1777(box):
    (box.rootfs / "kept").mkdir(mode=0o710)
    (box.rootfs / "kept").chmod(0o710)
    box.config["root"]["readonly"] = False
    box.config["mounts"] += [{"destination": path, "type": "tmpfs", "source": "tmpfs"} for path in ("/kept", "/new")]
    assert box.output("stat", "-c", "%a", "/kept", "/new").split() == ["710", "1777"]


def test_exec_has_the_personality_of_the_container(box):
    box.config["linux"]["personality"] = {"domain": "LINUX32"}
    box.started("sleep", "1000")
    assert box.ok("exec", box.id, "cat", "/proc/self/personality") == "00000008\n"


def test_a_terminal_served_by_run_leaves_line_feeds_alone(box):
    box.config["process"]["terminal"] = True
    assert box.output("sh", "-c", "echo one; echo two") == "one\ntwo\n"


def test_debug_says_what_is_done(box):
    box.write(["true"])
    said = box.oci("--debug", "run", "--bundle", box.path, box.id).stderr
    assert "level=debug" in said and f"run --bundle {box.path} {box.id}" in said


def test_crun_flags_for_other_configurations(box):
    box.write(["sh", "-c", "exit 7"])
    (box.path / "config.json").rename(box.path / "other.json")
    assert box.oci("--cgroup-manager", "cgroupfs", "run", "--bundle", box.path, "--config", "other.json", box.id).returncode == 7
    assert "other2.json not found" in box.oci("run", "--bundle", box.path, "-f", "other2.json", box.id).stderr
    assert "cgroup-manager" in box.oci("--cgroup-manager", "disabled", "state", box.id).stderr


def test_start_reports_what_failed_after_create(box):
    box.config["hooks"] = {"startContainer": [box.hook("echo why >&2; exit 3", env=["PATH=/bin"])]}
    box.create("sleep", "1000")
    failed = box.oci("start", box.id)
    assert failed.returncode == 1 and "startContainer hook #0" in failed.stderr
    box.wait_status("stopped")
    box.ok("delete", box.id)
    del box.config["hooks"]
    (box.rootfs / "bin/junk").write_text("junk")
    (box.rootfs / "bin/junk").chmod(0o755)
    box.create("junk")
    assert "Exec format error" in box.oci("start", box.id).stderr


def test_hook_timeout(box):
    box.config["hooks"] = {"createRuntime": [box.hook("sleep 1000", timeout=1)]}
    assert "createRuntime hook #0" in box.refused("true")


# ---- the extension ----


def overlay(box, tmp_path):
    layers = [tmp_path / "top", tmp_path / "bottom"]
    make_rootfs(layers[1])
    (layers[0] / "etc").mkdir(parents=True)
    (layers[0] / "etc/layer").write_text("top\n")
    (layers[1] / "etc/layer").write_text("bottom\n")
    (tmp_path / "rw/upper").mkdir(parents=True)
    (tmp_path / "rw/work").mkdir()
    (tmp_path / "empty").mkdir()
    box.config["root"]["path"] = str(tmp_path / "empty")
    box.config["annotations"] = {"dev.fulcrum.rootfs": json.dumps({"lower": [str(l) for l in layers], "upper": str(tmp_path / "rw/upper"),
                                                                   "work": str(tmp_path / "rw/work")})}
    return tmp_path / "rw/upper"


@pytest.fixture
def plain_dir():
    """overlayfs takes no upper on overlayfs: a folder on a tmpfs will do anywhere."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="fulcrum-runtime-", dir="/dev/shm"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_overlay_root(box, plain_dir):
    upper = overlay(box, plain_dir)
    before = pathlib.Path("/proc/self/mountinfo").read_text()
    box.started("sh", "-c", "cat /etc/layer > /copy; sleep 1000")
    assert box.ok("exec", box.id, "sh", "-c", "cat /etc/layer; touch /new; grep ' / ' /proc/mounts").split()[:3] == ["top", "fulcrum", "/"]
    assert (upper / "new").exists() and list((plain_dir / "empty").iterdir()) == []
    assert pathlib.Path("/proc/self/mountinfo").read_text() == before
    box.ok("delete", "--force", box.id)


def test_overlay_root_in_a_user_namespace(box, plain_dir):
    """Files of uid 0 on disk belong to the container's root, and what it writes is uid 0 on disk."""
    upper = overlay(box, plain_dir)
    add_user_namespace(box)
    out = box.output("sh", "-c", "stat -c %u:%g /etc/layer /bin/busybox; touch /new; mkdir /dir; chmod 700 /etc; echo x >> /etc/layer; stat -c %u:%g /new")
    assert out.split() == ["0:0", "0:0", "0:0"]
    for name in ("new", "dir", "etc/layer"):
        assert ((upper / name).stat().st_uid, (upper / name).stat().st_gid) == (0, 0)


def test_wrong_overlay_annotations(box, plain_dir):
    overlay(box, plain_dir)
    for wrong in ("x", "{}", '{"lower": ["relative"]}', '{"lower": ["/a"], "upper": "/b"}', '{"lower": []}'):
        box.config["annotations"]["dev.fulcrum.rootfs"] = wrong
        assert "dev.fulcrum.rootfs" in box.refused("true")


# ---- without privilege ----


def rootless(box, plain_dir, *args):
    """Runs as uid 1000 with a map of itself alone; everything lies where that user may go."""
    import shutil
    for name in ("bundle", "state"):
        (plain_dir / name).mkdir(exist_ok=True)
    if not (plain_dir / "bundle/rootfs").exists():
        make_rootfs(plain_dir / "bundle/rootfs")
    shutil.copy(bin_dir() / "fulcrum-oci", plain_dir / "oci")
    config = json.loads(json.dumps(box.config))
    config["process"]["args"] = list(args)
    config["linux"]["namespaces"].append({"type": "user"})
    config["linux"]["uidMappings"] = config["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 1000, "size": 1}]
    config["linux"].pop("cgroupsPath")
    (plain_dir / "bundle/config.json").write_text(json.dumps(config))
    subprocess.run(["chown", "-Rh", "1000:1000", plain_dir], check=True)
    return subprocess.run(["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", plain_dir / "oci", "--root", plain_dir / "state", "run", "--bundle",
                           plain_dir / "bundle", box.id], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)


def test_rootless(box, plain_dir):
    box.config["mounts"].append({"destination": "/sys", "type": "none", "source": "/sys", "options": ["rbind", "nosuid", "noexec", "nodev", "ro"]})
    done = rootless(box, plain_dir, "sh", "-c", "id -u; cat /proc/self/uid_map; echo x > /dev/null && echo null; touch /mine; test -d /sys/class && echo sys; exit 4")
    assert done.returncode == 4 and done.stdout.split() == ["0", "0", "1000", "1", "null", "sys"], done.stderr
    assert (plain_dir / "bundle/rootfs/mine").stat().st_uid == 1000
    assert not (plain_dir / "state" / box.id).exists()


def test_rootless_overlay_root(box, plain_dir):
    upper = overlay(box, plain_dir)
    done = rootless(box, plain_dir, "sh", "-c", "cat /etc/layer; touch /new; stat -c %u /new")
    assert done.returncode == 0 and done.stdout.split() == ["top", "0"], done.stderr
    assert (upper / "new").stat().st_uid == 1000
