"""C13, C16, C18, C22: health, restarts, events, a daemon that dies, and nothing left behind."""
import json
import time

import pytest


def test_C13_health_check_flips_status(box):
    box.ok("run", "-d", "--name", "w", "--health-cmd", "test -e /tmp/ok", "--health-interval", "200ms", "--health-retries", "2", "box", "sleep", "1000")
    assert box.inspect("w")["status"]["health"]["status"] in ("starting", "unhealthy")
    box.ok("exec", "w", "touch", "/tmp/ok")
    box.wait("w", "healthy")
    box.ok("exec", "w", "rm", "/tmp/ok")
    events = box.spawn("events", "--since", "0", "--filter", "name=w", "--format", "json")
    for line in events.stdout:
        event = json.loads(line)
        if event["action"].startswith("health_status") and "unhealthy" in json.dumps(event):
            break
    events.kill()
    events.communicate()
    health = box.inspect("w")["status"]["health"]
    assert health["status"] == "unhealthy" and health["failingStreak"] >= 2 and health["log"][-1]["exitCode"] == 1


def test_C13_http_and_tcp_health(box):
    box.ok("run", "-d", "--name", "web", "--health-http", "/", "--health-port", "80", "--health-interval", "200ms", "box", "sh", "-c",
           "mkdir /w; echo x >/w/index.html; exec httpd -f -p 80 -h /w")
    box.wait("web", "healthy")
    box.ok("run", "-d", "--name", "tcp", "--health-tcp", "--health-port", "81", "--health-interval", "200ms", "--health-retries", "1", "box", "sleep", "1000")
    for _ in range(200):
        if box.inspect("tcp")["status"]["health"]["status"] == "unhealthy":
            break
        time.sleep(0.05)
    else:
        pytest.fail("a closed port counted as healthy")


@pytest.mark.parametrize("policy,command,runs", [("no", "exit 1", 1), ("on-failure:2", "exit 1", 3), ("on-failure", "exit 0", 1)])
def test_C13_restart_policies_that_end(box, policy, command, runs):
    box.ok("run", "-d", "--name", "w", "--restart", policy, "box", "sh", "-c", command)
    box.wait("w", "stopped")
    assert box.inspect("w")["status"]["run"] == runs


def test_C13_always_restarts_until_stopped_by_hand(box):
    box.ok("run", "-d", "--name", "w", "--restart", "always", "box", "sh", "-c", "exit 0")
    for _ in range(400):
        if box.inspect("w")["status"]["run"] >= 3:
            break
        time.sleep(0.02)
    else:
        pytest.fail("it was not restarted")
    box.ok("stop", "w")
    assert box.phase("w") == "stopped"
    run = box.inspect("w")["status"]["run"]
    box.restart()
    assert box.phase("w") in ("stopped", "running", "restarting", "starting")
    box.ok("run", "-d", "--name", "u", "--restart", "unless-stopped", "box", "sleep", "1000")
    box.ok("stop", "-t", "1", "u")
    box.restart(hard=True)
    assert box.phase("u") == "stopped"
    assert box.inspect("w")["status"]["run"] >= run


def test_C16_events_come_in_order(box):
    box.ok("run", "--name", "w", "box", "true")
    box.ok("rm", "w")
    events = [json.loads(line) for line in box.ok("events", "--no-follow", "--filter", "name=w", "--format", "json").splitlines()]
    actions = [e["action"] for e in events if e["action"] in ("create", "start", "die", "destroy")]
    assert actions == ["create", "start", "die", "destroy"]
    revisions = [e["revision"] for e in events]
    assert revisions == sorted(revisions)
    assert next(e for e in events if e["action"] == "die")["attributes"]["exitCode"] == "0"


