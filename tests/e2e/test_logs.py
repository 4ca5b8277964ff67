"""C04: logs by time and number, followed, rotated, across a daemon restart; log files hold every byte."""
import re
import subprocess

COUNT = 'i=0; while [ $i -lt {n} ]; do echo line $i; i=$((i+1)); done'


def test_C04_tail_since_until_timestamps(box):
    box.ok("run", "-d", "--name", "w", "box", "sh", "-c", "echo one; echo two >&2; sleep 1.2; echo three; sleep 1000")
    follower = box.spawn("logs", "-f", "w")
    assert [follower.stdout.readline() for _ in range(2)] == [b"one\n", b"three\n"]
    follower.kill()
    assert follower.communicate()[1] == b"two\n"
    done = box.cli("logs", "w")
    assert (done.stdout, done.stderr) == ("one\nthree\n", "two\n")
    assert box.ok("logs", "--tail", "1", "w") == "three"
    assert box.cli("logs", "--tail", "0", "w").stdout == ""
    stamped = box.ok("logs", "-t", "w").splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z ", line) for line in stamped)
    third = stamped[-1].split(" ")[0]
    assert box.ok("logs", "--since", third, "w") == "three"
    before = box.cli("logs", "--until", stamped[0].split(" ")[0], "w")
    assert "three" not in before.stdout


def test_C04_follow_ends_with_the_workload_and_misses_nothing(box):
    box.ok("create", "--name", "w", "box", "sh", "-c", COUNT.format(n=20000))
    box.ok("start", "w")
    done = box.cli("logs", "-f", "w")
    assert done.stdout.splitlines() == [f"line {i}" for i in range(20000)]


def test_C04_rotation_keeps_the_newest(box):
    box.ok("run", "--name", "w", "--log-opt", "max-size=64Ki", "--log-opt", "max-file=3", "box", "sh", "-c", COUNT.format(n=20000))
    lines = box.ok("logs", "w").splitlines()
    assert lines[-1] == "line 19999" and len(lines) < 20000
    first = int(lines[0].split()[1])
    assert lines == [f"line {i}" for i in range(first, 20000)]
    files = sorted(p.stat().st_size for p in box.data.rglob("log*") if p.is_file() and "workloads" in str(p))
    assert 1 <= len(files) <= 3 and all(size <= 128 << 10 for size in files)  # at most one batch above the limit


def test_C04_survives_a_daemon_restart(box):
    box.ok("run", "-d", "--name", "w", "box", "sh", "-c", "echo before; while [ ! -e /tmp/go ]; do sleep 0.05; done; echo after; sleep 1000")
    box.restart(hard=True)
    box.ok("exec", "w", "touch", "/tmp/go")
    follower = box.spawn("logs", "-f", "w")
    assert [follower.stdout.readline() for _ in range(2)] == [b"before\n", b"after\n"]
    follower.kill()
    follower.communicate()


def test_partial_lines_and_binary_bytes_come_back_as_written(box):
    box.ok("create", "--name", "w", "box", "sh", "-c", r"head -c 40000 /dev/zero | tr '\0' x; printf '\001\377no newline'")
    box.ok("start", "w")
    box.wait("w", "stopped")
    raw = subprocess.run(box.command("logs", "w"), capture_output=True).stdout
    assert raw == b"x" * 40000 + b"\x01\xffno newline"


def test_log_driver_none_keeps_nothing(box):
    box.ok("run", "--name", "w", "--log-driver", "none", "box", "echo", "hidden")
    done = box.cli("logs", "w")
    assert done.returncode == 1 and "none" in done.stderr
