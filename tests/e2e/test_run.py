"""C01, C05: a workload runs, its exit status and streams are its own; exec enters it."""
import json
import signal

import pytest

from harness.terminal import Terminal


def test_C01_run_rm_true_exits_zero_and_is_gone(box):
    done = box.cli("run", "--rm", "box", "true")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert json.loads(box.ok("ls", "-a", "--format", "json"))["items"] == []


@pytest.mark.parametrize("command,status", [
    (["sh", "-c", "exit 7"], 7),
    (["sh", "-c", "sh -c 'kill -9 $$'; exit $?"], 137),
    (["no-such-program"], 127),
    (["/etc/passwd"], 126),
])
def test_C01_exit_status_is_passed_through(box, command, status):
    assert box.cli("run", "--rm", "box", *command).returncode == status


def test_C01_streams_are_kept_apart_and_binary_safe(box):
    done = box.cli("run", "--rm", "-i", "box", "sh", "-c", "cat; echo bad >&2", input="x" * 300_000)
    assert done.stdout == "x" * 300_000
    assert done.stderr == "bad\n"


def test_run_with_a_terminal(box):
    with Terminal(box.command("run", "--rm", "-it", "box", "sh"), rows=30, columns=100) as terminal:
        terminal.type("stty size; tty; echo done-$((1+1))\n")
        assert "30 100" in terminal.expect("done-2\r\n")
        terminal.resize(40, 120)
        for _ in range(200):  # the size arrives by a signal; the shell is asked until it has
            terminal.type("stty size; echo m''ark\n")
            if "40 120" in terminal.expect("mark\r\n"):
                break
        else:
            pytest.fail("the new size never arrived")
        terminal.type("exit 5\n")
        assert terminal.wait() == 5


def test_run_detach_keys_leave_it_running(box):
    with Terminal(box.command("run", "-it", "--name", "shell", "box", "sh")) as terminal:
        terminal.type("echo up-$((2+2))\n")
        terminal.expect("up-4\r\n")
        terminal.type("\x10\x11")
        assert terminal.wait() == 0
    assert box.wait("shell", "running")["phase"] == "running"
    with Terminal(box.command("attach", "shell")) as terminal:
        terminal.type("echo again-$((3+3))\n")
        terminal.expect("again-6\r\n")
        terminal.type("exit\n")
        assert terminal.wait() == 0


def test_signals_reach_the_program(box):
    process = box.spawn("run", "--rm", "--name", "sig", "box", "sh", "-c", 'trap "echo got; exit 9" TERM; echo ready; while :; do sleep 0.1; done')
    assert process.stdout.readline() == b"ready\n"
    # nsenter execs, so this is the command line itself.
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=30)
    assert out == b"got\n"
    assert process.returncode == 9


def test_C05_exec_with_env_user_workdir_and_exit_code(box):
    box.ok("run", "-d", "--name", "w", "-e", "BASE=b", "box", "sleep", "1000")
    assert box.ok("exec", "-e", "X=1", "-e", "Y=a b", "w", "sh", "-c", 'echo "$X $Y $BASE"') == "1 a b b"
    assert box.ok("exec", "-u", "alice", "w", "id", "-u") == "1000"
    assert box.ok("exec", "-u", "1000:50", "w", "sh", "-c", "id -u; id -g") == "1000\n50"
    assert box.ok("exec", "-w", "/home/alice", "w", "pwd") == "/home/alice"
    assert box.cli("exec", "w", "sh", "-c", "exit 42").returncode == 42
    assert box.cli("exec", "w", "sh", "-c", "kill -TERM $$").returncode == 143
    assert box.cli("exec", "w", "no-such-program").returncode == 127
    assert box.cli("exec", "w", "/etc/passwd").returncode == 126
    assert box.cli("exec", "-i", "w", "cat", input="through").stdout == "through"
    assert box.cli("exec", "nobody-there", "true").returncode == 125


