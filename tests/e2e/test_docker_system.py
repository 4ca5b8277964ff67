"""The engine itself through Docker's API: ping, version, info, disk usage, log-in."""
import json
import os


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
