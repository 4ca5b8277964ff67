"""C04, C05: attach, exec and logs as Docker's clients use them, through an unmodified docker command line and over bare sockets."""
import base64
import json
import os
import re
import socket
import struct
import subprocess
import threading
import time

from harness.terminal import Terminal

FOREVER = ("sh", "-c", "while :; do sleep 1000; done")


def wait_until(holds, timeout=20):
    """For what has no event to wait for: another program's output, a file."""
    deadline = time.monotonic() + timeout
    while not holds():
        assert time.monotonic() < deadline, "does not come true"
        time.sleep(0.02)


class Raw:
    """A request whose connection is taken over: the header of the answer, then bytes."""

    def __init__(self, docker, method, path, body=None, upgrade="tcp", version="v1.47"):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(30)
        self.socket.connect(str(docker.engine.socket))
        data = json.dumps(body).encode() if body is not None else b""
        lines = [f"{method} /{version}{path} HTTP/1.1", "Host: docker", "Content-Type: application/json", f"Content-Length: {len(data)}"]
        if upgrade:
            lines += ["Connection: Upgrade", f"Upgrade: {upgrade}"]
        self.socket.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + data)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            got = self.socket.recv(1)
            assert got, head
            head += got
        first, *fields = head.decode().split("\r\n")
        self.status = int(first.split()[1])
        self.headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in fields if line)}

    def rest(self):
        """Everything until the end."""
        chunks = []
        while True:
            got = self.socket.recv(1 << 16)
            if not got:
                return b"".join(chunks)
            chunks.append(got)

    def end_input(self):
        self.socket.shutdown(socket.SHUT_WR)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


def frames(data):
    """What a multiplexed stream says, by stream."""
    out = {1: b"", 2: b""}
    while data:
        kind, size = struct.unpack(">BxxxI", data[:8])
        assert kind in out and len(data) >= 8 + size
        out[kind] += data[8:8 + size]
        data = data[8 + size:]
    return out[1], out[2]


def create(docker, name, *command, **config):
    status, answer = docker.api("POST", f"/containers/create?name={name}", {"Image": "box", "Cmd": list(command), **config})
    assert status == 201, answer
    return answer["Id"]


# ---- attach ----

def test_C05_run_in_the_foreground_loses_no_byte(docker):
    for _ in range(5):
        done = docker.cli("run", "--rm", "--network", "none", "box", "sh", "-c", "echo out; echo err >&2; exit 7")
        assert (done.returncode, done.stdout, done.stderr) == (7, "out\n", "err\n")


