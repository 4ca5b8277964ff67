"""fulcrum-oci: the life of a container, its command line, output formats and errors."""
import json
import os
import shutil
import signal
import socket
import subprocess
import time

import pytest

from runtime_bundle import Bundle, bin_dir, receive_terminal

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture
def box(tmp_path):
    bundle = Bundle(tmp_path)
    yield bundle
    left = bundle.leftovers()
    assert not left, left


def test_exit_code_is_passed_through(box):
    assert box.run("sh", "-c", "exit 7").returncode == 7
    box.config["linux"]["namespaces"] = [n for n in box.config["linux"]["namespaces"] if n["type"] != "pid"]  # a namespace's init cannot kill itself
    assert box.run("sh", "-c", "kill -9 $$").returncode == 128 + 9


def test_life_of_a_container(box):
    pid_file = box.scratch / "pid"
    box.create("sleep", "1000", flags=["--pid-file", str(pid_file)])
    state = box.state()
    assert state["status"] == "created" and state["pid"] == int(pid_file.read_text())
    assert state["bundle"] == str(box.path) and state["ociVersion"] == "1.0.2"
    box.ok("start", box.id)
    assert box.state()["status"] == "running"
    assert "cannot start an already running container" in box.oci("start", box.id).stderr
    assert "is not stopped: running" in box.oci("delete", box.id).stderr
    box.ok("kill", box.id, "KILL")
    box.wait_status("stopped")
    assert "container not running" in box.oci("kill", box.id).stderr
    assert "cannot start a container that has stopped" in box.oci("start", box.id).stderr
    box.ok("delete", box.id)
    assert "container does not exist" in box.oci("state", box.id).stderr
    assert box.oci("delete", box.id).returncode == 1
    box.ok("delete", "--force", box.id)


def test_created_process_is_inherited_by_the_subreaper(box):
    """`create` leaves init to the nearest subreaper: a shim."""
    box.write(["sh", "-c", "exit 5"])
    program = """
import ctypes, os, subprocess, sys
assert ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) == 0
oci = sys.argv[1:4]
subprocess.run(oci + ['create', '--bundle', sys.argv[4], '--pid-file', sys.argv[5], sys.argv[6]], check=True, stdin=subprocess.DEVNULL)
pid = int(open(sys.argv[5]).read())
subprocess.run(oci + ['start', sys.argv[6]], check=True)
_, status = os.waitpid(pid, 0)
sys.exit(os.waitstatus_to_exitcode(status))
"""
    done = subprocess.run(["python3", "-c", program, str(bin_dir() / "fulcrum-oci"), "--root", str(box.root), str(box.path),
                           str(box.scratch / "pid"), box.id], timeout=60)
    assert done.returncode == 5


def test_same_id_twice(box):
    box.create("sleep", "1000")
    second = box.oci("create", "--bundle", box.path, box.id)
    assert second.returncode == 1 and "container with given ID already exists" in second.stderr
    assert box.state()["status"] == "created"


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a b", "ä"])
def test_wrong_ids(box, name):
    box.write()
    assert "invalid container ID format" in box.oci("run", "--bundle", box.path, name).stderr


def test_exec(box):
    box.started("sleep", "1000")
    done = box.oci("exec", "--env", "A=b", "--user", "1000:1001", "--cwd", "/tmp", box.id, "sh", "-c", "id -u; id -g; echo $A $HOME; readlink /proc/self/cwd; exit 3")
    assert done.returncode == 3
    assert done.stdout.split() == ["1000", "1001", "b", "/home/user", "/tmp"]
    missing = box.oci("exec", box.id, "nothing")
    assert missing.returncode == 255 and 'executable file not found in $PATH' in missing.stderr
    # It shares namespaces and cgroup with init.
    init = box.state()["pid"]
    box.detached("exec", "--detach", "--pid-file", box.scratch / "pid", box.id, "sleep", "999")
    pid = int((box.scratch / "pid").read_text())
    for kind in ("pid", "net", "mnt", "uts", "ipc", "cgroup"):
        assert os.readlink(f"/proc/{pid}/ns/{kind}") == os.readlink(f"/proc/{init}/ns/{kind}")
    assert open(f"/proc/{pid}/cgroup").read() == open(f"/proc/{init}/cgroup").read()
    assert sorted(json.loads(box.ok("ps", "--format", "json", box.id))) == sorted([init, pid])


def test_exec_with_process_file(box):
    box.started("sleep", "1000")
    process = {"args": ["sh", "-c", "echo $X; umask; id -G"], "cwd": "/", "env": ["PATH=/bin", "X=y"],
               "user": {"uid": 5, "gid": 6, "umask": 0o27, "additionalGids": [7, 8]}}
    (box.scratch / "process.json").write_text(json.dumps(process))
    out = box.ok("exec", "--process", box.scratch / "process.json", box.id)
    assert out.split() == ["y", "0027", "6", "7", "8"]


