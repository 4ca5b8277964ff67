"""The verbs on containers through the docker command line, and what `fulcrum` says of the same workloads."""
import json
import subprocess
import urllib.parse

import pytest

from harness.docker import Docker
from harness.engine import UnixConnection
from harness.images import busybox_image
from harness.programs import compile_static


@pytest.fixture
def eater(engine):
    """The docker command line on an engine whose image `eat` has a program that eats memory."""
    engine.ok("image", "load", "-i", str(busybox_image(engine.scratch / "eat.tar", name="eat", extra={"bin/eat": compile_static("eat")})))
    return Docker(engine)


def filters(**values):
    """The `filters` parameter of a path."""
    return "filters=" + urllib.parse.quote(json.dumps(values))


def test_kill_and_start_again_answer_as_docker_does(docker, engine):
    docker.ok("run", "-d", "--name", "w", "box", "sleep", "1000")
    assert docker.api("POST", "/containers/w/start")[0] == 304
    docker.ok("kill", "w")
    status, body = docker.api("POST", "/containers/w/kill")
    assert status == 409 and body["message"].endswith("is not running"), body
    assert docker.api("POST", "/containers/w/stop")[0] == 304
    docker.ok("start", "w")
    status, body = docker.api("DELETE", "/containers/w")
    assert status == 409 and "container is running: stop the container before removing or force remove" in body["message"], body
    docker.ok("pause", "w")
    status, body = docker.api("DELETE", "/containers/w")
    assert status == 409 and "must be unpaused first" in body["message"], body
    docker.ok("unpause", "w")
    docker.ok("restart", "-t", "0", "w")
    docker.ok("stop", "-t", "0", "w")
    assert docker.ok("wait", "w") == "137"
    docker.ok("rename", "w", "v")
    docker.ok("rm", "v")
    assert docker.api("DELETE", "/containers/v") == (404, {"message": "No such container: v"})


def test_ps_and_ls_show_the_same_workloads(docker, engine):
    docker.ok("run", "-d", "--name", "one", "--label", "tier=front", "box", "sleep", "1000")
    docker.cli("run", "--name", "two", "box", "sh", "-c", "exit 3")
    columns = "{{.ID}}|{{.Names}}|{{.State}}|{{.Command}}|{{.Status}}"
    two, one = (line.split("|") for line in docker.ok("ps", "-a", "--no-trunc", "--format", columns).splitlines())
    listed = {w["spec"]["name"]: w["metadata"]["uid"] for w in json.loads(engine.ok("ls", "-a", "--format", "json"))["items"]}
    assert listed == {"one": one[0], "two": two[0]}
    assert two[1:4] == ["two", "exited", "\"sh -c 'exit 3'\""] and two[4].startswith("Exited (3) ")
    assert one[1:4] == ["one", "running", "\"sleep 1000\""] and one[4].startswith("Up ")
    assert docker.ok("ps", "-q", "--no-trunc") == one[0]
    assert docker.ok("ps", "-aq", "--no-trunc", "--filter", "label=tier=front") == one[0]
    assert docker.ok("ps", "-aq", "--no-trunc", "--filter", "exited=3", "--filter", "name=^tw") == two[0]


def test_prune_removes_what_does_not_run_and_says_how_much_came_free(docker, engine):
    docker.ok("run", "-d", "--name", "stays", "box", "sleep", "1000")
    docker.ok("run", "--name", "goes", "box", "sh", "-c", "head -c 1000000 /dev/zero >/big")
    docker.ok("run", "--name", "kept", "--label", "keep=1", "box", "true")
    size = docker.api("GET", f"/containers/json?all=1&size=1&{filters(name=['goes'])}")[1][0]
    assert size["SizeRw"] == 1_000_000 and size["SizeRootFs"] > size["SizeRw"]
    goes = engine.inspect("goes")["metadata"]["uid"]
    status, report = docker.api("POST", f"/containers/prune?{filters(**{'label!': ['keep']})}")
    assert (status, report) == (200, {"ContainersDeleted": [goes], "SpaceReclaimed": 1_000_000})
    assert docker.api("POST", f"/containers/prune?{filters(until=['1h'])}")[1]["ContainersDeleted"] == []
    assert docker.ok("ps", "-a", "--format", "{{.Names}}").split() == ["kept", "stays"]
    docker.ok("container", "prune", "-f")
    assert docker.ok("ps", "-a", "--format", "{{.Names}}").split() == ["stays"]


