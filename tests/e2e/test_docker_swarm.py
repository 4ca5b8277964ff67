"""What this engine is not part of: swarms, plugins, BuildKit. All of it answers as Docker's engine does outside a swarm."""
import pytest


@pytest.mark.parametrize("words", [("node", "ls"), ("service", "ls"), ("secret", "ls"), ("config", "ls"), ("stack", "ls"), ("node", "inspect", "self"),
                                   ("swarm", "update", "--autolock"), ("swarm", "join-token", "worker")])
def test_swarm_commands_say_that_there_is_no_swarm(docker, words):
    done = docker.cli(*words)
    assert done.returncode != 0 and "This node is not a swarm manager" in done.stderr, done.stderr


def test_leaving_and_founding_a_swarm_are_refused(docker):
    assert "not part of a swarm" in docker.cli("swarm", "leave").stderr
    assert docker.api("POST", "/swarm/leave")[0] == 503
    status, error = docker.api("POST", "/swarm/init", {"ListenAddr": "0.0.0.0:2377"})
    assert status == 501 and "no swarms" in error["message"]
    assert docker.api("GET", "/tasks")[0] == 503 and docker.api("POST", "/secrets/create", {"Name": "x"})[0] == 503


def test_plugins(docker):
    assert docker.ok("plugin", "ls", "--format", "{{.Name}}") == ""
    done = docker.cli("plugin", "inspect", "x")
    assert done.returncode != 0 and "not found" in done.stderr
    assert docker.api("POST", "/plugins/pull?remote=x", [])[0] == 501
    status, error = docker.api("POST", "/session", headers={"Connection": "Upgrade", "Upgrade": "h2c"})
    assert status == 501 and "BuildKit" in error["message"]
