"""C09: everything of C01-C08, C10-C13 and C18 as an ordinary user. The tests of those rows are run again, unchanged, on a rootless engine."""
import json
import os
import pathlib
import random
import re
import shutil
import time

import pytest

import test_crash
import test_images
import test_life
import test_limits
import test_logs
import test_network
import test_run
import test_security
import test_volumes
from harness.images import busybox_image
from harness.rootless import RootlessEngine, alive
from test_limits import cgroup_file, eater  # noqa: F401 (fixtures of the tests below)
from test_security import caller  # noqa: F401

NEEDS_CGROUP = re.compile("C06|C07|update_changes|top_stats")
SAME = {
    test_run: ["test_C01_run_rm_true_exits_zero_and_is_gone", "test_C01_exit_status_is_passed_through", "test_C01_streams_are_kept_apart_and_binary_safe",
               "test_run_with_a_terminal", "test_run_detach_keys_leave_it_running", "test_signals_reach_the_program",
               "test_C05_exec_with_env_user_workdir_and_exit_code", "test_C05_exec_with_a_terminal", "test_exec_detached_goes_on_by_itself",
               "test_workload_file_with_env_entrypoint_and_user", "test_top_stats_inspect_port_are_for_programs_too",
               "test_copy_in_and_out_running_and_stopped"],
    test_images: ["test_C03_two_images_share_their_base", "test_image_rm_refuses_what_a_workload_uses",
                  "test_C17_commit_and_export_keep_what_was_written",
                  "test_hostile_archives_are_refused_and_leave_nothing"],
    test_logs: ["test_C04_tail_since_until_timestamps", "test_C04_follow_ends_with_the_workload_and_misses_nothing", "test_C04_rotation_keeps_the_newest",
                "test_C04_survives_a_daemon_restart"],
    test_limits: ["test_C06_out_of_memory_is_reported_as_such", "test_C06_a_kill_is_not_out_of_memory",
                  "test_C06_restart_policy_is_honoured_after_out_of_memory", "test_C07_pids_limit", "test_C07_cpu_quota_is_seen_and_holds",
                  "test_C07_memory_limit_is_visible_inside_and_outside", "test_ulimits_sysctls_shm_and_oom_score",
                  "test_update_changes_limits_without_a_restart"],
    test_security: ["test_C10_listed_system_calls_fail_with_eperm", "test_C10_own_profile", "test_C10_capabilities_are_dropped",
                    "test_C10_paths_are_masked_and_read_only", "test_C10_no_new_privileges", "test_user_names_groups_and_missing_users",
                    "test_secrets_are_files_and_are_never_shown"],
    test_network: ["test_C11_names_resolve_on_their_network", "test_C11_published_port_from_the_host_and_from_neighbours",
                   "test_C11_two_networks_are_isolated", "test_C11_fixed_address_hosts_and_resolver", "test_C11_internal_network_has_no_way_out",
                   "test_networks_survive_a_daemon_crash"],
    test_volumes: ["test_C12_named_volume_outlives_the_workload",
                   "test_C12_a_new_volume_is_filled_from_the_image", "test_C12_anonymous_volumes_go_with_the_workload",
                   "test_C12_tmpfs_and_missing_sources"],
    test_life: ["test_C13_health_check_flips_status", "test_C13_http_and_tcp_health", "test_C13_restart_policies_that_end", "test_C13_always_restarts_until_stopped_by_hand",
                "test_C16_events_come_in_order", "test_C18_an_exec_session_survives_the_daemon"],
}
for module, names in SAME.items():
    for name in names:
        globals()["test_C09_" + name.removeprefix("test_")] = getattr(module, name)

slirp = pytest.mark.skipif(not shutil.which("slirp4netns") or not os.path.exists("/dev/net/tun"), reason="needs slirp4netns and /dev/net/tun")


@pytest.fixture(autouse=True)
def programs():
    for program in ("newuidmap", "newgidmap", "setpriv"):
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed")


@pytest.fixture
def make_engine(bin_dir, request):
    """Engines of ordinary users; those of tests about limits have delegated cgroups."""
    engines = []
    delegated = bool(NEEDS_CGROUP.search(request.node.name))

    def make(**options):
        engine = RootlessEngine(bin_dir, **{"delegate": delegated, **options})
        engines.append(engine)
        engine.start()
        return engine

    yield make
    problems = []
    for engine in engines:
        problems += engine.destroy()
    assert not problems, "left behind: " + "; ".join(problems)


def load_box(engine):
    engine.ok("image", "load", "-i", str(busybox_image(engine.scratch / "box.tar", name="box")))
    return engine


