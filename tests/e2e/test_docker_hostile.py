"""Bad input through Docker's API: the right status, bounded memory, the daemon alive."""
import json
import os
import pathlib
import select
import socket
import time

import pytest

MIB = 1 << 20


def resident(engine):
    """Bytes of the daemon's resident memory, and the most that it ever were."""
    fields = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{engine.daemon.pid}/status").read_text().splitlines())
    return int(fields["VmRSS"].split()[0]) << 10, int(fields["VmHWM"].split()[0]) << 10


def alive(docker):
    assert docker.engine.daemon.poll() is None, docker.engine.tail()
    assert docker.raw("GET", "/_ping")[0] == 200


def connect(engine, timeout=60):
    client = socket.socket(socket.AF_UNIX)
    client.connect(str(engine.socket))  # waits while the queue is full; with a timeout set it would fail at once
    client.settimeout(timeout)
    return client


def readable(client, timeout=0.0):
    """Whether there is something to read; select() knows no descriptors over 1023."""
    poll = select.poll()
    poll.register(client, select.POLLIN)
    return bool(poll.poll(timeout * 1000))


def answer_to(client):
    """Everything up to the end of the connection, or of the header's deadline."""
    got = b""
    try:
        while part := client.recv(65536):
            got += part
    except (ConnectionResetError, BrokenPipeError):
        pass
    return got


BROKEN = ["", "{", "[", "null", "5", '"x"', "[]", "{}x", '{"a":}', "\ufeff{}", "{'a':1}", "[" * 100_000, '{"a":' * 50_000, "\0" * 100, '{"Image": "\ud800"}',
          '{"Image": 1e999}', "-", "tru", '{"a":1,}']


@pytest.mark.parametrize("path", ["/auth", "/containers/create"])
def test_broken_json_is_a_bad_request(docker, path):
    for body in BROKEN:
        status, answer = docker.api("POST", path, body.encode(errors="surrogatepass"))
        assert status in (400, 501) and answer["message"], (path, body[:40], status, answer)
    alive(docker)


@pytest.mark.parametrize("body", [{"username": 5}, {"username": ["x"]}, {"auth": "!!!"}, {"auth": "eA=="}, {"planet": "mars"}])
def test_wrong_types_and_unknown_members_are_named(docker, body):
    status, answer = docker.api("POST", "/auth", body)
    assert status == 400 and next(iter(body)) in answer["message"], answer


def test_filters_that_are_no_filters(docker):
    for filters in ("x", "[]", "5", '{"type":5}', '{"type":[5]}', '{"type":{"a":"b"}}', "{" * 1000, '{"nothing":["x"]}', '{"event":[null]}'):
        status, answer = docker.api("GET", f"/events?since=0&until=1&filters={filters}")
        assert status == 400 and answer["message"], (filters, status, answer)
    alive(docker)


def test_versions_and_paths_that_do_not_exist(docker):
    for version in ("v1.23", "v1.48", "v2.0", "v0.1", "v1.999"):
        assert docker.api("GET", "/version", version=version)[0] == 400, version
    for version in ("v1.99999999999999999999", "v-1.5", "vx", "v1.4.7"):
        assert docker.engine.request("GET", f"/{version}/version")[0] in (400, 404), version
    assert docker.api("GET", "/nothing")[0] == 404
    assert docker.api("POST", "/nothing/at/all", {})[0] == 404
    assert docker.api("PATCH", "/version")[0] == 405
    assert docker.api("GET", "/containers/%2e%2e/json")[0] in (400, 404)
    assert docker.api("GET", "/containers/%00/json")[0] in (400, 404)
    alive(docker)


def test_a_body_of_gigabytes_is_not_kept(docker):
    """Announced, or in chunks without an end: refused while it arrives, and the memory does not grow."""
    engine = docker.engine
    docker.raw("GET", "/info")
    before, _ = resident(engine)
    block = b"x" * MIB
    for head in (b"Content-Length: 8589934592\r\n", b"Transfer-Encoding: chunked\r\n"):
        with connect(engine) as client:
            client.sendall(b"POST /v1.47/auth HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + head + b"\r\n")
            sent = 0
            try:
                while sent < 4 << 30 and not readable(client):
                    client.sendall(b"100000\r\n" + block + b"\r\n" if b"chunked" in head else block)
                    sent += MIB
            except (BrokenPipeError, ConnectionResetError):
                pass
            answer = answer_to(client)
            assert answer.startswith(b"HTTP/1.1 413") or answer == b"", answer[:200]
            assert sent < 256 * MIB, "the daemon went on reading"
    after, most = resident(engine)
    assert most - before < 64 * MIB, f"{before >> 20} MiB before, at most {most >> 20} MiB"
    alive(docker)


def test_slow_clients_do_not_hold_others_up(docker):
    """A byte now and then: cut after the time that a header may take; meanwhile everybody else is served."""
    engine = docker.engine
    slow = [connect(engine) for _ in range(50)]
    for client in slow:
        client.sendall(b"GET /v1.47/version HT")
    began = time.monotonic()
    for _ in range(20):
        assert docker.raw("GET", "/version")[0] == 200
    assert time.monotonic() - began < 10
    for client in slow:
        answer = answer_to(client)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 408"), answer
        client.close()
    assert time.monotonic() - began < 60
    alive(docker)


def test_a_thousand_connections_at_once(docker):
    engine = docker.engine
    docker.raw("GET", "/info")
    before, _ = resident(engine)
    clients = [connect(engine) for _ in range(1000)]
    for client in clients:
        client.sendall(b"GET /v1.47/info HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    answers = [answer_to(client) for client in clients]
    for client in clients:
        client.close()
    assert all(a.startswith(b"HTTP/1.1 200") for a in answers), [a[:40] for a in answers if not a.startswith(b"HTTP/1.1 200")][:3]
    assert all(json.loads(a.split(b"\r\n\r\n", 1)[1])["Images"] == 1 for a in answers)
    _, most = resident(engine)
    assert most - before < 192 * MIB, f"{before >> 20} MiB before, at most {most >> 20} MiB"
    alive(docker)


def test_more_connections_than_there_may_be(docker):
    """Those beyond the limit are told to come back; when others leave, there is room again."""
    engine = docker.engine
    idle = [connect(engine) for _ in range(1100)]
    for client in idle:
        client.setblocking(False)
    deadline, refused = time.monotonic() + 60, []
    while not refused and time.monotonic() < deadline:
        refused = [client for client in idle[1000:] if readable(client) and client.recv(4096).startswith(b"HTTP/1.1 503")]
    assert refused
    for client in idle:
        client.close()
    while True:
        try:
            if docker.raw("GET", "/_ping")[0] == 200:
                break
        except (OSError, ValueError):
            pass
        assert time.monotonic() < deadline
    alive(docker)


def test_clients_that_vanish_in_the_middle(docker):
    engine = docker.engine
    for piece in (b"P", b"POST /v1.47/auth HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{", b"GET /v1.47/events HTTP/1.1\r\nHost: x\r\n\r\n", os.urandom(3000)):
        for _ in range(50):
            with connect(engine) as client:
                client.sendall(piece)
    deadline = time.monotonic() + 60
    while json.loads(docker.raw("GET", "/info")[2])["NEventsListener"] and time.monotonic() < deadline:
        time.sleep(0.05)  # each answer is the event that we wait for; there is none for a thread of the daemon that ends
    assert json.loads(docker.raw("GET", "/info")[2])["NEventsListener"] == 0
    alive(docker)