def test_C12_stats_and_top_tell_what_a_busy_container_does(docker, engine):
    docker.ok("run", "-d", "--name", "busy", "--cpus", "0.5", "--memory", "64m", "box", "sh", "-c", "head -c 5000000 /dev/zero >/dev/shm/x; while :; do :; done")
    docker.ok("run", "--name", "idle", "box", "true")
    row = json.loads(docker.ok("stats", "--no-stream", "--format", "json", "busy"))
    assert row["Name"] == "busy" and 2 < float(row["CPUPerc"].rstrip("%")) < 75, row  # of the half that it may take, what a busy machine gives
    assert row["MemUsage"].endswith("/ 64MiB") and float(row["MemUsage"].split("MiB")[0]) >= 4, row
    one = docker.api("GET", "/containers/busy/stats?stream=0&one-shot=1")[1]
    assert one["preread"].startswith("0001-") and one["cpu_stats"]["online_cpus"] >= 1 and one["pids_stats"]["current"] == 1
    assert one["cpu_stats"]["throttling_data"]["periods"] > 0 and "eth0" in one["networks"]
    zero = docker.api("GET", "/containers/idle/stats?stream=0")[1]
    assert zero["read"].startswith("0001-") and zero["cpu_stats"]["cpu_usage"]["total_usage"] == 0 and zero["name"] == "/idle"
    titles, process = docker.ok("top", "busy").splitlines()
    assert titles.split() == ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"] and "while" in process
    assert docker.ok("top", "busy", "-o", "pid,comm").splitlines()[1].split()[1] == "sh"
    assert "%MEM" in docker.ok("top", "busy", "aux")
    status, body = docker.api("GET", "/containers/busy/top?ps_args=-o%20pid,wchan")
    assert status == 400 and "wchan" in body["message"]
    assert docker.api("GET", "/containers/idle/top")[0] == 409


def test_a_stream_of_stats_follows_the_container_to_its_end(docker, engine):
    docker.ok("run", "-d", "--name", "w", "box", "sleep", "1000")
    stream = docker.spawn("stats", "--format", "json", "w")
    try:
        rows = (json.loads(line.decode().replace("\x1b[2J", "").replace("\x1b[H", "").replace("\x1b[K", "").replace("\x1b[J", "")) for line in stream.stdout if b"{" in line)
        assert next(row for row in rows if row["PIDs"] == "1")
        docker.ok("stop", "-t", "0", "w")
        assert next(row for row in rows if row["PIDs"] == "0")["MemUsage"] == "0B / 0B"
    finally:
        stream.kill()
        stream.communicate()


@pytest.mark.parametrize("command,status,words", [(["/nosuch"], 127, "no such file or directory"), (["nosuch"], 127, "not found"), (["/etc/passwd"], 126, "permission denied"),
                                                  (["sh", "-c", "exit 42"], 42, "")])
def test_C05_run_exits_as_its_program_or_as_docker_does_for_what_cannot_run(docker, command, status, words):
    done = docker.cli("run", "--rm", "box", *command)
    assert done.returncode == status and words in done.stderr, done.stderr
    assert docker.ok("ps", "-aq") == ""


def test_C06_out_of_memory_is_told_by_inspect_wait_and_events(eater):
    eater.ok("run", "-d", "--name", "w", "-m", "24m", "--memory-swap", "24m", "eat", "/bin/eat", "200")
    assert eater.ok("wait", "w") == "137"
    state = eater.inspect("w")["State"]
    assert state["OOMKilled"] is True and state["ExitCode"] == 137 and state["Status"] == "exited"
    assert eater.ok("ps", "-a", "--format", "{{.Status}}").startswith("Exited (137) ")


@pytest.mark.parametrize("policy,command,restarts", [("no", "exit 1", 0), ("on-failure:2", "exit 1", 2), ("on-failure", "exit 0", 0)])
def test_C13_restart_policies_that_end(docker, engine, policy, command, restarts):
    docker.ok("run", "-d", "--name", "w", "--restart", policy, "box", "sh", "-c", command)
    engine.wait("w", "stopped")
    assert docker.inspect("w")["RestartCount"] == restarts
    assert docker.ok("ps", "-aq", "--no-trunc", "--filter", "status=exited") == docker.inspect("w")["Id"]


def test_C13_always_restarts_until_it_is_stopped_by_hand(docker, engine):
    docker.ok("run", "-d", "--name", "w", "--restart", "always", "box", "sh", "-c", "sleep 0.1; exit 7")
    for run in range(3):  # each wait ends with one end, whatever comes after it
        assert docker.ok("wait", "w") == "7"
    docker.ok("stop", "-t", "1", "w")
    assert docker.ok("ps", "-a", "--format", "{{.State}}") == "exited"
    assert docker.api("POST", "/containers/w/stop")[0] == 304


