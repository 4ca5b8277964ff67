"""Debian's docker-registry on loopback inside an engine's network namespace."""
import crypt
import json
import pathlib
import socket
import subprocess
import time

import pytest

CONFIG = """version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {root}}}, delete: {{enabled: true}}}}
http: {{addr: {host}:{port}}}
"""


class Registry:
    def __init__(self, engine, port=5000, host="127.0.0.1", login=None):
        """login: (user, password) without which it answers nothing."""
        for program in ("docker-registry", "skopeo"):
            if subprocess.run(["which", program], capture_output=True).returncode:
                pytest.skip(f"{program} is not installed")
        self.engine, self.address = engine, f"{host}:{port}"
        folder = engine.scratch / "registry"
        folder.mkdir()
        config = folder / "config.yml"
        config.write_text(CONFIG.format(root=folder / "data", host=host, port=port))
        if login:
            (folder / "htpasswd").write_text(f"{login[0]}:{crypt.crypt(login[1], crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16))}\n")
            with config.open("a") as text:
                text.write(f"auth: {{htpasswd: {{realm: tests, path: {folder / 'htpasswd'}}}}}\n")
        self.process = subprocess.Popen(["nsenter", f"--net={engine.netns}", "docker-registry", "serve", str(config)], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while engine.inside("curl", *([] if login else ["-f"]), "-sS", f"http://{self.address}/v2/").returncode:
            assert self.process.poll() is None and time.monotonic() < deadline, "docker-registry does not answer"
            time.sleep(0.05)  # it tells nobody when it listens

    def skopeo(self, *args):
        done = self.engine.inside("skopeo", *args)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def digest(self, name):
        return json.loads(self.skopeo("inspect", "--tls-verify=false", f"docker://{self.address}/{name}"))["Digest"]

    def stop(self):
        self.process.terminate()
        self.process.wait(30)
