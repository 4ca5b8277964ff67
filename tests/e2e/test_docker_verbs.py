"""The verbs on containers through the docker command line, and what `fulcrum` says of the same workloads."""


def test_kill_and_start_again_answer_as_docker_does(docker, engine):
    docker.env["DOCKER_API_VERSION"] = "1.47"
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
