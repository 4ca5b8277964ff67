"""Docker's python SDK, as it comes from Debian or PyPI, against our engine."""
import socket

import pytest

sdk = pytest.importorskip("docker", reason="there is no python SDK here (package python3-docker)")
pytestmark = pytest.mark.skipif(not hasattr(sdk, "DockerClient"), reason="the module docker is something else")


@pytest.fixture
def client(docker):
    made = sdk.DockerClient(base_url=f"unix://{docker.socket}", version="auto", timeout=60)
    yield made
    made.close()


def test_C14_run_logs_wait_and_errors(client):
    assert client.containers.run("box", "echo hello", remove=True) == b"hello\n"
    with pytest.raises(sdk.errors.ContainerError) as raised:
        client.containers.run("box", ["sh", "-c", "echo oops >&2; exit 3"], stderr=True, remove=True)
    assert raised.value.exit_status == 3 and b"oops" in raised.value.stderr
    with pytest.raises(sdk.errors.NotFound):
        client.containers.get("nobody")
    c = client.containers.run("box", ["sh", "-c", "echo one; echo two >&2; exit 5"], detach=True, name="c", environment={"A": "b"}, labels=["x"])
    assert c.wait()["StatusCode"] == 5
    assert c.logs(stdout=True, stderr=False) == b"one\n" and c.logs(stdout=False, stderr=True) == b"two\n"
    c.reload()
    assert c.status == "exited" and c.labels == {"x": ""} and "A=b" in c.attrs["Config"]["Env"]
    c.remove()


def test_C14_exec_and_attach(client):
    c = client.containers.run("box", ["sh", "-c", "while read line; do echo got $line; done"], detach=True, stdin_open=True, name="c")
    code, output = c.exec_run(["sh", "-c", "echo out; echo err >&2; exit 4"], demux=True)
    assert code == 4 and output == (b"out\n", b"err\n")
    assert c.exec_run("id -u", user="alice").output == b"1000\n"
    attached = c.attach_socket(params={"stdin": 1, "stdout": 1, "stream": 1})
    raw = getattr(attached, "_sock", attached)
    raw.sendall(b"hello\n")
    raw.shutdown(socket.SHUT_WR)
    raw.settimeout(30)
    heard = b""
    while b"got hello\n" not in heard:
        heard += raw.recv(4096)
    assert heard[:1] == b"\1"  # framed: standard output
    attached.close()
    c.remove(force=True)


def test_C14_lists_stats_and_lifecycle(client):
    c = client.containers.run("box", "sleep 1000", detach=True, name="one", labels={"role": "a"}, mem_limit="64m")
    other = client.containers.create("box", "true", name="two")
    assert [x.name for x in client.containers.list()] == ["one"]
    assert {x.name for x in client.containers.list(all=True)} == {"one", "two"}
    assert [x.name for x in client.containers.list(all=True, filters={"status": "created"})] == ["two"]
    assert [x.name for x in client.containers.list(filters={"label": "role=a"})] == ["one"]
    stats = c.stats(stream=False)
    assert stats["memory_stats"]["limit"] == 64 << 20 and stats["cpu_stats"]["cpu_usage"]["total_usage"] > 0
    assert any("sleep" in row[-1] for row in c.top()["Processes"])
    c.pause()
    c.reload()
    assert c.status == "paused"
    c.unpause()
    c.restart(timeout=0)
    c.rename("uno")
    c.reload()
    assert c.name == "uno" and c.status == "running"
    c.kill()
    assert c.wait()["StatusCode"] == 137
    other.remove()
    c.remove(v=True, force=True)
    assert client.containers.list(all=True) == []


def test_C14_networks_and_volumes(client):
    pool = sdk.types.IPAMPool(subnet="10.91.0.0/24", gateway="10.91.0.1", aux_addresses={"nas": "10.91.0.2"})
    net = client.networks.create("net", driver="bridge", ipam=sdk.types.IPAMConfig(pool_configs=[pool]), labels={"a": "b"})
    volume = client.volumes.create("vol", labels={"c": "d"})
    c = client.containers.run("box", "sleep 1000", detach=True, network="net", volumes={"vol": {"bind": "/data", "mode": "rw"}})
    net.reload()
    assert [x.id for x in net.containers] == [c.id]
    assert net.attrs["Containers"][c.id]["IPv4Address"] == "10.91.0.3/24"  # the second is the nas's
    assert [n.name for n in client.networks.list(names=["^net$"])] == ["net"] and client.networks.get(net.id).name == "net"
    other = client.networks.create("other", internal=True)
    other.connect(c, aliases=["it"])
    c.reload()
    assert set(c.attrs["NetworkSettings"]["Networks"]) == {"net", "other"}
    other.disconnect(c)
    with pytest.raises(sdk.errors.APIError) as raised:
        volume.remove()
    assert raised.value.status_code == 409 and "volume is in use" in raised.value.explanation
    c.remove(force=True)
    volume.remove()
    assert client.volumes.list() == []
    assert sorted(client.networks.prune()["NetworksDeleted"]) == ["net", "other"]


def test_C14_events(client):
    events = client.events(decode=True, filters={"type": "container"})
    client.containers.run("box", "true", name="short", remove=True)
    seen = []
    for event in events:
        seen.append(event["Action"])
        assert event["Actor"]["Attributes"]["name"] == "short"
        if event["Action"] == "destroy":
            break
    events.close()
    assert [a for a in seen if a in ("create", "start", "die", "destroy")] == ["create", "start", "die", "destroy"]
