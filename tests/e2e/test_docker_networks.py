"""Networks and volumes through the docker command line and the Engine API."""
import json
import re

HEX64 = re.compile(r"^[0-9a-f]{64}$")


def networks(docker, **filters):
    path = "/networks" + (f"?filters={json.dumps(filters)}" if filters else "")
    status, answer = docker.api("GET", path.replace('"', "%22").replace(" ", ""))
    assert status == 200, answer
    return {n["Name"]: n for n in answer}


def message(answer, status):
    assert answer[0] == status, answer
    return answer[1]["message"]


def test_C12_predefined_networks_are_there_and_stay(docker):
    found = networks(docker)
    assert {name: n["Driver"] for name, n in found.items()} == {"bridge": "bridge", "host": "host", "none": "null"}
    assert all(HEX64.match(n["Id"]) for n in found.values()) and len({n["Id"] for n in found.values()}) == 3
    assert found["bridge"]["IPAM"]["Config"][0]["Gateway"] and found["bridge"]["Options"]["com.docker.network.bridge.default_bridge"] == "true"
    assert networks(docker) == found  # the same IDs the next time
    docker.engine.restart()
    assert networks(docker) == found
    for name in ("bridge", "host", "none"):
        assert "is a pre-defined network and cannot be removed" in message(docker.api("DELETE", f"/networks/{name}"), 403)
        assert "operation is not permitted on predefined" in message(docker.api("POST", "/networks/create", {"Name": name}), 403)


def test_C12_create_inspect_remove(docker):
    made = docker.ok("network", "create", "--subnet", "10.77.0.0/24", "--gateway", "10.77.0.9", "--ip-range", "10.77.0.128/25",
                     "--aux-address", "printer=10.77.0.128", "--label", "tier=back", "-o", "com.docker.network.driver.mtu=1400", "own")
    assert HEX64.match(made)
    [found] = json.loads(docker.ok("network", "inspect", "own"))
    assert found["Id"] == made and found["Driver"] == "bridge" and found["Scope"] == "local"
    assert found["IPAM"]["Config"] == [{"Subnet": "10.77.0.0/24", "IPRange": "10.77.0.128/25", "Gateway": "10.77.0.9",
                                        "AuxiliaryAddresses": {"printer": "10.77.0.128"}}]
    assert found["Options"] == {"com.docker.network.driver.mtu": "1400"} and found["Labels"] == {"tier": "back"} and found["Containers"] == {}
    assert json.loads(docker.ok("network", "inspect", made[:10]))[0]["Name"] == "own"
    assert "network with name own already exists" in docker.cli("network", "create", "own").stderr
    # The first automatic address is the first of the range that is not kept for the printer.
    docker.engine.ok("run", "-d", "--name", "a", "--network", "own", "box", "sleep", "1000")
    [found] = json.loads(docker.ok("network", "inspect", "own"))
    [(uid, place)] = found["Containers"].items()
    assert uid == docker.engine.inspect("a")["metadata"]["uid"] and place["Name"] == "a" and place["IPv4Address"] == "10.77.0.129/24"
    assert place["EndpointID"] == docker.engine.inspect("a")["status"]["networks"][0]["endpointId"] and HEX64.match(place["EndpointID"])
    assert re.search(r'network own has active endpoints \(name:"a"', message(docker.api("DELETE", "/networks/own"), 403))
    docker.engine.ok("rm", "-f", "a")
    assert docker.ok("network", "rm", "own") == "own"
    assert message(docker.api("GET", "/networks/own"), 404) == "network own not found"


