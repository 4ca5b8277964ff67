"""The engine as Docker's clients see it: an unmodified docker command line, and plain requests of the Engine API."""
import json
import os
import shutil
import subprocess

from harness import openapi, proxy
from harness.engine import DEADLINE, Failed, UnixConnection

PROGRAM = shutil.which("docker")  # PATH's first: a newer one than the distribution's when there is one


class Docker:
    """`socket` is where clients are to be pointed: all that is answered there is checked against the API's description when the test ends."""

    def __init__(self, engine, program=PROGRAM):
        self.engine, self.program = engine, program
        self.problems = []
        self.socket = engine.scratch / "docker.sock"
        self.proxy = proxy.Proxy(self.socket, engine.socket)
        engine.observers.append(self.close)
        self.config = engine.scratch / "docker-config"
        self.config.mkdir(exist_ok=True)
        self.env = {**os.environ, "DOCKER_HOST": f"unix://{self.socket}", "DOCKER_CONFIG": str(self.config), "DOCKER_BUILDKIT": "0"}
        for name in ("DOCKER_API_VERSION", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"):
            self.env.pop(name, None)

    def close(self):
        """Ends what was still open, and returns what was answered otherwise than the description says, each problem once."""
        self.proxy.close()
        for record in self.proxy.connections:
            self.problems += proxy.check(record)
        return list(dict.fromkeys(self.problems))

    def command(self, *args):
        """argv of a docker call inside the engine's network namespace."""
        return [*self.engine.enter(), self.program, *map(str, args)]

    def cli(self, *args, input=None, timeout=DEADLINE, env=None, **kwargs):
        """Runs docker; never raises for its exit status."""
        return subprocess.run(self.command(*args), **{"input": input, "capture_output": True, "text": True, "timeout": timeout,
                                                      "env": {**self.env, **(env or {})}, **kwargs})

    def ok(self, *args, **kwargs):
        """Runs docker, which must succeed; returns what it printed, without the last newline."""
        done = self.cli(*args, **kwargs)
        if done.returncode != 0:
            raise Failed(f"docker {' '.join(map(str, args))}: exit {done.returncode}\n{done.stdout}{done.stderr}\n-- daemon --\n{self.engine.tail()}")
        return done.stdout.removesuffix("\n")

    def spawn(self, *args, **kwargs):
        """Starts docker and leaves it running."""
        return subprocess.Popen(self.command(*args), **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE,
                                                        "env": self.env, **kwargs})

    def inspect(self, name):
        return json.loads(self.ok("inspect", name))[0]

    def raw(self, method, path, body=None, headers=None, version="v1.47"):
        """One call of the Engine API as it travels: (status, headers, bytes)."""
        connection = UnixConnection(self.engine.socket)
        try:
            data = json.dumps(body) if isinstance(body, (dict, list)) else body
            connection.request(method, path if version is None else f"/{version}{path}", data, {"Content-Type": "application/json", **(headers or {})})
            response = connection.getresponse()
            answer = response.status, response.headers, response.read()
            self.problems += openapi.check_exchange(method, path if version is None else f"/{version}{path}", response.status,
                                                    response.headers.get("Content-Type", ""), answer[2])
            return answer
        finally:
            connection.close()

    def api(self, method, path, body=None, headers=None, version="v1.47"):
        """One call of the Engine API: (status, decoded JSON or text). With version=None the path is taken as it is."""
        status, _, text = self.raw(method, path, body, headers, version)
        try:
            return status, json.loads(text) if text else None
        except ValueError:
            return status, text.decode(errors="replace")
