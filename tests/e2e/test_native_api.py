"""The native API by itself: what docs/api.md says, without the command line."""
import base64

import pytest


def call(box, method, path, body=None, status=200):
    got, answer = box.request(method, path, body)
    assert got == status, (method, path, got, answer)
    return answer


@pytest.mark.parametrize("method,path,body,status,names", [
    ("GET", "/v1/workloads?bogus=1", None, 400, "bogus"),
    ("POST", "/v1/workloads", {"image": "box", "memory": 1}, 400, "memory"),
    ("POST", "/v1/workloads", {"image": "box", "replicas": 2}, 501, "replicas"),
    ("POST", "/v1/workloads", {"image": "box", "topology": "vm"}, 501, "nearest: container"),
    ("POST", "/v1/workloads", {"image": "nope", "pull": "never", "name": "z"}, 404, "nope"),
    ("GET", "/v1/workloads/z", None, 404, "z"),
    ("POST", "/v1/volumes", {"name": "v", "options": {"size": "1Gi"}}, 501, "options.size"),
    ("POST", "/v1/networks", {"name": "n", "options": {"color": "red"}}, 400, "options.color"),
])
def test_refusals_name_what_is_wrong(box, method, path, body, status, names):
    assert names in call(box, method, path, body, status)["message"]
    assert call(box, "GET", "/v1/workloads?all=true")["items"] == []


def test_a_workload_from_create_to_removal(box):
    made = call(box, "POST", "/v1/workloads", {"image": "box", "name": "w", "command": ["sleep", "1000"]}, 201)
    assert made["status"]["phase"] == "created"
    assert "in use by workload" in call(box, "POST", "/v1/workloads", {"image": "box", "name": "w"}, 409)["message"]
    assert call(box, "POST", "/v1/workloads/w/start")["status"]["phase"] == "running"
    assert call(box, "POST", "/v1/workloads/w/pause")["status"]["phase"] == "paused"
    assert call(box, "POST", "/v1/workloads/w/resume")["status"]["phase"] == "running"
    updated = call(box, "POST", "/v1/workloads/w/update", {"memory": "64Mi", "restart": "on-failure:3"})
    assert updated["status"]["run"] == 1 and updated["spec"]["resources"]["memory"] == "64Mi"
    assert call(box, "POST", "/v1/workloads/w/rename?name=x")["spec"]["name"] == "x"
    assert call(box, "GET", "/v1/workloads/x/stats")["memoryLimit"] == 64 << 20
    assert call(box, "GET", "/v1/workloads/x/top")["processes"][0][-1] == "sleep 1000"
    assert "runs" in call(box, "DELETE", "/v1/workloads/x", status=409)["message"]
    assert call(box, "POST", "/v1/workloads/x/stop?timeout=0")["status"]["exitCode"] == 137
    call(box, "DELETE", "/v1/workloads/x", status=204)
    call(box, "GET", "/v1/workloads/x", status=404)


def test_a_start_that_fails_tells_the_exit_code(box):
    assert "nosuch" in call(box, "POST", "/v1/workloads?start=true", {"image": "box", "name": "a", "command": ["/nosuch"]}, 404)["message"]
    assert call(box, "GET", "/v1/workloads/a")["status"]["exitCode"] == 127
    call(box, "POST", "/v1/workloads?start=true", {"image": "box", "name": "b", "command": ["/etc/passwd"]}, 403)
    assert call(box, "GET", "/v1/workloads/b")["status"]["exitCode"] == 126


def test_secrets_go_in_and_never_come_out(box):
    call(box, "POST", "/v1/secrets", {"name": "s", "data": base64.b64encode(b"hush").decode()}, 201)
    assert "data" not in call(box, "GET", "/v1/secrets/s")["spec"]
    call(box, "POST", "/v1/workloads?start=true", {"image": "box", "name": "w", "command": ["sleep", "1000"], "secrets": ["s"]}, 201)
    assert box.ok("exec", "w", "cat", "/run/secrets/s") == "hush"
    assert "workload w" in call(box, "DELETE", "/v1/secrets/s", status=409)["message"]
