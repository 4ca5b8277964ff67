"""Volumes through the docker command line and the Engine API."""
import json
import re
from urllib.parse import quote


def volumes(docker, **filters):
    status, answer = docker.api("GET", "/volumes" + (f"?filters={quote(json.dumps(filters))}" if filters else ""))
    assert status == 200, answer
    return {v["Name"]: v for v in answer["Volumes"]}


def message(answer, status):
    assert answer[0] == status, answer
    return answer[1]["message"]


def test_C13_create_inspect_remove(docker):
    assert docker.ok("volume", "create", "--label", "tier=data", "pool") == "pool"
    [found] = json.loads(docker.ok("volume", "inspect", "pool"))
    assert found["Driver"] == "local" and found["Scope"] == "local" and found["Labels"] == {"tier": "data"} and found["Options"] == {}
    assert found["Mountpoint"].endswith("/pool/_data") and "UsageData" not in found
    assert docker.ok("volume", "create", "pool") == "pool"  # the same again
    assert json.loads(docker.ok("volume", "inspect", "pool")) == [found]
    docker.engine.ok("run", "-d", "--name", "u", "-v", "pool:/p", "box", "sleep", "1000")
    uid = docker.engine.inspect("u")["metadata"]["uid"]
    assert message(docker.api("DELETE", "/volumes/pool"), 409) == f"remove pool: volume is in use - [{uid}]"
    assert docker.api("DELETE", "/volumes/pool?force=1")[0] == 409
    docker.engine.ok("rm", "-f", "u")
    assert docker.ok("volume", "rm", "pool") == "pool"
    assert message(docker.api("GET", "/volumes/pool"), 404) == "get pool: no such volume"
    assert docker.api("DELETE", "/volumes/pool")[0] == 404 and docker.api("DELETE", "/volumes/pool?force=true")[0] == 204


def test_C13_options_of_the_local_driver(docker, tmp_path):
    (tmp_path / "hello").write_text("from the host")
    docker.ok("volume", "create", "-o", "type=none", "-o", f"device={tmp_path}", "-o", "o=bind", "bound")
    docker.ok("volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "-o", "o=size=1m,mode=0700", "small")
    assert volumes(docker)["bound"]["Options"] == {"type": "none", "device": str(tmp_path), "o": "bind"}
    assert docker.engine.ok("run", "--rm", "-v", "bound:/b", "box", "cat", "/b/hello") == "from the host"
    assert docker.engine.ok("run", "--rm", "-v", "small:/s", "box", "sh", "-c", "df -k /s | tail -1 | tr -s ' ' | cut -d' ' -f2; stat -c %a /s") == "1024\n700"
    assert "nfs" in message(docker.api("POST", "/volumes/create", {"Name": "far", "DriverOpts": {"type": "nfs", "device": ":/x", "o": "addr=1.2.3.4"}}), 501)
    assert 'plugin "glass" not found' in message(docker.api("POST", "/volumes/create", {"Name": "far", "Driver": "glass"}), 404)
    assert "volume name must be unique" in message(docker.api("POST", "/volumes/create", {"Name": "bound", "Driver": "glass"}), 409)
    assert "ClusterVolumeSpec" in message(docker.api("POST", "/volumes/create", {"Name": "far", "ClusterVolumeSpec": {"Group": "g"}}), 400)
    assert "swarm is unavailable" in message(docker.api("PUT", "/volumes/bound?version=1", {}), 503)
    for name in ("a", "../x", "-a"):
        message(docker.api("POST", "/volumes/create", {"Name": name}), 400)
    assert set(volumes(docker)) == {"bound", "small"}


def test_C13_filters_and_prune(docker):
    docker.ok("volume", "create", "--label", "a=1", "alpha")
    docker.ok("volume", "create", "beta")
    anonymous = docker.ok("volume", "create")
    assert re.fullmatch("[0-9a-f]{64}", anonymous)
    docker.engine.ok("run", "-d", "--name", "u", "-v", "alpha:/p", "-v", "/anonymous", "box", "sleep", "1000")
    [hidden] = set(volumes(docker)) - {"alpha", "beta", anonymous}
    assert volumes(docker)[hidden]["Labels"] == {"com.docker.volume.anonymous": ""}
    assert set(volumes(docker, label=["a"])) == {"alpha"} and set(volumes(docker, name=["^be"])) == {"beta"}
    assert set(volumes(docker, dangling=["true"])) == {"beta", anonymous} and set(volumes(docker, dangling=["false"])) == {"alpha", hidden}
    assert volumes(docker, driver=["nfs"]) == {} and len(volumes(docker, driver=["local"])) == 4
    status, report = docker.api("POST", "/volumes/prune")
    assert status == 200 and report["VolumesDeleted"] == [anonymous]
    status, report = docker.api("POST", f"/volumes/prune?filters={quote(json.dumps({'all': ['true'], 'label!': ['a']}))}")
    assert report["VolumesDeleted"] == ["beta"] and report["SpaceReclaimed"] >= 0
    docker.ok("volume", "create", "gamma")
    assert docker.api("POST", "/volumes/prune", version="v1.41")[1]["VolumesDeleted"] == ["gamma"]  # older clients mean all
    assert set(volumes(docker)) == {"alpha", hidden}
