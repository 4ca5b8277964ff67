"""Docker's python SDK, as it comes from Debian or PyPI, against our engine."""
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