def test_C16_events_survive_a_restart_and_follow(box):
    box.ok("run", "--rm", "--name", "first", "box", "true")
    box.restart(hard=True)
    follower = box.spawn("events", "--since", "1h", "--format", "json")
    box.ok("run", "--rm", "--name", "second", "box", "true")
    seen = []
    for line in follower.stdout:
        event = json.loads(line)
        seen.append((event.get("name"), event["action"]))
        if seen[-1] == ("second", "destroy"):
            break
    follower.kill()
    follower.communicate()
    assert seen.index(("first", "die")) < seen.index(("second", "create")) < seen.index(("second", "die"))


def test_C18_a_daemon_crash_leaves_workloads_running_and_attachable(box):
    box.ok("run", "-d", "--name", "w", "box", "sh", "-c", "while :; do sleep 1; done")
    box.ok("run", "-d", "--name", "ends", "box", "sh", "-c", "while [ ! -e /tmp/end ]; do sleep 0.05; done; exit 33")
    pid = box.inspect("w")["status"]["pid"]
    box.kill9()
    open(f"/proc/{box_pid(box, 'ends')}/root/tmp/end", "w").close()
    box.start()
    assert box.inspect("w")["status"]["pid"] == pid
    assert box.ok("exec", "w", "echo", "alive") == "alive"
    assert json.loads(box.ok("wait", "--format", "json", "ends"))["exitCode"] == 33


def box_pid(box, name):
    """The first process of a workload, from the kernel alone: the daemon is dead."""
    import pathlib
    for path in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if b"/tmp/end" in (path / "cmdline").read_bytes() and (path / "cgroup").read_text().find(box.cgroup) >= 0:
                return path.name
        except OSError:
            continue
    raise AssertionError(f"{name} is not running")


def test_C18_an_exec_session_survives_the_daemon(box):
    box.ok("run", "-d", "--name", "w", "box", "sleep", "1000")
    session = box.spawn("exec", "-i", "w", "cat", stdin=-1)
    session.stdin.write(b"one\n")
    session.stdin.flush()
    assert session.stdout.readline() == b"one\n"
    box.kill9()
    session.stdin.write(b"two\n")
    session.stdin.close()
    assert session.stdout.readline() == b"two\n"
    assert session.wait(30) == 0
    box.start()


def test_C22_a_thousand_create_and_delete_cycles_leave_nothing(box):
    script = f"""
set -e
f() {{ {box.bin}/fulcrum --socket {box.socket} "$@"; }}
for i in $(seq 250); do
  for j in 1 2 3 4; do f run --rm box true & done
  wait
done
"""
    import subprocess
    done = subprocess.run(["nsenter", f"--net={box.netns}", "sh", "-c", script], capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr[-2000:]
    deadline = time.monotonic() + 20
    while (left := box.leaks()) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left == []
    assert json.loads(box.ok("ls", "-a", "--format", "json"))["items"] == []
    assert [p for p in (box.data / "workloads").glob("*")] == []
    assert [p for p in (box.run / "sandboxes").glob("*")] == []


def test_up_and_down_with_dependencies(box):
    file = box.scratch / "shop.yaml"
    file.write_text("""
name: db
image: box
command: [sh, -c, "sleep 0.3; touch /tmp/ok; sleep 1000"]
health: {command: [test, -e, /tmp/ok], interval: 100ms}
networks: [shop]
volumes: ["shop-data:/keep"]
---
name: setup
image: box
command: ["true"]
dependsOn: {db: {condition: healthy}}
---
name: web
image: box
command: [sh, -c, "mkdir /w; echo shop >/w/index.html; exec httpd -f -p 80 -h /w"]
networks: [shop]
ports: ["18090:80"]
health: {tcp: true, port: 80, interval: 100ms}
dependsOn: {setup: {condition: completed}}
""")
    box.ok("up", "-f", file, "--wait")
    assert box.inside("curl", "-fsS", "http://127.0.0.1:18090/").stdout == "shop\n"
    box.ok("down", "-f", file, "-v", "-t", "1")
    assert json.loads(box.ok("ls", "-a", "--format", "json"))["items"] == []
    assert "shop" not in box.ok("network", "ls", "-q") and "shop-data" not in box.ok("volume", "ls", "-q")
