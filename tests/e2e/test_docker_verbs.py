"""The verbs on containers through the docker command line, and what `fulcrum` says of the same workloads."""
import json


def test_kill_and_start_again_answer_as_docker_does(docker, engine):
    engine.ok("run", "-d", "--name", "w", "box", "sleep", "1000")
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
    engine.ok("run", "-d", "--name", "one", "--label", "tier=front", "box", "sleep", "1000")
    engine.cli("run", "--name", "two", "box", "sh", "-c", "exit 3")
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
    engine.ok("run", "-d", "--name", "stays", "box", "sleep", "1000")
    engine.ok("run", "--name", "goes", "box", "sh", "-c", "head -c 1000000 /dev/zero >/big")
    engine.ok("run", "--name", "kept", "--label", "keep=1", "box", "true")
    size = docker.api("GET", "/containers/json?all=1&size=1&filters=%7B%22name%22%3A%5B%22goes%22%5D%7D")[1][0]
    assert size["SizeRw"] == 1_000_000 and size["SizeRootFs"] > size["SizeRw"]
    goes = engine.inspect("goes")["metadata"]["uid"]
    status, report = docker.api("POST", "/containers/prune?filters=%7B%22label%21%22%3A%5B%22keep%22%5D%7D")
    assert (status, report) == (200, {"ContainersDeleted": [goes], "SpaceReclaimed": 1_000_000})
    assert docker.api("POST", "/containers/prune?filters=%7B%22until%22%3A%5B%221h%22%5D%7D")[1]["ContainersDeleted"] == []
    assert docker.ok("ps", "-a", "--format", "{{.Names}}").split() == ["kept", "stays"]
    docker.ok("container", "prune", "-f")
    assert docker.ok("ps", "-a", "--format", "{{.Names}}").split() == ["stays"]


def test_C12_stats_and_top_tell_what_a_busy_container_does(docker, engine):
    engine.ok("run", "-d", "--name", "busy", "--cpus", "0.5", "--memory", "64Mi", "box", "sh", "-c", "head -c 5000000 /dev/zero >/dev/shm/x; while :; do :; done")
    engine.ok("run", "--name", "idle", "box", "true")
    row = json.loads(docker.ok("stats", "--no-stream", "--format", "json", "busy"))
    assert row["Name"] == "busy" and 25 < float(row["CPUPerc"].rstrip("%")) < 75, row
    assert row["MemUsage"].endswith("/ 64MiB") and float(row["MemUsage"].split("MiB")[0]) >= 4, row
    one = docker.api("GET", "/containers/busy/stats?stream=0&one-shot=1")[1]
    assert one["preread"].startswith("0001-") and one["cpu_stats"]["online_cpus"] >= 1 and one["pids_stats"]["current"] == 1
    assert one["cpu_stats"]["throttling_data"]["throttled_periods"] > 0 and "eth0" in one["networks"]
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
    engine.ok("run", "-d", "--name", "w", "box", "sleep", "1000")
    stream = docker.spawn("stats", "--format", "json", "w")
    try:
        rows = (json.loads(line.decode().replace("\x1b[2J", "").replace("\x1b[H", "").replace("\x1b[K", "").replace("\x1b[J", "")) for line in stream.stdout if b"{" in line)
        assert next(row for row in rows if row["PIDs"] == "1")
        docker.ok("stop", "-t", "0", "w")
        assert next(row for row in rows if row["PIDs"] == "0")["MemUsage"] == "0B / 0B"
    finally:
        stream.kill()
        stream.communicate()