def first_pid(engine, name):
    return json.loads(engine.ok("top", "--format", "json", name))["processes"][0]["pid"]


def ids(pid, kind):
    """Who runs a process, as the host sees it."""
    return [int(word) for line in open(f"/proc/{pid}/status") if line.startswith(kind) for word in line.split()[1:]]


def namespace(pid, kind):
    return os.readlink(f"/proc/{pid}/ns/{kind}")


def fetch(engine, url, run=None):
    """curl from the host's side (or with `run`), again while nobody listens yet."""
    for _ in range(100):
        done = (run or engine.inside)("curl", "-fsS", "--max-time", "3", url)
        if done.returncode == 0:
            return done.stdout.strip()
        if not any(word in done.stderr.lower() for word in ("refused", "reset", "empty reply")):
            break
    return None


def serve(engine, name, *flags):
    engine.ok("run", "-d", "--name", name, *flags, "box", "sh", "-c", f"mkdir /w; echo {name} >/w/index.html; exec httpd -f -p 80 -h /w")


def test_C09_nothing_runs_as_root_and_the_command_line_finds_the_engine(box):
    box.ok("run", "-d", "--name", "w", "box", "sleep", "1000")
    for pid, line in box.processes():
        assert set(ids(pid, "Uid:")) == {box.uid}, line
    found = box.unprivileged(box.bin / "fulcrum", "ls", "-q")
    assert found.returncode == 0 and found.stdout.strip(), found.stderr
    assert os.stat(box.socket).st_uid == box.uid and os.stat(box.data).st_uid == box.uid
    assert os.stat(box.socket).st_mode & 0o077 == 0


def test_C09_C08_root_inside_is_not_root_outside(box):
    box.ok("run", "-d", "--name", "w", "box", "sh", "-c", "touch /mine; exec sleep 1000")
    box.ok("run", "-d", "--name", "a", "-u", "alice", "box", "sleep", "1000")
    assert set(ids(box.inspect("w")["status"]["pid"], "Uid:")) == {box.uid}
    assert set(ids(box.inspect("a")["status"]["pid"], "Uid:")) == {box.first + 999}
    assert box.ok("exec", "w", "stat", "-c", "%u:%g", "/mine", "/home/alice").split() == ["0:0", "1000:1000"]
    assert box.cli("run", "--rm", "-v", "/etc/shadow:/shadow:ro", "box", "cat", "/shadow").returncode == 1
    done = box.cli("run", "--rm", "--userns", "auto", "box", "true")
    assert done.returncode == 125 and "security.userns" in done.stderr
    before = pathlib.Path("/proc/sys/kernel/panic").read_text()
    done = box.cli("run", "--rm", "--privileged", "box", "sh", "-c", "echo 77 >/proc/sys/kernel/panic || mknod /n b 8 0")
    assert done.returncode == 1 and pathlib.Path("/proc/sys/kernel/panic").read_text() == before


def test_C09_C12_read_only_mounts_refuse_writes(box):
    host = box.scratch / "host"
    host.mkdir()
    (host / "f").write_text("from here\n")
    os.chown(host, box.uid, box.uid)
    done = box.cli("run", "--rm", "-v", f"{host}:/mnt:ro", "-v", "data:/keep:ro", "box", "sh", "-c", "cat /mnt/f; touch /mnt/x; touch /keep/x")
    assert done.stdout == "from here\n" and done.stderr.count("Read-only") == 2
    box.ok("run", "--rm", "--mount", f"type=bind,source={host},target=/mnt", "box", "touch", "/mnt/y")
    assert (host / "y").stat().st_uid == box.uid


@slirp
def test_C09_C02_pull_by_tag_and_by_digest(make_engine):
    from harness.registry import Registry
    from harness.rootless import OUTSIDE
    from test_images import push_box
    engine = make_engine(args=["--insecure-registry", f"{OUTSIDE}:5000"])
    registry = Registry(engine, host=OUTSIDE)
    try:
        digest = push_box(engine, registry)
        by_tag = engine.ok("image", "pull", "-q", f"{registry.address}/box:1")
        assert engine.ok("image", "pull", "-q", f"{registry.address}/box@{digest}") == by_tag
        assert engine.ok("run", "--rm", f"{registry.address}/box@{digest}", "cat", "/data/seed") == "from the image"
        wrong = "sha256:" + "0" * 64
        done = engine.cli("image", "pull", "-q", f"{registry.address}/box@{wrong}")
        assert done.returncode != 0 and wrong in done.stderr
    finally:
        registry.stop()