def test_C05_input_reaches_the_program_whole_and_ends(docker):
    data = os.urandom(50 << 20)
    done = subprocess.run(docker.command("run", "--rm", "-i", "--network", "none", "box", "cat"), input=data, capture_output=True, env=docker.env,
                          timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout == data


def test_C05_output_goes_on_after_the_end_of_input(docker):
    done = docker.cli("run", "--rm", "-i", "--network", "none", "box", "sh", "-c", "cat; echo after; exit 3", input="given\n")
    assert (done.returncode, done.stdout) == (3, "given\nafter\n")


def test_C05_start_attached(docker):
    docker.ok("create", "--name", "c", "--network", "none", "box", "sh", "-c", "echo again; exit 4")
    for _ in range(2):
        done = docker.cli("start", "-a", "c")
        assert (done.returncode, done.stdout) == (4, "again\n")
    docker.ok("create", "-i", "--name", "i", "--network", "none", "box", "cat")
    assert docker.cli("start", "-ai", "i", input="typed").stdout == "typed"


def test_attach_to_what_was_only_created_waits_for_the_start(docker):
    create(docker, "c", "sh", "-c", "echo out; echo err >&2", NetworkDisabled=True)
    with Raw(docker, "POST", "/containers/c/attach?stream=1&stdout=1&stderr=1") as new, \
            Raw(docker, "POST", "/containers/c/attach?stream=1&stdout=1", upgrade=None, version="v1.41") as old:
        assert (new.status, new.headers["content-type"]) == (101, "application/vnd.docker.multiplexed-stream")
        assert (old.status, old.headers["content-type"]) == (200, "application/vnd.docker.raw-stream")
        docker.ok("start", "c")
        assert frames(new.rest()) == (b"out\n", b"err\n")
        assert frames(old.rest()) == (b"out\n", b"")


def test_attach_ends_with_a_start_that_fails_and_with_the_container(docker):
    create(docker, "c", "/no/such/program", NetworkDisabled=True)
    with Raw(docker, "POST", "/containers/c/attach?stream=1&stdout=1") as stream:
        assert docker.cli("start", "c").returncode != 0
        assert stream.rest() == b""
    create(docker, "d", "true", NetworkDisabled=True)
    with Raw(docker, "POST", "/containers/d/attach?stream=1&stdout=1") as stream:
        docker.ok("rm", "d")
        assert stream.rest() == b""


def test_attach_with_logs(docker):
    docker.ok("run", "-d", "--name", "c", "--network", "none", "box", "sh", "-c", "echo one; while [ ! -e /go ]; do sleep 0.05; done; echo two")
    wait_until(lambda: docker.ok("logs", "c") == "one")
    with Raw(docker, "POST", "/containers/c/attach?logs=1&stream=1&stdout=1") as stream:
        docker.ok("exec", "c", "touch", "/go")
        assert frames(stream.rest())[0] == b"one\ntwo\n"
    with Raw(docker, "POST", "/containers/c/attach?logs=1&stdout=1") as stream:
        assert frames(stream.rest())[0] == b"one\ntwo\n"


def test_attach_refusals(docker):
    docker.ok("run", "-d", "--name", "c", "--network", "none", "box", *FOREVER)
    assert docker.api("POST", "/containers/nosuch/attach?stream=1") == (404, {"message": "No such container: nosuch"})
    assert docker.api("POST", "/containers/c/attach?stream=1&detachKeys=ctrl-1")[0] == 400
    docker.ok("pause", "c")
    assert docker.api("POST", "/containers/c/attach?stream=1") == (
        409, {"message": "container c is paused, unpause the container before attach"})
    docker.ok("unpause", "c")


def test_attach_over_a_websocket(docker):
    create(docker, "c", "sh", "-c", "read line; echo got $line", OpenStdin=True, NetworkDisabled=True)
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(20)
        s.connect(str(docker.engine.socket))
        key = base64.b64encode(os.urandom(16)).decode()
        s.sendall(f"GET /v1.47/containers/c/attach/ws?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\n"
                  f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += s.recv(1)
        assert b" 101 " in head
        docker.ok("start", "c")
        mask = os.urandom(4)
        text = b"hello\n"
        s.sendall(bytes([0x82, 0x80 | len(text)]) + mask + bytes(c ^ mask[i % 4] for i, c in enumerate(text)))
        kind, size = s.recv(1), s.recv(1)
        assert kind == b"\x82"
        assert s.recv(size[0]) == b"got hello\n"


def test_C05_terminal(docker):
    with Terminal(docker.command("run", "-it", "--rm", "--name", "t", "--network", "none", "box", "sh"), rows=30, columns=100, env=docker.env) as terminal:
        terminal.expect("# ")
        terminal.type("stty size; echo is-$(tty)\n")
        terminal.expect("30 100")
        terminal.resize(41, 122)

        def resized():
            os.kill(terminal.process.pid, 28)  # SIGWINCH goes to the leader of the terminal's session, which begins to listen at some time after the start
            return "41 122" in docker.ok("exec", "t", "stty", "-F", "/dev/pts/0", "size")
        wait_until(resized)
        terminal.type("sleep 1000\n")
        wait_until(lambda: "sleep 1000" in docker.ok("exec", "t", "ps"))
        terminal.type("\x03")  # ctrl-c reaches what runs inside, not the client
        terminal.type("echo st''ill here; exit 5\n")
        terminal.expect("still here")
        assert terminal.wait() == 5


def test_C05_detach_keys_leave_it_running(docker):
    with Terminal(docker.command("run", "-it", "--name", "t", "--network", "none", "box", "sh"), env=docker.env) as terminal:
        terminal.expect("# ")
        terminal.type("\x10\x11")
        assert terminal.wait() == 0
    assert docker.inspect("t")["State"]["Running"]
    with Terminal(docker.command("attach", "--detach-keys", "ctrl-x", "t"), env=docker.env) as terminal:
        terminal.type("echo at''tached\n")
        terminal.expect("attached")
        terminal.type("\x18")
        terminal.wait()
    # A client that leaves the keys to the engine.
    with Raw(docker, "POST", "/containers/t/attach?stream=1&stdin=1&stdout=1&detachKeys=ctrl-a,b") as stream:
        assert stream.headers["content-type"] == "application/vnd.docker.raw-stream"
        stream.socket.sendall(b"echo x\n\x01b")
        stream.rest()
    assert docker.inspect("t")["State"]["Running"]


def test_signals_of_an_attached_client_reach_the_program(docker):
    client = docker.spawn("run", "--rm", "--name", "c", "--network", "none", "box", "sh", "-c",
                          "trap 'echo hup; exit 9' HUP; echo ready; while :; do sleep 0.1; done")
    assert client.stdout.readline() == b"ready\n"
    client.send_signal(1)
    out, _ = client.communicate(timeout=20)
    assert (out, client.returncode) == (b"hup\n", 9)


# ---- exec ----

def test_C05_exec(docker):
    docker.ok("run", "-d", "--name", "c", "--network", "none", "-e", "GIVEN=1", "box", *FOREVER)
    done = docker.cli("exec", "-e", "A=b c", "-w", "/etc", "-u", "65534:12", "c", "sh", "-c", "echo $GIVEN $A $PWD $(id -u) $(id -g); echo err >&2; exit 3")
    assert (done.returncode, done.stdout, done.stderr) == (3, "1 b c /etc 65534 12\n", "err\n")
    assert docker.cli("exec", "-i", "c", "cat", input="through").stdout == "through"
    missing = docker.cli("exec", "c", "/no/such/program")
    assert missing.returncode == 127 and "OCI runtime exec failed: exec failed: unable to start container process" in missing.stdout + missing.stderr
    denied = docker.cli("exec", "c", "/etc/passwd")
    assert denied.returncode == 126 and "ermission denied" in denied.stdout + denied.stderr
    docker.ok("exec", "-d", "c", "touch", "/tmp/detached")
    wait_until(lambda: docker.cli("exec", "c", "ls", "/tmp/detached").returncode == 0)
    docker.ok("exec", "--privileged", "c", "true")


def test_C05_exec_with_a_terminal(docker):
    docker.ok("run", "-d", "--name", "c", "--network", "none", "box", *FOREVER)
    with Terminal(docker.command("exec", "-it", "c", "sh"), rows=33, columns=99, env=docker.env) as terminal:
        terminal.expect("# ")
        terminal.type("stty size\n")
        terminal.expect("33 99")
        terminal.type("exit 6\n")
        assert terminal.wait() == 6


def test_C05_exec_over_the_api(docker):
    docker.ok("run", "-d", "--name", "c", "--network", "none", "box", *FOREVER)
    uid = docker.inspect("c")["Id"]
    status, made = docker.api("POST", "/containers/c/exec", {"AttachStdout": True, "AttachStderr": True, "Cmd": ["sh", "-c", "echo o; echo e >&2; exit 2"],
                                                             "DetachKeys": "ctrl-p"})
    assert status == 201
    exec_id = made["Id"]
    assert re.fullmatch("[0-9a-f]{64}", exec_id)
    status, before = docker.api("GET", f"/exec/{exec_id}/json")
    assert status == 200 and (before["Running"], before["ExitCode"], before["Pid"], before["ContainerID"]) == (False, None, 0, uid)
    assert before["ProcessConfig"] == {"tty": False, "entrypoint": "sh", "arguments": ["-c", "echo o; echo e >&2; exit 2"], "privileged": False}
    assert (before["OpenStdin"], before["OpenStdout"], before["OpenStderr"], before["DetachKeys"]) == (False, True, True, "EA==")
    with Raw(docker, "POST", f"/exec/{exec_id}/start", {"Detach": False, "Tty": False}) as stream:
        assert (stream.status, stream.headers["content-type"]) == (101, "application/vnd.docker.multiplexed-stream")
        assert frames(stream.rest()) == (b"o\n", b"e\n")
    status, after = docker.api("GET", f"/exec/{exec_id}/json")
    assert (after["Running"], after["ExitCode"]) == (False, 2) and after["Pid"] > 0
    assert docker.api("POST", f"/exec/{exec_id}/start", {})[0] == 409
    assert docker.api("GET", "/exec/nosuch/json") == (404, {"message": "No such exec instance: nosuch"})
    assert docker.api("POST", "/containers/c/exec", {"Cmd": []}) == (400, {"message": "No exec command specified"})
    docker.ok("pause", "c")
    assert docker.api("POST", "/containers/c/exec", {"Cmd": ["true"]}) == (
        409, {"message": "Container c is paused, unpause the container before exec"})
    docker.ok("unpause", "c")
    docker.ok("kill", "c")
    assert docker.api("POST", "/containers/c/exec", {"Cmd": ["true"]}) == (409, {"message": f"container {uid} is not running"})


def test_a_restarted_daemon_knows_what_was_executed(docker):
    docker.ok("run", "-d", "--name", "c", "--network", "none", "box", *FOREVER)
    ids = []
    for command in ("while [ ! -e /go ]; do sleep 0.05; done; exit 11", "true"):
        made = docker.api("POST", "/containers/c/exec", {"AttachStdout": True, "Cmd": ["sh", "-c", command]})[1]
        ids.append(made["Id"])
    with Raw(docker, "POST", f"/exec/{ids[0]}/start", {}) as stream:
        wait_until(lambda: docker.api("GET", f"/exec/{ids[0]}/json")[1]["Pid"] > 0)
        docker.engine.restart(hard=True)
        state = docker.api("GET", f"/exec/{ids[0]}/json")[1]
        assert state["Running"] and state["Pid"] > 0 and state["ExitCode"] is None
        assert sorted(docker.inspect("c")["ExecIDs"]) == sorted(ids)
        assert docker.api("POST", f"/exec/{ids[1]}/start", {"Detach": True})[0] == 200
        wait_until(lambda: docker.api("GET", f"/exec/{ids[1]}/json")[1]["ExitCode"] == 0)
        docker.ok("exec", "c", "touch", "/go")
        assert stream.rest() == b""
    assert docker.api("GET", f"/exec/{ids[0]}/json")[1]["ExitCode"] == 11

    def died():  # told when the engine has seen the end, which may be after the stream's
        events = [json.loads(line) for line in docker.engine.request("GET", "/v1/events")[1].splitlines()]
        return any(e["action"] == "exec_die" and e["attributes"]["execId"] == ids[0] and e["attributes"]["exitCode"] == "11" for e in events)
    wait_until(died)


# ---- logs ----

def test_C04_logs_by_number_and_time(docker):
    docker.ok("run", "-d", "--name", "c", "--network", "none", "box", "sh", "-c", "echo one; echo two >&2; sleep 1.2; echo three; sleep 1000")
    follower = docker.spawn("logs", "-f", "c")
    assert [follower.stdout.readline() for _ in range(2)] == [b"one\n", b"three\n"]
    follower.kill()
    assert follower.communicate()[1] == b"two\n"
    done = docker.cli("logs", "c")
    assert (done.stdout, done.stderr) == ("one\nthree\n", "two\n")
    assert docker.ok("logs", "--tail", "1", "c") == "three"
    assert docker.cli("logs", "--tail", "0", "c").stdout == ""
    stamped = docker.ok("logs", "-t", "c").splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z ", line) for line in stamped)
    third = stamped[-1].split(" ")[0]
    assert docker.ok("logs", "--since", third, "c") == "three"
    assert "three" not in docker.cli("logs", "--until", stamped[0].split(" ")[0], "c").stdout
    assert docker.ok("logs", "--details", "--tail", "1", "c") == " three"


def test_C04_follow_ends_with_the_container_and_misses_nothing(docker):
    docker.ok("run", "-d", "--name", "c", "--network", "none", "box", "sh", "-c", "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done")
    assert docker.cli("logs", "-f", "c").stdout.splitlines() == [f"line {i}" for i in range(20000)]


def test_C04_logs_over_the_api(docker):
    docker.ok("run", "--name", "c", "--network", "none", "box", "sh", "-c", "echo o; echo e >&2")
    with Raw(docker, "GET", "/containers/c/logs?stdout=1&stderr=1", upgrade=None) as answer:
        assert answer.headers["content-type"] == "application/vnd.docker.multiplexed-stream"
    with Raw(docker, "GET", "/containers/c/logs?stdout=1&stderr=1", upgrade=None, version="v1.41") as answer:
        assert answer.headers["content-type"] == "application/vnd.docker.raw-stream"
    assert docker.api("GET", "/containers/c/logs")[0] == 400
    assert docker.api("GET", "/containers/c/logs?stdout=1&since=yesterday")[0] == 400
    assert docker.api("GET", "/containers/nosuch/logs?stdout=1")[0] == 404
    docker.ok("run", "-t", "--name", "t", "--network", "none", "box", "echo", "bare")
    assert docker.api("GET", "/containers/t/logs?stdout=1") == (200, "bare\r\n")
    docker.ok("run", "--name", "n", "--network", "none", "--log-driver", "none", "box", "echo", "unseen")
    assert docker.api("GET", "/containers/n/logs?stdout=1") == (501, {"message": "configured logging driver does not support reading"})
    docker.ok("create", "--name", "fresh", "--network", "none", "box", "true")
    assert docker.cli("logs", "-f", "fresh").stdout == ""  # nothing is coming: it does not wait


def test_C04_killed_daemon(docker):
    """A client that follows is told; the container goes on and can be attached to again."""
    docker.ok("run", "-d", "--name", "c", "--network", "none", "box", "sh", "-c", "i=0; while :; do echo $i; i=$((i+1)); sleep 0.05; done")
    follower = docker.spawn("logs", "-f", "c")
    assert follower.stdout.readline() == b"0\n"
    attached = docker.spawn("attach", "--no-stdin", "--sig-proxy=false", "c")
    number = int(attached.stdout.readline())
    docker.engine.kill9()
    follower.communicate(timeout=20)
    assert follower.returncode != 0
    assert int(attached.stdout.readline()) == number + 1  # the shim speaks to it: nothing is missed
    docker.engine.start()
    for _ in range(40):
        number += 1
        line = attached.stdout.readline()
        assert line, number
    attached.kill()
    attached.communicate()
    lines = docker.ok("logs", "c").splitlines()
    assert lines == [str(i) for i in range(len(lines))]
    docker.ok("rm", "-f", "c")
