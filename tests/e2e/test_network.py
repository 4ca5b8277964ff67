"""C11: bridge networks, names, published ports, isolation."""
import json

import pytest

SERVE = "mkdir /w; echo {text} >/w/index.html; exec httpd -f -p {port} -h /w"


def serve(box, name, *flags, text="hello", port=80):
    box.ok("run", "-d", "--name", name, *flags, "box", "sh", "-c", SERVE.format(text=text, port=port))


def fetch(box, url, source=None):
    """The page at http://HOST[:PORT]/ as a workload sees it (busybox nc: its static wget cannot resolve), or as the host does."""
    host, _, port = url.removeprefix("http://").rstrip("/").partition(":")
    for _ in range(200):  # nobody tells when httpd listens: refused means not yet
        if source:
            done = box.cli("exec", source, "sh", "-c", f"printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 3 {host} {port or 80}")
        else:
            done = box.inside("curl", "-fsS", "--max-time", "3", url)
        if done.returncode == 0 and done.stdout:
            return done.stdout.strip().splitlines()[-1]
        if "refused" not in done.stderr.lower() and done.returncode not in (7, 56):  # curl: no connection, reset
            break
    return None


def test_C11_names_resolve_on_their_network(box):
    box.ok("network", "create", "front")
    serve(box, "web", "--network", "front", "--network-alias", "www")
    box.ok("run", "-d", "--name", "client", "--network", "front", "box", "sleep", "1000")
    assert fetch(box, "http://web/", "client") == "hello"
    assert fetch(box, "http://www/", "client") == "hello"
    assert box.cli("exec", "client", "nslookup", "no-such-name").returncode != 0


def test_C11_published_port_from_the_host_and_from_neighbours(box):
    serve(box, "web", "-p", "18080:80", "-p", "127.0.0.1:18081:80")
    assert fetch(box, "http://127.0.0.1:18080/") == "hello"
    assert fetch(box, "http://127.0.0.1:18081/") == "hello"
    gateway = box.inspect("web")["status"]["networks"][0]["gateway"]
    box.ok("run", "-d", "--name", "client", "box", "sleep", "1000")
    assert fetch(box, f"http://{gateway}:18080/", "client") == "hello"
    assert box.ok("port", "web", "80") .splitlines()[0].endswith(":18080")
    done = box.cli("run", "-d", "--name", "second", "-p", "18080:80", "box", "sleep", "1000")
    assert done.returncode == 125 and "18080" in done.stderr


def test_C11_two_networks_are_isolated(box):
    box.ok("network", "create", "one")
    box.ok("network", "create", "two")
    serve(box, "web", "--network", "one")
    address = box.inspect("web")["status"]["networks"][0]["ip"]
    box.ok("run", "-d", "--name", "client", "--network", "two", "box", "sleep", "1000")
    assert fetch(box, f"http://{address}/", "client") is None
    assert box.cli("exec", "client", "nslookup", "web").returncode != 0
    box.ok("network", "connect", "one", "client")
    assert fetch(box, "http://web/", "client") == "hello"
    box.ok("network", "disconnect", "one", "client")
    assert fetch(box, f"http://{address}/", "client") is None


def test_C11_none_host_and_container_modes(box):
    assert box.ok("run", "--rm", "--network", "none", "box", "ls", "/sys/class/net") == "lo"
    host = box.inside("ip", "-o", "link").stdout.count("\n")
    assert len(box.ok("run", "--rm", "--network", "host", "box", "ls", "/sys/class/net").split()) == host
    serve(box, "web", port=8000)
    assert fetch(box, "http://127.0.0.1:8000/", "web") == "hello"
    box.ok("run", "-d", "--name", "side", "--network", "container:web", "box", "sleep", "1000")
    assert fetch(box, "http://127.0.0.1:8000/", "side") == "hello"


def test_C11_fixed_address_hosts_and_resolver(box):
    box.ok("network", "create", "--subnet", "10.99.7.0/24", "fixed")
    out = box.ok("run", "--rm", "--network", "fixed", "--ip", "10.99.7.77", "--hostname", "h1", "--add-host", "db:10.9.9.9", "--dns", "10.99.7.5",
                 "--dns-search", "example.org", "box", "sh", "-c", "hostname; ip -o -4 addr show eth0; cat /etc/hosts /etc/resolv.conf")
    assert "h1" in out and "10.99.7.77/24" in out and "10.9.9.9\tdb" in out.replace(" ", "\t") and "nameserver 10.99.7.5" in out and "example.org" in out
    done = box.cli("network", "rm", "no-such")
    assert done.returncode == 1
    box.ok("run", "-d", "--name", "w", "--network", "fixed", "box", "sleep", "1000")
    done = box.cli("network", "rm", "fixed")
    assert done.returncode == 1 and "w" in done.stderr
    box.ok("rm", "-f", "w")
    box.ok("network", "rm", "fixed")
    assert "fixed" not in box.ok("network", "ls", "-q")


def test_C11_internal_network_has_no_way_out(box):
    box.ok("network", "create", "--internal", "back")
    routes = box.ok("run", "--rm", "--network", "back", "box", "ip", "route")
    assert "default" not in routes


def test_networks_survive_a_daemon_crash(box):
    serve(box, "web", "-p", "18080:80")
    box.ok("run", "-d", "--name", "client", "box", "sleep", "1000")
    assert fetch(box, "http://web/", "client") == "hello"
    box.kill9()
    assert fetch(box, "http://127.0.0.1:18080/") == "hello"
    box.start()
    assert fetch(box, "http://web/", "client") == "hello"
    assert fetch(box, "http://127.0.0.1:18080/") == "hello"