def test_C09_P12_kill_9_at_random_moments(box, monkeypatch):
    def mkdir(path, *args, **kwargs):  # the test's folder must be the user's
        made(path, *args, **kwargs)
        os.chown(path, box.uid, box.uid)
    made = pathlib.Path.mkdir
    monkeypatch.setattr(pathlib.Path, "mkdir", mkdir)
    test_crash.test_P12_kill_9_at_random_moments(box)


def test_C09_C17_what_one_user_saves_another_loads(box, make_engine):
    box.ok("image", "save", "-o", box.scratch / "saved.tar", "box")
    assert (box.scratch / "saved.tar").stat().st_uid == box.uid
    other = make_engine()
    shutil.copy(box.scratch / "saved.tar", other.scratch / "saved.tar")
    os.chown(other.scratch / "saved.tar", other.uid, other.uid)
    other.ok("image", "load", "-i", other.scratch / "saved.tar")
    layers = [json.loads(engine.ok("image", "inspect", "box"))["layers"] for engine in (box, other)]
    assert layers[0] == layers[1] and layers[0]
    assert other.ok("run", "--rm", "box", "stat", "-c", "%u", "/home/alice") == "1000"


def test_C09_without_delegated_cgroups_limits_are_refused_by_name(box):
    for flags, field in [(["-m", "64Mi"], "resources.memory"), (["--cpus", "1"], "resources.cpus"), (["--pids-limit", "9"], "resources.pids"),
                         (["--cpuset-cpus", "0"], "resources.cpusetCpus")]:
        done = box.cli("run", "--rm", *flags, "box", "true")
        assert done.returncode == 125 and f"{field}: needs a delegated cgroup" in done.stderr, done.stderr
    assert json.loads(box.ok("ls", "-a", "--format", "json"))["items"] == []
    # Everything that needs no limit works all the same.
    box.ok("run", "-d", "--name", "w", "box", "sh", "-c", "sleep 1000 & exec sleep 2000")
    assert not box.cgroups()
    top = box.ok("top", "w")
    assert "sleep 1000" in top and "sleep 2000" in top
    done = box.cli("pause", "w")
    assert done.returncode == 1 and "cgroup" in done.stderr
    box.ok("stop", "-t", "0", "w")
    assert box.phase("w") == "stopped"
    box.ok("rm", "w")


def test_C09_without_ranges_of_ids_only_root_exists_and_that_is_said(make_engine):
    engine = load_box(make_engine(subids=False))
    assert "only one user exists inside" in engine.tail() and "/etc/subuid" in engine.tail()
    assert engine.ok("run", "--rm", "box", "sh", "-c", "id -u; stat -c %u /home/alice; touch /new && echo written").split() == ["0", "0", "written"]
    done = engine.cli("run", "--rm", "-u", "alice", "box", "true")
    assert done.returncode == 125 and "user: id 1000 does not exist" in done.stderr
    engine.ok("run", "-d", "--name", "w", "box", "sleep", "1000")
    assert engine.ok("exec", "w", "echo", "hi") == "hi"


def test_C09_layers_with_whiteouts_opaque_folders_and_devices(engine):
    import io
    import tarfile

    from harness.images import busybox_rootfs, docker_archive
    base = busybox_rootfs(engine.scratch / "base.tar", extra={"d/old": "old", "gone": "x"})
    with tarfile.open(engine.scratch / "top.tar", "w") as tar:
        def add(name, kind=tarfile.REGTYPE, data=b""):
            info = tarfile.TarInfo(name)
            info.type, info.size, info.mode = kind, len(data), 0o755
            info.devmajor, info.devminor = 1, 3
            tar.addfile(info, io.BytesIO(data))
        add("d", tarfile.DIRTYPE)
        add("d/.wh..wh..opq")
        add("d/new", data=b"new")
        add(".wh.gone")
        add("node", tarfile.CHRTYPE)
    archive = docker_archive(engine.scratch / "image.tar", [base, engine.scratch / "top.tar"], "two")
    engine.ok("image", "load", "-i", archive or engine.scratch / "image.tar")
    out = engine.ok("run", "--name", "w", "two", "sh", "-c", "ls /d; ls /gone /node 2>&1 | wc -l; rm -r /d; mkdir /d; ls -a /d | wc -l; echo x >/dev/null && echo null")
    assert out.split() == ["new", "2", "2", "null"]
    # What a container removed is removed in the image made of it.
    engine.ok("commit", "w", "three")
    assert engine.ok("run", "--rm", "three", "ls", "/d") == ""


