"""Debian's docker-compose 1.29, which nobody changed for us, against our engine."""
import re
import shutil
import subprocess

import pytest

from harness.engine import DEADLINE, Failed

PROGRAM = shutil.which("docker-compose")
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="there is no docker-compose here (package docker-compose)")

FILE = """
version: "3.8"
services:
  db:
    image: box
    command: ["sh", "-c", "sleep 0.5; touch /state/ready; exec httpd -f -p 8000 -h /state"]
    volumes: ["state:/state"]
    networks: {back: {aliases: [store]}}
    healthcheck: {test: ["CMD", "test", "-f", "/state/ready"], interval: 200ms, timeout: 5s, retries: 100}
    environment: {ROLE: "database"}
  web:
    image: box
    command: ["sh", "-c", "wget -qO /tmp/got http://store:8000/ready && echo got it from store; exec httpd -f -p 80 -h /tmp"]
    depends_on: {db: {condition: service_healthy}}
    networks: [back, front]
    ports: ["127.0.0.1:18080:80"]
    secrets: [token]
    configs: [{source: motd, target: /etc/motd}]
  probe:
    image: box
    command: ["sleep", "1000"]
    depends_on: [web]
    networks: [front]
    stop_grace_period: 1s
networks: {front: {}, back: {internal: true}}
volumes: {state: {labels: {kind: data}}}
secrets: {token: {file: ./token.txt}}
configs: {motd: {file: ./motd.txt}}
"""


class Compose:
    def __init__(self, docker, folder):
        self.docker, self.folder = docker, folder
        (folder / "token.txt").write_text("hush\n")
        (folder / "motd.txt").write_text("welcome\n")
        self.write(FILE)
        self.env = {**docker.env, "COMPOSE_PROJECT_NAME": "shop", "COMPOSE_HTTP_TIMEOUT": str(DEADLINE),
                    # Asked for a newer version it fails when it makes a container anew, with Docker 25 and later as with us: it reads what 1.45 took away.
                    "COMPOSE_API_VERSION": "1.44"}

    def write(self, text):
        # docker-compose alone knows no swarm's configs: they are what its later versions mount as files.
        text = text.replace("    configs: [{source: motd, target: /etc/motd}]\n", '    volumes: ["./motd.txt:/etc/motd:ro"]\n')
        (self.folder / "docker-compose.yml").write_text(text.replace("configs: {motd: {file: ./motd.txt}}\n", ""))

    def cli(self, *args, timeout=2 * DEADLINE):
        return subprocess.run([*self.docker.engine.enter(), PROGRAM, "--ansi", "never", *args], cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=timeout)

    def ok(self, *args, **kwargs):
        done = self.cli(*args, **kwargs)
        if done.returncode != 0:
            raise Failed(f"docker-compose {' '.join(args)}: exit {done.returncode}\n{done.stdout}{done.stderr}\n-- daemon --\n{self.docker.engine.tail()}")
        return done.stdout + done.stderr


@pytest.fixture
def compose(docker, tmp_path):
    return Compose(docker, tmp_path)


def containers(docker, *filters):
    return sorted(docker.ok("ps", "-a", "--format", "{{.Names}}", *[x for f in filters for x in ("--filter", f)]).split())


def test_C15_three_services_from_up_to_down(compose, docker):
    docker.ok("network", "create", "mine")
    docker.ok("volume", "create", "mine")
    compose.ok("up", "-d")
    listed = compose.ok("ps")
    assert len(re.findall(r"shop_(?:db|web|probe)_1 .* Up", listed)) == 3 and "Up (healthy)" in listed and "127.0.0.1:18080->80/tcp" in listed, listed
    assert containers(docker, "label=com.docker.compose.project=shop") == ["shop_db_1", "shop_probe_1", "shop_web_1"]
    # web was started when db was healthy, and found it by its alias
    assert "got it from store" in compose.ok("logs", "web")
    assert docker.engine.inside("curl", "-sf", "--retry", "20", "--retry-connrefused", "http://127.0.0.1:18080/got").returncode == 0
    # exec, secrets and files
    assert compose.ok("exec", "-T", "web", "cat", "/run/secrets/token", "/etc/motd") == "hush\nwelcome\n"
    assert compose.ok("exec", "-T", "db", "sh", "-c", "echo $ROLE") == "database\n"
    assert compose.cli("exec", "-T", "db", "sh", "-c", "exit 7").returncode == 7
    # names: of services, only in networks that are shared
    assert compose.ok("exec", "-T", "probe", "wget", "-qO-", "http://web/got") == ""
    assert compose.cli("exec", "-T", "probe", "nslookup", "db").returncode != 0
    # restart, scale
    before = docker.inspect("shop_probe_1")["State"]["StartedAt"]
    compose.ok("restart", "-t", "0", "probe")
    assert docker.inspect("shop_probe_1")["State"]["StartedAt"] > before
    compose.ok("up", "-d", "--no-recreate", "--scale", "probe=3")
    assert containers(docker, "label=com.docker.compose.service=probe", "status=running") == ["shop_probe_1", "shop_probe_2", "shop_probe_3"]
    compose.ok("up", "-d", "--scale", "probe=1")
    assert containers(docker, "label=com.docker.compose.service=probe") == ["shop_probe_1"]
    # down takes everything of the project, and nothing else
    compose.ok("down", "-v", "-t", "1")
    assert containers(docker) == []
    assert docker.ok("network", "ls", "--filter", "type=custom", "--format", "{{.Name}}") == "mine"
    assert docker.ok("volume", "ls", "-q") == "mine"


def test_C15_only_what_changed_is_made_anew(compose, docker):
    compose.ok("up", "-d")
    first = {name: docker.inspect(name)["Id"] for name in ("shop_db_1", "shop_web_1", "shop_probe_1")}
    docker.ok("exec", "shop_db_1", "sh", "-c", "echo kept > /state/data")
    assert "up-to-date" in compose.ok("up", "-d")
    assert {name: docker.inspect(name)["Id"] for name in first} == first
    compose.write(FILE.replace('"database"', '"store"'))
    compose.ok("up", "-d", "-t", "1")
    second = {name: docker.inspect(name)["Id"] for name in first}
    assert second["shop_db_1"] != first["shop_db_1"] and second["shop_probe_1"] == first["shop_probe_1"]
    assert compose.ok("exec", "-T", "db", "cat", "/state/data") == "kept\n"
    assert compose.ok("exec", "-T", "db", "sh", "-c", "echo $ROLE") == "store\n"
    compose.ok("down", "-v", "-t", "1")


def test_C15_one_off_runs_stop_kill_and_events(compose, docker):
    compose.ok("up", "-d", "db")
    assert compose.ok("run", "--rm", "-T", "--no-deps", "probe", "echo", "one off").count("one off") == 1
    compose.ok("stop", "-t", "0")
    assert containers(docker, "status=exited") == ["shop_db_1"]
    compose.ok("start")
    compose.ok("pause", "db")
    assert docker.inspect("shop_db_1")["State"]["Paused"]
    compose.ok("unpause", "db")
    compose.ok("kill", "-s", "KILL", "db")
    assert docker.inspect("shop_db_1")["State"]["ExitCode"] == 137
    assert "shop_db_1" in compose.ok("rm", "-f")
    assert compose.ok("config", "--services").split() == ["db", "web", "probe"]
    compose.ok("down", "-v", "-t", "1")
