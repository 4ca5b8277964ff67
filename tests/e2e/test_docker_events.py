"""C16 through Docker's API: what happened, in order, with filters, from the past and as it happens."""
import json
import threading
import time


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def past(docker, *filters, since="0"):
    """Everything up to now that passes the filters."""
    words = [word for text in filters for word in ("--filter", text)]
    return lines(docker.ok("events", "--since", since, "--until", f"{time.time():.9f}", "--format", "{{json .}}", *words))


def test_C16_events_of_a_life_come_in_order(docker):
    docker.engine.ok("run", "--rm", "box", "true")  # the default network is made for the first container that wants it
    began = f"{time.time():.9f}"
    docker.engine.ok("volume", "create", "v")
    docker.engine.ok("run", "-d", "--name", "w", "-l", "role=test", "-v", "v:/v", "box", "sleep", "100")
    docker.ok("kill", "w")
    docker.ok("wait", "w")
    docker.engine.wait("w", "stopped")
    docker.ok("rm", "w")
    events = past(docker, since=began)
    told = [(e["Type"], e["Action"]) for e in events]
    assert told == [("volume", "create"), ("container", "create"), ("network", "connect"), ("volume", "mount"), ("container", "start"), ("container", "kill"),
                    ("container", "die"), ("volume", "unmount"), ("network", "disconnect"), ("container", "destroy")]
    die = next(e for e in events if e["Action"] == "die")
    assert die["status"] == "die" and die["id"] == die["Actor"]["ID"] and die["from"] == "box" and die["scope"] == "local"
    assert die["Actor"]["Attributes"]["exitCode"] == "137" and die["Actor"]["Attributes"]["role"] == "test" and die["Actor"]["Attributes"]["name"] == "w"
    assert int(die["Actor"]["Attributes"]["execDuration"]) >= 0
    assert die["time"] == die["timeNano"] // 10**9
    connect = next(e for e in events if e["Action"] == "connect")
    assert connect["Actor"]["Attributes"] == {"container": die["id"], "name": "bridge", "type": "bridge"} and len(connect["Actor"]["ID"]) == 64
    assert [e["timeNano"] for e in events] == sorted(e["timeNano"] for e in events)


def test_C16_filters(docker):
    docker.engine.ok("run", "--name", "one", "-l", "a=1", "box", "true")
    docker.engine.cli("run", "--name", "two", "-l", "a=2", "box", "false")
    actions = lambda *filters: [(e["Actor"]["Attributes"].get("name"), e["Action"]) for e in past(docker, *filters)]
    assert actions("container=one", "event=die") == [("one", "die")]
    assert actions("label=a=2", "event=start") == [("two", "start")]
    assert actions("event=die", "type=container") == [("one", "die"), ("two", "die")]
    assert {name for name, _ in actions("image=box", "type=container")} == {"one", "two"}
    assert {action for _, action in actions("network=bridge")} == {"create", "connect", "disconnect"}
    assert actions("container=three") == [] and actions("scope=swarm") == []
    uid = docker.engine.inspect("one")["metadata"]["uid"]
    assert ("one", "create") in actions(f"container={uid[:12]}")
    status, error = docker.api("GET", '/events?filters={"planet":["x"]}&since=0&until=1')
    assert status == 400 and "planet" in error["message"]
    for query in ("since=x", "until=-1", "since=5&until=4", "filters=nonsense"):
        assert docker.api("GET", f"/events?{query}")[0] == 400, query


def test_C16_events_are_told_as_they_happen_and_survive_a_restart(docker):
    docker.engine.ok("run", "--name", "before", "box", "true")
    seen, first = [], threading.Event()
    follower = docker.spawn("events", "--since", "0", "--filter", "type=container", "--format", "{{.Action}} {{.Actor.Attributes.name}}", text=True)

    def read():
        for line in follower.stdout:
            seen.append(line.strip())
            if line.startswith("destroy"):
                first.set()

    reader = threading.Thread(target=read)
    reader.start()
    docker.engine.ok("rm", "before")
    assert first.wait(60), seen
    assert seen == ["create before", "start before", "die before", "destroy before"]
    info = json.loads(docker.ok("info", "--format", "{{json .}}"))
    assert info["NEventsListener"] == 1
    docker.engine.restart()
    reader.join(60)
    follower.wait(60)
    assert [e["Action"] for e in past(docker, "container=before")] == ["create", "start", "die", "destroy"], "the past is kept"


def test_until_ends_the_stream_by_itself(docker):
    began = time.monotonic()
    docker.ok("events", "--until", f"{time.time() + 1:.9f}")
    assert 0.5 < time.monotonic() - began < 30


def test_C16_health_in_dockers_words(docker):
    docker.engine.ok("run", "-d", "--name", "h", "--health-cmd", "true", "--health-interval", "200ms", "box", "sleep", "100")
    docker.engine.wait("h", "healthy")
    assert [e["Action"] for e in past(docker, "event=health_status")] == ["health_status: healthy"]
    assert past(docker, "event=health_status: unhealthy") == []


def test_C16_what_is_done_inside_a_container_is_told(docker):
    docker.ok("run", "-d", "--name", "w", "box", "sleep", "100")
    docker.cli("exec", "w", "sh", "-c", "exit 3")
    docker.ok("top", "w")
    docker.ok("pause", "w")
    docker.ok("unpause", "w")
    docker.ok("rename", "w", "x")
    docker.ok("update", "--memory", "64m", "--memory-swap", "128m", "x")
    events = past(docker, "type=container")
    told = [e["Action"] for e in events]
    # The update of a limit is told when it is stored, and when it holds; the end of an exec when it was seen.
    assert [a for a in told if a not in ("exec_die", "update")] == ["create", "start", "exec_create: sh -c exit 3", "exec_start: sh -c exit 3", "top", "pause", "unpause", "rename"]
    assert "update" in told
    rename = next(e for e in events if e["Action"] == "rename")
    assert rename["Actor"]["Attributes"]["oldName"].lstrip("/") == "w" and rename["Actor"]["Attributes"]["name"] == "x"
    die = next(e for e in events if e["Action"] == "exec_die")
    start = next(e for e in events if e["Action"].startswith("exec_start"))
    assert die["Actor"]["Attributes"]["exitCode"] == "3" and die["Actor"]["Attributes"]["execID"] == start["Actor"]["Attributes"]["execID"]
    assert [e["Action"] for e in past(docker, "event=exec_start")] == ["exec_start: sh -c exit 3"]
