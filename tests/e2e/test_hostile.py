"""Hostile and broken input: a clear error, nothing lost, nothing left, the daemon alive."""
import json
import os
import socket
import subprocess

import pytest

from harness.images import busybox_image


def alive(engine):
    assert engine.daemon.poll() is None, engine.tail()
    assert engine.request("GET", "/v1/ping")[0] == 200


@pytest.mark.parametrize("body,part", [
    ("{", "not JSON"),
    ("[]", "object"),
    ('{"image": 5}', "image: 5 is not a string"),
    ('{"image": "x", "resources": {"memory": "12Q"}}', 'resources.memory: "12Q" is not a size'),
    ('{"image": "x", "imagine": 1}', "imagine: unknown field"),
    ('{"image": "x", "name": "../../etc"}', "name:"),
    ('{"image": "x", "env": {"A=B": "1"}}', "env"),
    ("[" * 100_000, "not JSON"),
])
def test_bad_workloads_are_refused_with_their_path(engine, body, part):
    status, answer = engine.request("POST", "/v1/workloads", body)
    assert status == 400 and answer["code"] == "invalid_argument" and part in answer["message"]
    alive(engine)


def test_a_workload_of_many_megabytes_is_refused(engine):
    try:
        status, _ = engine.request("POST", "/v1/workloads", '{"image": "' + "x" * (40 << 20) + '"}')
        assert status in (400, 413)
    except (BrokenPipeError, ConnectionResetError):
        pass  # the engine answered and hung up before all of it was sent
    alive(engine)


@pytest.mark.parametrize("name", ["a b", "a\n", "\x1b[31mred", "-a", "a/b", "", "x" * 300, "ünï"])
def test_names_with_strange_characters(engine, name):
    status, answer = engine.request("POST", "/v1/volumes", {"name": name})
    assert (status == 400) != (name == "" and status in (200, 201))
    assert "\x1b" not in json.dumps(answer, ensure_ascii=False)
    alive(engine)


def test_garbage_on_the_socket(engine):
    for garbage in (b"\0" * 1000, b"GET / HTTP/9.9\r\n\r\n", b"GET /" + b"a" * 100_000, b"POST /v1/workloads HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
                    b"POST /v1/workloads HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", os.urandom(5000)):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(30)
            client.connect(str(engine.socket))
            client.sendall(garbage)
            client.shutdown(socket.SHUT_WR)
            try:
                answer = client.recv(4096)
            except ConnectionResetError:
                answer = b""
            assert answer == b"" or answer.startswith((b"HTTP/1.1 4", b"HTTP/1.1 505"))
    alive(engine)


def test_unknown_paths_methods_and_parameters(engine):
    assert engine.request("GET", "/v1/nothing")[0] == 404
    assert engine.request("PATCH", "/v1/workloads")[0] == 405
    status, answer = engine.request("GET", "/v1/workloads?colour=red")
    assert status == 400 and "colour" in answer["message"]
    assert engine.request("GET", "/v1/workloads/no-such")[0] == 404


@pytest.fixture
def small_engine(bin_dir, make_engine):
    """An engine whose data folder is on a file system of 64 MiB."""
    engine = make_engine()
    engine.stop()
    engine.data.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", engine.data], check=True)
    engine.start()
    yield engine
    for item in engine.request("GET", "/v1/workloads?all=true")[1]["items"]:
        engine.request("DELETE", f"/v1/workloads/{item['metadata']['uid']}?force=true")
    engine.stop()
    subprocess.run(["umount", "-l", engine.data], check=True)
    engine.start()


def test_a_full_disk_while_loading_an_image(small_engine):
    engine = small_engine
    big = busybox_image(engine.scratch / "big.tar", name="big", extra={"data/fill": os.urandom(100 << 20)})
    done = engine.cli("image", "load", "-i", big)
    assert done.returncode != 0 and "No space left" in done.stderr
    alive(engine)
    free = os.statvfs(engine.data)
    assert free.f_bavail * free.f_frsize > 50 << 20, "the failed load left its bytes behind"
    engine.ok("image", "load", "-i", busybox_image(engine.scratch / "box.tar"))
    assert engine.ok("run", "--rm", "--network", "none", "box", "echo", "still") == "still"


def test_a_full_disk_while_committing_and_logging(small_engine):
    engine = small_engine
    engine.ok("image", "load", "-i", busybox_image(engine.scratch / "box.tar"))
    engine.ok("run", "-d", "--name", "w", "--network", "none", "box", "sh", "-c", "dd if=/dev/urandom of=/fill bs=1M count=35; while :; do echo line; sleep 0.05; done")
    for _ in range(600):
        if "line" in engine.cli("logs", "--tail", "1", "w").stdout:
            break
    done = engine.cli("commit", "w", "too-big")
    assert done.returncode != 0 and "No space left" in done.stderr
    assert "too-big" not in engine.ok("image", "ls")
    alive(engine)
    # A workload that fills the rest itself goes on, and so does everything else.
    engine.cli("exec", "w", "sh", "-c", "cat /dev/zero >/rest")
    assert engine.phase("w") == "running"
    engine.ok("exec", "w", "rm", "/rest")
    assert engine.ok("exec", "w", "echo", "in") == "in"


def test_a_corrupt_store_is_named_and_left_alone(engine):
    engine.stop()
    database = next(engine.data.glob("*.db"), None)
    names = [p for p in engine.data.glob("*.db") if p.name != "images.db"]
    database = names[0]
    before = database.read_bytes()
    damaged = b"not a database at all" * 500
    database.write_bytes(damaged)
    engine.start(wait=False)
    assert engine.daemon.wait(30) != 0
    assert database.name in engine.tail() and database.read_bytes() == damaged
    for extra in engine.data.glob(database.name + "-*"):
        extra.unlink()
    database.write_bytes(before)
    engine.start()
    alive(engine)


def test_many_connections_at_once(engine):
    import resource
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    clients = []
    try:
        for _ in range(1100):
            client = socket.socket(socket.AF_UNIX)
            client.settimeout(30)
            client.connect(str(engine.socket))
            clients.append(client)
        for client in clients:
            client.close()
        clients.clear()
        alive(engine)
    finally:
        for client in clients:
            client.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