def test_C13_health_is_shown_and_filtered(docker, engine):
    docker.ok("run", "-d", "--name", "well", "--health-cmd", "true", "--health-interval", "200ms", "box", "sleep", "1000")
    docker.ok("run", "-d", "--name", "ill", "--health-cmd", "false", "--health-interval", "200ms", "--health-retries", "1", "box", "sleep", "1000")
    docker.ok("run", "-d", "--name", "unasked", "box", "sleep", "1000")
    engine.wait("well", "healthy")
    events = engine.spawn("events", "--since", "0", "--filter", "name=ill", "--format", "json")
    assert any(b"unhealthy" in line for line in events.stdout)
    events.kill()
    events.communicate()
    for health in ("healthy", "unhealthy", "none"):
        name = {"healthy": "well", "unhealthy": "ill", "none": "unasked"}[health]
        assert docker.ok("ps", "--filter", f"health={health}", "--format", "{{.Names}}") == name
    assert docker.ok("ps", "--filter", "name=well", "--format", "{{.Status}}").endswith("(healthy)")


def test_wait_begins_before_the_start_and_ends_as_asked(docker):
    docker.ok("create", "--name", "w", "--rm", "box", "sh", "-c", "exit 9")
    connection = UnixConnection(docker.engine.socket)
    connection.request("POST", "/v1.47/containers/w/wait?condition=removed")
    answer = connection.getresponse()  # its header is here before the container starts
    assert answer.status == 200
    docker.ok("start", "w")
    assert json.loads(answer.read()) == {"StatusCode": 9}
    connection.close()
    assert docker.api("POST", "/containers/w/wait")[0] == 404
    docker.ok("create", "--name", "v", "box", "true")
    assert docker.api("POST", "/containers/v/wait")[1] == {"StatusCode": 0}, "what does not run is not waited for"
    assert docker.api("POST", "/containers/v/wait?condition=sometime")[0] == 400


def test_C18_what_runs_goes_on_when_the_daemon_is_killed(docker, engine):
    docker.ok("run", "-d", "--name", "w", "-i", "box", "sh", "-c", "read line; echo heard $line; sleep 1000")
    before = docker.inspect("w")["State"]
    engine.restart(hard=True)
    after = docker.inspect("w")["State"]
    assert (after["Pid"], after["StartedAt"], after["Running"]) == (before["Pid"], before["StartedAt"], True)
    assert docker.ok("ps", "--format", "{{.Names}} {{.State}}") == "w running"
    client = docker.spawn("attach", "--sig-proxy=false", "w", stdin=subprocess.PIPE)
    try:
        client.stdin.write(b"you\n")
        client.stdin.flush()
        assert client.stdout.readline() == b"heard you\n"
    finally:
        client.kill()
        client.communicate()
    docker.ok("rm", "-f", "w")
    assert docker.ok("ps", "-aq") == ""


def test_kill_signals_by_name_and_number(docker, engine):
    docker.ok("run", "-d", "--name", "w", "box", "sh", "-c", "trap 'echo one' USR1; trap 'exit 5' TERM; echo ready; while :; do sleep 0.05; done")
    with docker.spawn("logs", "-f", "w") as logs:
        assert logs.stdout.readline() == b"ready\n"
        for signal in ("USR1", "sigusr1", "10"):  # one after the other: a signal that is pending already is not pending twice
            docker.ok("kill", "-s", signal, "w")
            assert logs.stdout.readline() == b"one\n"
        logs.kill()
    status, body = docker.api("POST", "/containers/w/kill?signal=NOSUCH")
    assert status == 400 and "invalid signal: NOSUCH" in body["message"]
    docker.ok("stop", "w")
    assert docker.inspect("w")["State"]["ExitCode"] == 5
    docker.ok("start", "w")
    docker.ok("pause", "w")
    assert docker.ok("ps", "--filter", "status=paused", "--format", "{{.Status}}").endswith("(Paused)")
    assert docker.api("POST", "/containers/w/pause")[0] == 409
    assert docker.api("POST", "/containers/w/start")[0] == 409
    docker.ok("stop", "-t", "5", "w")
    assert docker.inspect("w")["State"]["ExitCode"] == 5, "what is frozen is thawed to hear its signal"
    assert docker.api("POST", "/containers/w/unpause")[0] == 500
