"""The engine itself through Docker's API: ping, version, info, disk usage, log-in."""
import json
import os

from harness.registry import Registry


def test_ping_tells_the_version_and_the_builder(docker):
    for method in ("GET", "HEAD"):
        status, headers, body = docker.raw(method, "/_ping")
        assert status == 200 and body == (b"OK" if method == "GET" else b"")
        assert headers["Api-Version"] == "1.47" and headers["Builder-Version"] == "1" and headers["Swarm"] == "inactive"
        assert headers["Docker-Experimental"] == "false" and headers["Ostype"] == "linux" and "no-store" in headers["Cache-Control"]


def test_version_names_engine_and_kernel(docker):
    version = json.loads(docker.ok("version", "--format", "{{json .Server}}"))
    assert version["ApiVersion"] == "1.47" and version["MinAPIVersion"] == "1.24"
    assert version["KernelVersion"] == os.uname().release and version["Os"] == "linux"
    assert [c["Name"] for c in version["Components"]] == ["Engine", "fulcrum-oci", "fulcrum-init"]
    assert "Fulcrum" in docker.ok("version")


def test_info_counts_and_names_the_machine(docker):
    docker.ok("info")  # the whole template finds what it prints
    info = json.loads(docker.ok("info", "--format", "{{json .}}"))
    assert info["Name"] == os.uname().nodename and info["NCPU"] == os.cpu_count() and info["OSType"] == "linux"
    assert info["Images"] == 1 and info["Containers"] == 0 and info["DockerRootDir"] == str(docker.engine.data)
    assert info["Swarm"]["LocalNodeState"] == "inactive" and info["DefaultRuntime"] in info["Runtimes"]
    docker.engine.ok("run", "-d", "box", "sleep", "100")
    docker.engine.ok("create", "box", "true")
    now = json.loads(docker.ok("info", "--format", "{{json .}}"))
    assert (now["Containers"], now["ContainersRunning"], now["ContainersStopped"]) == (2, 1, 1)
    assert now["ID"] == info["ID"]
    docker.engine.restart()
    assert json.loads(docker.ok("info", "--format", "{{json .}}"))["ID"] == info["ID"], "the ID is kept with the data"


def test_versions_that_are_not_served_are_refused_by_number(docker):
    status, error = docker.api("GET", "/info", version="v1.23")
    assert status == 400 and "too old" in error["message"]
    status, error = docker.api("GET", "/info", version="v1.99")
    assert status == 400 and "too new" in error["message"]
    for version in ("v1.24", "v1.41", "v1.47"):
        assert docker.api("GET", "/info", version=version)[0] == 200


def test_C17_disk_usage_counts_what_is_there(docker):
    docker.engine.ok("volume", "create", "v")
    docker.engine.ok("run", "--name", "w", "-v", "v:/v", "box", "sh", "-c", "head -c 3000000 /dev/zero >/v/three; head -c 2000000 /dev/zero >/two")
    status, usage = docker.api("GET", "/system/df")
    assert status == 200 and usage["BuildCache"] == []
    image = usage["Images"][0]
    assert image["RepoTags"] == ["box:latest"] and image["Containers"] == 1 and image["Size"] > 0 and usage["LayersSize"] > 0
    container = usage["Containers"][0]
    assert container["Names"] == ["/w"] and container["SizeRw"] >= 2000000 and container["SizeRootFs"] == container["SizeRw"] + image["Size"]
    volume = usage["Volumes"][0]
    assert volume["Name"] == "v" and volume["UsageData"]["Size"] >= 3000000 and volume["UsageData"]["RefCount"] == 1
    assert set(docker.api("GET", "/system/df?type=volume")[1]) == {"Volumes"}
    assert set(docker.api("GET", "/system/df?type=image&type=container")[1]) == {"Images", "LayersSize", "Containers"}
    status, error = docker.api("GET", "/system/df?type=planet")
    assert status == 400 and error["message"] == "unknown object type: planet"
    table = docker.ok("system", "df")
    assert "Local Volumes" in table and "Build Cache" in table
    docker.ok("system", "df", "-v")


def test_login_asks_the_registry(docker):
    registry = Registry(docker.engine, login=("alice", "s3cret:x"))
    try:
        docker.ok("login", "-u", "alice", "--password-stdin", registry.address, input="s3cret:x")
        assert registry.address in (docker.config / "config.json").read_text()
        refused = docker.cli("login", "-u", "alice", "--password-stdin", registry.address, input="wrong")
        assert refused.returncode != 0 and "incorrect username or password" in refused.stderr, refused.stderr
        status, answer = docker.api("POST", "/auth", {"username": "alice", "password": "s3cret:x", "serveraddress": f"http://{registry.address}/v1/"})
        assert status == 200 and answer == {"Status": "Login Succeeded", "IdentityToken": ""}
        assert docker.api("POST", "/auth", {"auth": "YWxpY2U6czNjcmV0Ong=", "serveraddress": registry.address})[0] == 200
        assert docker.api("POST", "/auth", {"username": "bob", "password": "x", "serveraddress": registry.address})[0] == 401
        assert docker.api("POST", "/auth", {"username": "bob", "password": "x", "serveraddress": "127.0.0.1:1"})[0] == 500
    finally:
        registry.stop()
