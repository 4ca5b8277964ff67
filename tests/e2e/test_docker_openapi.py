"""The published descriptions of Docker's API: that answers are checked against them, and that every operation that they name has a row."""
import json
import re

from harness import openapi, proxy


def answer(method, target, status, body):
    return openapi.check_exchange(method, target, status, "application/json", body if isinstance(body, bytes) else json.dumps(body).encode())


def test_the_checker_finds_what_is_wrong():
    good = {"Platform": {"Name": "x"}, "Version": "1", "ApiVersion": "1.47"}
    assert answer("GET", "/v1.47/version", 200, good) == []
    assert "does not name it" in answer("GET", "/v1.47/version", 200, {**good, "Wrong": 1})[0]
    assert "is no string" in answer("GET", "/version", 200, {**good, "Version": 1})[0]
    assert "null where" in answer("GET", "/v1.41/version", 200, {**good, "Version": None})[0]
    assert "Name is required" in answer("GET", "/version", 200, {**good, "Platform": {}})[0]
    assert "status is none of" in answer("GET", "/version", 204, b"")[0]
    assert "body is no JSON" in answer("GET", "/version", 200, b"{")[0]
    assert "no such operation" in answer("GET", "/vision", 200, good)[0]
    assert "is not among" in answer("GET", "/events", 200, {"Type": "planet"})[0]
    assert "[1]" in answer("GET", "/containers/json", 200, [{"Id": "a"}, {"Id": 1}])[0]
    assert "[1].Ports[0].PrivatePort" in answer("GET", "/containers/json", 200, [{}, {"Ports": [{"Type": "tcp", "PrivatePort": "80"}]}])[0]


def test_the_checker_knows_errors():
    assert answer("GET", "/containers/x/json", 404, {"message": "No such container: x"}) == []
    assert "has a message" in answer("GET", "/containers/x/json", 404, {"error": "x"})[0]
    assert "nothing else" in answer("GET", "/containers/x/json", 404, {"message": "x", "code": 1})[0]
    assert "status is none of" in answer("GET", "/containers/x/json", 409, {"message": "x"})[0]


def test_the_proxy_remembers_each_answer_of_a_connection():
    record = proxy.Recorded()
    record.sent += b"GET /v1.47/_ping HTTP/1.1\r\n\r\nPOST /v1.47/containers/x/start HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nGET /v1.47/version HTTP/1.1\r\n\r\n"
    record.received += b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOKHTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nwrongHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n"
    problems = proxy.check(record)
    assert len(problems) == 2 and problems[0].startswith("POST /containers/x/start (1.47) 404") and problems[1].startswith("GET /version (1.47) 200")


def test_what_the_command_line_is_answered_is_checked(docker):
    docker.ok("version")
    docker.ok("info")
    asked = [target for record in docker.proxy.connections for _, target in proxy.requests_of(bytes(record.sent))]
    assert "/_ping" in asked and "/v1.47/version" in asked and "/v1.47/info" in asked
    assert docker.close() == []
    docker.engine.observers.clear()


def test_every_operation_of_the_descriptions_has_a_row(engine):
    status, capabilities = engine.request("GET", "/v1/capabilities")
    assert status == 200
    shape = lambda method, path: (method, re.sub(r"\{[^}]*\}", "{}", path))
    ours = {shape(row["method"], row["path"]): row for row in capabilities["docker"]}
    theirs = {shape(method, path) for version in openapi.VERSIONS for method, path, _, _ in openapi.description(version).operations}
    assert theirs <= ours.keys(), f"operations without a row: {sorted(theirs - ours.keys())}"
    for row in ours.values():
        assert row["standing"] in ("works", "degrades", "refused") and (row["note"] or row["standing"] == "works"), row