def test_C12_connect_and_disconnect(docker):
    docker.ok("network", "create", "--subnet", "10.78.0.0/24", "one")
    docker.ok("network", "create", "two")
    docker.engine.ok("run", "-d", "--name", "srv", "box", "sleep", "1000")
    docker.engine.ok("run", "-d", "--name", "client", "--network", "one", "box", "sleep", "1000")
    docker.ok("network", "connect", "--alias", "db", "--ip", "10.78.0.50", "one", "srv")
    assert docker.engine.ok("exec", "client", "nslookup", "db").count("10.78.0.50") == 1
    assert "already exists in network one" in message(docker.api("POST", "/networks/one/connect", {"Container": "srv"}), 403)
    docker.ok("network", "disconnect", "one", "srv")
    assert "is not connected to network one" in message(docker.api("POST", "/networks/one/disconnect", {"Container": "srv"}), 403)
    # The last network can be left, too; loopback alone remains, until it joins another.
    docker.ok("network", "disconnect", "bridge", "srv")
    assert docker.engine.ok("exec", "srv", "ls", "/sys/class/net") == "lo"
    docker.ok("network", "connect", "two", "srv")
    assert docker.engine.ok("exec", "srv", "ls", "/sys/class/net").split() == ["eth0", "lo"]
    assert message(docker.api("POST", "/networks/two/connect", {"Container": "nobody"}), 404) == "No such container: nobody"
    assert message(docker.api("POST", "/networks/nowhere/connect", {"Container": "srv"}), 404) == "network nowhere not found"
    assert "must be created in host network mode" in message(docker.api("POST", "/networks/host/connect", {"Container": "srv"}), 400)
    assert "Links" in message(docker.api("POST", "/networks/one/connect", {"Container": "srv", "EndpointConfig": {"Links": ["a:b"]}}), 501)
    assert docker.api("POST", "/networks/one/disconnect", {"Container": "nobody", "Force": True})[0] == 200


def test_C12_filters_and_prune(docker):
    docker.ok("network", "create", "--label", "a=1", "used")
    docker.ok("network", "create", "--label", "a=2", "idle")
    docker.engine.ok("run", "-d", "--name", "u", "--network", "used", "box", "sleep", "1000")
    everything = networks(docker)
    assert set(networks(docker, name=["us"])) == {"used"} and set(networks(docker, name=["^id"])) == {"idle"}
    assert set(networks(docker, id=[everything["idle"]["Id"][:12]])) == {"idle"}
    assert set(networks(docker, driver=["host", "null"])) == {"host", "none"}
    assert set(networks(docker, type=["custom"])) == {"used", "idle"} and set(networks(docker, type=["builtin"])) == {"bridge", "host", "none"}
    assert set(networks(docker, label=["a"])) == {"used", "idle"} and set(networks(docker, label=["a=2"])) == {"idle"}
    assert set(networks(docker, dangling=["true"])) == {"idle"} and "idle" not in networks(docker, dangling=["false"])
    assert networks(docker, scope=["swarm"]) == {}
    assert "invalid filter" in message(docker.api("GET", "/networks?filters={%22colour%22:[%22x%22]}"), 400)
    assert docker.api("POST", "/networks/prune?filters={%22label%22:[%22a=1%22]}") == (200, {"NetworksDeleted": []})
    assert docker.api("POST", "/networks/prune") == (200, {"NetworksDeleted": ["idle"]})
    assert set(networks(docker, type=["custom"])) == {"used"}


def test_C12_what_the_engine_does_not_have_is_refused_by_name(docker):
    create = lambda **body: docker.api("POST", "/networks/create", {"Name": "n", **body})
    assert 'plugin "macvlan" not found' in message(create(Driver="macvlan"), 404)
    assert "Ingress" in message(create(Ingress=True), 501)
    assert "ConfigOnly" in message(create(ConfigOnly=True), 501)
    assert "com.example.colour" in message(create(Options={"com.example.colour": "red"}), 400)
    assert "Colour" in message(create(Colour="red"), 400)
    assert create(Colour=None, Peers=[])[0] == 201  # newer clients send members that say nothing
    assert "multiple subnets" in message(docker.api("POST", "/networks/create", {"Name": "m", "IPAM": {"Config": [
        {"Subnet": "10.79.0.0/24"}, {"Subnet": "10.80.0.0/24"}]}}), 403)
    assert set(networks(docker, type=["custom"])) == {"n"}
