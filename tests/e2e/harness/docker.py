"""The engine as Docker's clients see it: an unmodified docker command line, and plain requests of the Engine API."""
import json
import os
import shutil
import subprocess

from harness.engine import DEADLINE, Failed, UnixConnection

PROGRAM = shutil.which("docker")  # PATH's first: a newer one than the distribution's when there is one


class Docker:
    def __init__(self, engine, program=PROGRAM):
        self.engine, self.program = engine, program
        self.config = engine.scratch / "docker-config"
        self.config.mkdir(exist_ok=True)
        self.env = {**os.environ, "DOCKER_HOST": f"unix://{engine.socket}", "DOCKER_CONFIG": str(self.config), "DOCKER_BUILDKIT": "0"}
        for name in ("DOCKER_API_VERSION", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"):
            self.env.pop(name, None)

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
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def api(self, method, path, body=None, headers=None, version="v1.47"):
        """One call of the Engine API: (status, decoded JSON or text). With version=None the path is taken as it is."""
        status, _, text = self.raw(method, path, body, headers, version)
        try:
            return status, json.loads(text) if text else None
        except ValueError:
            return status, text.decode(errors="replace")