@slirp
def test_C09_published_ports_on_the_real_host(box):
    serve(box, "all", "-p", "18080:80")
    serve(box, "local", "-p", "127.0.0.1:18081:80")
    from harness.rootless import OUTSIDE
    assert fetch(box, "http://127.0.0.1:18080/") == "all" and fetch(box, f"http://{OUTSIDE}:18080/") == "all"
    assert fetch(box, "http://127.0.0.1:18081/") == "local"
    listening = box.inside("ss", "-Hltn").stdout
    assert "0.0.0.0:18080" in listening and "127.0.0.1:18081" in listening and "0.0.0.0:18081" not in listening
    assert box.ok("port", "local", "80").strip().endswith("127.0.0.1:18081")
    box.ok("rm", "-f", "local")
    assert ":18081" not in box.inside("ss", "-Hltn").stdout
    # What the host uses already is refused, as is what an ordinary user may not bind; nothing stays.
    done = box.cli("run", "-d", "--name", "taken", "-p", "18082:80", "-p", "18080:81", "box", "sleep", "1000")
    assert done.returncode == 125 and "18080" in done.stderr
    assert ":18082" not in box.inside("ss", "-Hltn").stdout
    done = box.cli("run", "-d", "--name", "low", "-p", "80:80", "box", "sleep", "1000")
    assert done.returncode == 125 and "80" in done.stderr and "unprivileged" in done.stderr, done.stderr


@slirp
def test_C09_C18_a_crashed_daemon_is_followed_by_one_in_the_same_namespaces(box):
    serve(box, "web", "-p", "18080:80")
    box.ok("run", "-d", "--name", "client", "box", "sleep", "1000")
    box.ok("run", "-d", "--name", "ends", "box", "sh", "-c", "while [ ! -e /tmp/end ]; do sleep 0.05; done; exit 33")
    ends = box.inspect("ends")["status"]["pid"]
    assert fetch(box, "http://127.0.0.1:18080/") == "web"
    holder, slirp_pid, pid = box.pin("holder"), box.pin("slirp4netns"), box.inspect("web")["status"]["pid"]
    before = [namespace(box.daemon.pid, kind) for kind in ("user", "net", "mnt")]
    assert before == [namespace(holder, kind) for kind in ("user", "net", "mnt")] != [namespace("self", kind) for kind in ("user", "net", "mnt")]
    assert namespace(box.daemon.pid, "pid") == namespace("self", "pid")
    box.kill9()
    assert fetch(box, "http://127.0.0.1:18080/") == "web"
    assert box.within("touch", f"/proc/{ends}/root/tmp/end").returncode == 0
    box.start()
    assert json.loads(box.ok("wait", "--format", "json", "ends"))["exitCode"] == 33
    assert [namespace(box.daemon.pid, kind) for kind in ("user", "net", "mnt")] == before
    assert (box.pin("holder"), box.pin("slirp4netns"), box.inspect("web")["status"]["pid"]) == (holder, slirp_pid, pid)
    assert fetch(box, "http://127.0.0.1:18080/") == "web"
    address = box.inspect("web")["status"]["networks"][0]["ip"]
    assert address in box.ok("exec", "client", "nslookup", "web")
    assert box.ok("exec", "client", "sh", "-c", f"printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 5 {address} 80").endswith("web")
    serve(box, "more", "-p", "18090:80")
    assert fetch(box, "http://127.0.0.1:18090/") == "more"


@slirp
def test_C09_the_namespaces_end_with_the_last_workload_and_not_before(box):
    holder, carrier = box.pin("holder"), box.pin("slirp4netns")
    box.ok("run", "-d", "--name", "w", "box", "sleep", "1000")
    box.stop()
    assert os.path.exists(f"/proc/{holder}") and os.path.exists(f"/proc/{carrier}")
    box.start()
    assert box.pin("holder") == holder and box.ok("exec", "w", "echo", "in") == "in"
    box.ok("rm", "-f", "w")
    box.stop()
    assert not alive(holder) and not alive(carrier)
    box.start()
    assert box.pin("holder") != holder
    assert box.ok("run", "--rm", "box", "echo", "again") == "again"


@slirp
def test_C09_slirp4netns_is_started_again_and_ports_with_it(box):
    serve(box, "web", "-p", "18080:80")
    assert fetch(box, "http://127.0.0.1:18080/") == "web"
    carrier = box.pin("slirp4netns")
    box.kill9()
    os.kill(carrier, 9)
    while alive(carrier):
        time.sleep(0.01)  # a killed process needs the processor once more; it is not our child
    box.start()
    assert box.pin("slirp4netns") != carrier
    assert fetch(box, "http://127.0.0.1:18080/") == "web"