def test_pause_resume(box):
    box.started("sh", "-c", "while :; do :; done")
    box.ok("pause", box.id)
    assert box.state()["status"] == "paused"
    pid = box.state()["pid"]
    ticks = lambda: open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[11:13]
    before = ticks()
    assert "paused" in box.oci("exec", box.id, "true").stderr
    assert ticks() == before
    box.ok("resume", box.id)
    assert box.state()["status"] == "running"
    assert "container not paused" in box.oci("resume", box.id).stderr
    box.ok("pause", box.id)
    box.ok("delete", "--force", box.id)


def test_list_ps_events_features(box):
    box.started("sleep", "1000")
    assert box.ok("list", "-q").split() == [box.id]
    listed = json.loads(box.ok("list", "--format", "json"))
    assert [c["id"] for c in listed] == [box.id] and listed[0]["status"] == "running" and listed[0]["owner"] == "root"
    table = box.ok("list").splitlines()
    assert table[0].split() == ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"] and box.id in table[1]
    assert "sleep 1000" in box.ok("ps", box.id)
    event = json.loads(box.ok("events", "--stats", box.id))
    assert event["type"] == "stats" and event["id"] == box.id and event["data"]["memory"]["usage"]["usage"] > 0
    features = json.loads(box.ok("features"))
    assert "rro" in features["mountOptions"] and "time" in features["linux"]["namespaces"]
    assert features["hooks"] == ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"]


def test_kill_all_without_a_pid_namespace(box):
    box.config["linux"]["namespaces"] = [n for n in box.config["linux"]["namespaces"] if n["type"] != "pid"]
    box.started("sh", "-c", "sleep 1000 & sleep 1001")
    deadline = time.monotonic() + 10
    while len(json.loads(box.ok("ps", "-f", "json", box.id))) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    box.ok("kill", "--all", box.id, "9")
    while json.loads(box.ok("ps", "-f", "json", box.id)):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_update(box):
    box.started("sleep", "1000")
    box.ok("update", "--memory", "64m", "--pids-limit", "33", box.id)
    box.ok("update", "-r", "-", box.id, stdin=None, input=json.dumps({"cpu": {"shares": 512}}))
    data = json.loads(box.ok("events", "--stats", box.id))["data"]
    assert data["memory"]["usage"]["limit"] == 64 << 20 and data["pids"]["limit"] == 33
    refused = box.oci("update", "--l3-cache-schema", "x", box.id)
    assert refused.returncode == 1 and "intelRdt" in refused.stderr


def test_log_formats(box):
    log = box.scratch / "log.json"
    done = subprocess.run([bin_dir() / "fulcrum-oci", "--root", box.root, "--log", log, "--log-format", "json", "state", "none"], capture_output=True, text=True)
    assert done.returncode == 1 and "container does not exist" in done.stderr
    line = json.loads(log.read_text().splitlines()[-1])
    assert line["level"] == "error" and "container does not exist" in line["msg"] and line["time"].endswith("Z")
    text = box.oci("state", "none")
    assert text.stderr.startswith('time="') and "level=error msg=" in text.stderr


def test_command_line_errors(box):
    assert "flag provided but not defined: --nonsense" in box.oci("run", "--nonsense", "x").stderr
    assert box.oci("checkpoint", "x").returncode == 1 and "CRIU" in box.oci("restore", "x").stderr
    assert "requires a minimum of 1" in box.oci("state").stderr
    assert "JSON specification file config.json not found" in box.oci("run", "--bundle", box.scratch, box.id).stderr


def test_missing_program_leaves_nothing(box):
    assert 'executable file not found in $PATH' in box.refused("nothing")
    assert "no such file or directory" in box.refused("/no/such/file")
    assert "permission denied" in box.refused("/etc/passwd")
    assert not box.cgroups()