def test_C05_exec_with_a_terminal(box):
    box.ok("run", "-d", "--name", "w", "box", "sleep", "1000")
    with Terminal(box.command("exec", "-it", "w", "sh"), rows=33, columns=99) as terminal:
        terminal.type("stty size; tty; echo en''d\n")
        seen = terminal.expect("end\r\n")
        assert "33 99" in seen and "/dev/pts/" in seen
        terminal.type("exit 3\n")
        assert terminal.wait() == 3


def test_exec_detached_goes_on_by_itself(box):
    box.ok("run", "-d", "--name", "w", "box", "sleep", "1000")
    box.ok("exec", "-d", "w", "sh", "-c", "echo here >/tmp/mark; sleep 1000")
    assert "sleep 1000" in box.ok("top", "w")


def test_workload_file_with_env_entrypoint_and_user(box, tmp_path):
    file = box.scratch / "w.yaml"
    file.write_text("name: f\nimage: box\nentrypoint: [sh, -c]\ncommand: ['echo $A $(id -un) $(pwd); sleep 1000']\nenv: {A: one}\nuser: alice\nworkingDir: /tmp\n")
    assert box.ok("apply", "-f", file).startswith("f created")
    assert box.phase("f") == "running"
    assert box.ok("apply", "-f", file).startswith("f unchanged")
    process = box.spawn("logs", "-f", "f")
    assert process.stdout.readline() == b"one alice /tmp\n"
    process.kill()
    process.communicate()


def test_unknown_fields_flags_and_contradictions_are_refused_by_name(box):
    file = box.scratch / "bad.yaml"
    file.write_text("name: f\nimage: box\nresources: {memory: 12Q}\ncolour: red\n")
    done = box.cli("apply", "-f", file)
    assert done.returncode == 1 and 'resources.memory: "12Q" is not a size' in done.stderr and "colour: unknown field" in done.stderr
    assert box.cli("run", "--no-such-flag", "box").returncode == 125
    done = box.cli("run", "--topology", "serverless", "box", "true")
    assert done.returncode == 125 and "serverless" in done.stderr
    status, answer = box.request("POST", "/v1/workloads", {"image": "box", "name": "a\u001b[31m"})
    assert status == 400 and "name" in answer["message"]


def test_top_stats_inspect_port_are_for_programs_too(box):
    box.ok("run", "-d", "--name", "w", "-p", "18080:80", "box", "sleep", "1000")
    assert json.loads(box.ok("port", "--format", "json", "w"))["ports"][0]["hostPort"] == 18080
    assert json.loads(box.ok("top", "--format", "json", "w"))["processes"]
    stats = json.loads(box.ok("stats", "--no-stream", "--format", "json", "w"))["items"][0]
    assert stats["memory"] > 0 and stats["pids"] == 1
    assert json.loads(box.ok("inspect", "w"))["status"]["phase"] == "running"
    assert box.ok("inspect", "--format", "status.phase", "w") == "running"


def test_copy_in_and_out_running_and_stopped(box):
    box.ok("run", "-d", "--name", "w", "box", "sleep", "1000")
    source = box.scratch / "file"
    source.write_bytes(b"\0binary\n" * 100_000)
    for state in ("running", "stopped"):
        box.ok("cp", source, f"w:/tmp/{state}")
        box.ok("cp", f"w:/tmp/{state}", box.scratch / "back")
        assert (box.scratch / "back").read_bytes() == source.read_bytes()
        (box.scratch / "back").unlink()
        if state == "running":
            assert box.ok("exec", "w", "cat", "/tmp/running") == source.read_text(errors="surrogateescape").removesuffix("\n")
            box.ok("stop", "-t", "1", "w")
    box.ok("cp", "w:/etc", box.scratch / "etc")
    assert (box.scratch / "etc/passwd").read_text().startswith("root:")
    done = box.cli("cp", "w:/no/such", box.scratch / "x")
    assert done.returncode == 1 and "no" in done.stderr