@slirp
def test_C09_namespaces_without_a_holder_are_found_through_their_workloads(box):
    serve(box, "web", "-p", "18080:80")
    assert fetch(box, "http://127.0.0.1:18080/") == "web"
    holder, before = box.pin("holder"), [namespace(box.daemon.pid, kind) for kind in ("user", "net", "mnt")]
    box.kill9()
    os.kill(holder, 9)
    while alive(holder):
        time.sleep(0.01)  # see above
    box.start()
    assert box.pin("holder") != holder
    assert [namespace(pid, kind) for pid in (box.daemon.pid, box.pin("holder")) for kind in ("user", "net", "mnt")] == before * 2
    assert box.ok("exec", "web", "echo", "in") == "in"
    assert fetch(box, "http://127.0.0.1:18080/") == "web"


@slirp
def test_C09_a_launcher_killed_at_any_moment_leaves_one_set_of_namespaces_at_most(box):
    box.ok("run", "-d", "--name", "w", "box", "sleep", "1000")
    kept = box.pin("holder")

    def start_and_kill(times):
        for _ in range(times):
            box.start(wait=False)
            time.sleep(random.uniform(0, 0.06))
            box.kill9()

    box.kill9()
    start_and_kill(12)
    box.start()
    assert box.pin("holder") == kept and box.ok("exec", "w", "echo", "still") == "still"
    box.ok("rm", "-f", "w")
    for _ in range(12):  # from here on the namespaces are made anew each time
        box.stop()
        start_and_kill(1)
        box.start()
    assert box.ok("run", "--rm", "box", "echo", "works") == "works"
    for _ in range(500):  # holders whose maker died end by themselves, and what carries for them with them
        holders = [pid for pid, line in box.processes() if "--hold-namespaces" in line and alive(pid)]
        carriers = [pid for pid, line in box.processes() if line.startswith("slirp4netns") and alive(pid)]
        if (holders, carriers) == ([box.pin("holder")], [box.pin("slirp4netns")]):
            break
        time.sleep(0.01)
    assert (holders, carriers) == ([box.pin("holder")], [box.pin("slirp4netns")])


def test_C09_ports_that_nothing_carries_are_refused_unless_asked_for_inside(make_engine):
    engine = load_box(make_engine(tun=False))
    done = engine.cli("run", "-d", "-p", "18080:80", "box", "true")
    assert done.returncode == 125 and "ports: " in done.stderr and "slirp4netns" in done.stderr
    assert engine.cli("run", "--rm", "box", "true").returncode == 0
    engine = load_box(make_engine(network="none"))
    serve(engine, "web", "-p", "18080:80")
    assert fetch(engine, "http://127.0.0.1:18080/", engine.within) == "web"
    assert engine.inside("curl", "-fsS", "--max-time", "3", "http://127.0.0.1:18080/").returncode != 0


def test_C09_network_host_is_the_engines_own(box):
    _, table = box.request("GET", "/v1/capabilities")
    fields = next(t["fields"] for t in table["topologies"] if t["name"] == "container")
    assert fields["network"]["support"] == "degrades" and "host means" in fields["network"]["reason"]
    assert fields["resources"]["support"] == "degrades" and "delegated" in fields["resources"]["reason"]
    _, info = box.request("GET", "/v1/info")
    assert info["rootless"] is True and info["rootlessUserIds"] == 65537
    box.ok("run", "-d", "--name", "w", "--network", "host", "box", "sleep", "1000")
    assert namespace(box.inspect("w")["status"]["pid"], "net") == namespace(box.pin("holder"), "net") != namespace("self", "net")


def test_C09_what_makes_no_sense_is_refused(bin_dir, make_engine):
    import subprocess
    done = subprocess.run([bin_dir / "fulcrumd", "--rootless"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "ordinary users" in done.stderr
    engine = make_engine()
    for flags, word in [(["--socket-group", "root"], "--socket-group"), (["--userns", "auto"], "--userns"), (["--rootless-network", "x"], "--rootless-network")]:
        done = engine.unprivileged(engine.bin / "fulcrumd", *flags)
        assert done.returncode != 0 and word in done.stdout + done.stderr
    # A second daemon for the same user goes away and harms nothing.
    done = engine.unprivileged(engine.bin / "fulcrumd", *engine.daemon_flags())
    assert done.returncode == 1 and "another fulcrumd" in done.stderr
    engine.ok("ls")