def test_console_socket(box):
    box.config["process"]["terminal"] = True
    box.config["process"]["consoleSize"] = {"height": 33, "width": 77}
    box.write(["sh", "-c", "tty; test -c /dev/console && echo console; sleep 1000"])
    assert "cannot allocate tty" in box.oci("create", "--bundle", box.path, box.id).stderr
    path = str(box.scratch / "console.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        box.ok("create", "--bundle", box.path, "--console-socket", path, box.id)
        master = receive_terminal(listener)
    box.ok("start", box.id)
    text = b""
    while b"console" not in text.replace(b"/dev/console", b""):
        text += os.read(master, 4096)
    assert b"/dev/pts/0" in text
    import fcntl, struct, termios
    assert struct.unpack("HHHH", fcntl.ioctl(master, termios.TIOCGWINSZ, b"\0" * 8))[:2] == (33, 77)
    os.close(master)


def test_pidfd_socket(box):
    path = str(box.scratch / "pidfd.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        box.create("sleep", "1000", flags=["--pidfd-socket", path])
        pidfd = receive_terminal(listener)
    assert f"Pid:\t{box.state()['pid']}\n" in open(f"/proc/self/fdinfo/{pidfd}").read()
    os.close(pidfd)


def test_terminal_in_the_foreground(box):
    box.config["process"]["terminal"] = True
    assert box.output("sh", "-c", "tty; test -t 1 && echo yes").split() == ["/dev/pts/0", "yes"]
    box.config["process"]["terminal"] = False
    box.started("sleep", "1000")
    done = box.oci("exec", "-t", box.id, "sh", "-c", "tty; exit 4")
    assert done.returncode == 4 and "/dev/pts/" in done.stdout


def test_signals_reach_the_foreground_process(box):
    box.write(["sh", "-c", "trap 'echo got; exit 9' TERM; echo ready; while :; do sleep 0.05; done"])
    child = subprocess.Popen([bin_dir() / "fulcrum-oci", "--root", box.root, "run", "--bundle", box.path, box.id], stdout=subprocess.PIPE, text=True,
                             stdin=subprocess.DEVNULL)
    assert child.stdout.readline() == "ready\n"
    child.send_signal(signal.SIGTERM)
    assert child.stdout.readline() == "got\n"
    assert child.wait(10) == 9


def test_descriptors(box):
    """Nothing leaks in; --preserve-fds passes exactly what it names."""
    read, write = os.pipe()
    os.write(write, b"hello")
    os.close(write)
    script = "ls /proc/self/fd | wc -l; cat <&3"
    box.write(["sh", "-c", script])
    command = [str(bin_dir() / "fulcrum-oci"), "--root", str(box.root), "run", "--bundle", str(box.path)]
    passed = subprocess.run(["bash", "-c", f'exec "$@" 3<&{read}', "sh", *command, "--preserve-fds", "1", box.id], capture_output=True, text=True,
                            pass_fds=[read], stdin=subprocess.DEVNULL)
    assert passed.returncode == 0 and passed.stdout.split()[-1] == "hello", passed.stderr
    leaked = subprocess.run(["bash", "-c", f'exec "$@" 3<&{read} 9</etc/passwd', "sh", *command, box.id], capture_output=True, text=True, pass_fds=[read],
                            stdin=subprocess.DEVNULL)
    assert leaked.stdout.split()[0] == "4", leaked.stdout  # 0, 1, 2, and the folder that ls reads
    assert leaked.returncode != 0
    os.close(read)
    nothing = box.oci("run", "--preserve-fds", "3", "--bundle", box.path, box.id)
    assert "preserved-fd" in nothing.stderr


def test_program_file_cannot_be_written_from_inside(box):
    """/proc/self/exe of a process that a container makes us execute is read-only (CVE-2019-5736)."""
    copy = box.scratch / "fulcrum-oci"
    shutil.copy(bin_dir() / "fulcrum-oci", copy)
    (box.rootfs / "bin/evil").write_text("#!/proc/self/exe\n")
    (box.rootfs / "bin/evil").chmod(0o755)
    before = copy.read_bytes()
    box.started("sh", "-c", "while :; do for p in /proc/[0-9]*; do (echo overwritten > $p/exe) 2>/dev/null; done; done")
    for _ in range(20):
        subprocess.run([copy, "--root", box.root, "exec", box.id, "/bin/evil"], capture_output=True, timeout=60)
    assert copy.read_bytes() == before


def test_killed_creator_leaves_nothing_running(box):
    """kill -9 in the middle of a creation: init dies with it, and delete --force finds the rest."""
    box.config["hooks"] = {"createRuntime": [box.hook("sleep 1000")]}
    box.write(["sleep", "1000"])
    child = subprocess.Popen([bin_dir() / "fulcrum-oci", "--root", box.root, "create", "--bundle", box.path, box.id], stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + 10
    state = {}
    while not state.get("pid"):
        assert time.monotonic() < deadline
        try:
            state = json.loads((box.root / box.id / "state.json").read_text())
        except (FileNotFoundError, ValueError):
            pass
        time.sleep(0.01)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    box.wait_status("stopped")
    subprocess.run(["sh", "-c", f"for p in $(ps -o pid= -g {child.pid}); do kill -9 $p; done"], capture_output=True)
    box.ok("delete", "--force", box.id)
