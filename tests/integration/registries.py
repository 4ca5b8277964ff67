"""Registries for the tests of the registry client: Debian's docker-registry, a token server for it, a scripted one, and images to put in."""
import base64
import contextlib
import gzip
import hashlib
import http.server
import io
import json
import os
import pathlib
import random
import shutil
import socket
import ssl
import subprocess
import tarfile
import threading
import time
import urllib.parse

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
ENVIRONMENT = {**os.environ, "no_proxy": "*", "NO_PROXY": "*"}


def driver_path():
    top = pathlib.Path(__file__).resolve().parents[2]
    named = os.environ.get("FULCRUM_BIN_DIR")
    folders = [pathlib.Path(named)] if named else []
    folders += [top / f"build/{preset}/bin" for preset in ("dev", "asan", "tsan")]
    return next((folder / "registry_driver" for folder in folders if (folder / "registry_driver").exists()), None)


class DriverError(Exception):
    def __init__(self, error):
        super().__init__(f"{error['code']}: {error['message']}")
        self.code, self.message = error["code"], error["message"]


def drive(*arguments, env=None, timeout=60):
    """Runs the driver. Quick retries, so that tests of failures do not last; later options win."""
    command = [str(driver_path()), "--retry-base", "20", "--retry-cap", "100", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, env={**ENVIRONMENT, **(env or {})})
    if done.returncode not in (0, 1) or done.stderr:
        raise AssertionError(f"driver: status {done.returncode}: {done.stderr[-3000:]}")
    answer = json.loads(done.stdout)
    if "error" in answer:
        raise DriverError(answer["error"])
    return answer


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def blob_files(store):
    """Digests that a content store folder shows, each checked against its bytes."""
    out = set()
    for path in pathlib.Path(store).glob("blobs/sha256/*"):
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name, f"{path} is corrupt"
        out.add("sha256:" + path.name)
    return out


def stray_files(store):
    """Every other file below a store: partial blobs, debris."""
    return sorted(str(p.relative_to(store)) for p in pathlib.Path(store).rglob("*") if p.is_file() and "blobs" not in p.parts)


class Image:
    """An image in memory: blobs by digest, the manifest's bytes and digest."""

    def __init__(self, layers=3, seed=None, size=20_000, architecture="amd64", variant=None):
        rng = random.Random(seed if seed is not None else os.urandom(8))
        self.blobs, descriptors, diff_ids = {}, [], []
        for number in range(layers):
            tar = io.BytesIO()
            with tarfile.open(fileobj=tar, mode="w") as out:
                info = tarfile.TarInfo(f"file{number}")
                info.size = size
                out.addfile(info, io.BytesIO(rng.randbytes(size)))
            diff_ids.append(sha256(tar.getvalue()))
            descriptors.append(self._add(gzip.compress(tar.getvalue(), mtime=0, compresslevel=1), OCI_LAYER))
        platform = {"architecture": architecture, "os": "linux", **({"variant": variant} if variant else {})}
        config = {**platform, "config": {"Cmd": ["sh"]}, "rootfs": {"type": "layers", "diff_ids": diff_ids},
                  "history": [{"created_by": f"layer {i}"} for i in range(layers)]}
        self.config = self._add(json.dumps(config).encode(), OCI_CONFIG)
        self.layers = descriptors
        document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": self.config, "layers": descriptors}
        self.manifest = json.dumps(document, indent=3).encode()  # odd on purpose: bytes must travel as they are
        self.digest = sha256(self.manifest)
        self.media_type = OCI_MANIFEST
        self.descriptor = {"mediaType": OCI_MANIFEST, "digest": self.digest, "size": len(self.manifest), "platform": platform}

    def _add(self, data, media_type):
        self.blobs[sha256(data)] = data
        return {"mediaType": media_type, "digest": sha256(data), "size": len(data)}


class Index:
    """A multi-architecture index over images."""

    def __init__(self, images):
        self.images = images
        self.manifest = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [i.descriptor for i in images]}).encode()
        self.digest, self.media_type = sha256(self.manifest), OCI_INDEX


def write_layout(path, target, tag):
    """An OCI layout folder, as umoci and skopeo read it."""
    path = pathlib.Path(path)
    (path / "blobs/sha256").mkdir(parents=True)
    (path / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    images = target.images if isinstance(target, Index) else [target]
    blobs = {target.digest: target.manifest}
    for image in images:
        blobs |= image.blobs | {image.digest: image.manifest}
    for digest, data in blobs.items():
        (path / "blobs/sha256" / digest.split(":")[1]).write_bytes(data)
    entry = {"mediaType": target.media_type, "digest": target.digest, "size": len(target.manifest),
             "annotations": {"org.opencontainers.image.ref.name": tag}}
    (path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    return path


def skopeo(*arguments, env=None):
    done = subprocess.run(["skopeo", "--insecure-policy", *map(str, arguments)], capture_output=True, timeout=120, env={**ENVIRONMENT, **(env or {})})
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return done.stdout


class RealRegistry:
    """docker-registry on a port of its own, with file storage in a folder of its own."""

    def __init__(self, folder, auth=None, tls=None, proxy_host=None):
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        config = {"version": 0.1, "log": {"level": "info", "formatter": "json"},
                  "storage": {"filesystem": {"rootdirectory": str(folder / "data")}, "delete": {"enabled": True}},
                  "http": {"addr": "127.0.0.1:0", "secret": "tests", **({"tls": tls} if tls else {})}}
        if auth:
            config["auth"] = auth
        (folder / "config.yml").write_text(json.dumps(config))
        self.log = (folder / "log").open("w")
        self.process = subprocess.Popen(["docker-registry", "serve", str(folder / "config.yml")], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, text=True, env={**ENVIRONMENT, "OTEL_TRACES_EXPORTER": "none"})
        self.port = None
        for line in self.process.stderr:
            self.log.write(line)
            if "listening on " in line:
                self.port = int(json.loads(line)["msg"].split("listening on ")[1].split(",")[0].rsplit(":", 1)[1])
                break
        assert self.port, f"docker-registry does not start: {(folder / 'log').read_text()}"
        self.drain = threading.Thread(target=self._drain, daemon=True)
        self.drain.start()
        self.host = f"127.0.0.1:{self.port}"

    def _drain(self):
        for line in self.process.stderr:
            self.log.write(line)

    def close(self):
        self.process.terminate()
        self.process.wait(20)
        self.drain.join(20)
        self.log.close()


def make_certificate(folder, name, host="127.0.0.1"):
    """A self-signed certificate with its key: paths."""
    folder = pathlib.Path(folder)
    key, crt = folder / f"{name}.key", folder / f"{name}.crt"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}", "-keyout", key, "-out", crt,
                    "-addext", f"subjectAltName=IP:{host},DNS:localhost"], check=True, capture_output=True)
    return crt, key


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Server:
    """A threaded HTTP server on loopback whose handler is a function (request) → None. Every request is logged."""

    def __init__(self, handle, certificate=None):
        server = self
        self.requests, self.lock, self.closing = [], threading.Lock(), threading.Event()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def handle(self):
                # A client that tries TLS first must not wait for an answer.
                with contextlib.suppress(OSError):
                    if certificate is None and self.connection.recv(1, socket.MSG_PEEK) == b"\x16":
                        return
                    super().handle()

            def log_message(self, *_):
                pass

            def run(self):
                with server.lock:
                    server.requests.append((self.command, self.path, dict(self.headers)))
                with contextlib.suppress(BrokenPipeError, ConnectionResetError, ssl.SSLError):
                    handle(self)

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = run

            def body(self):
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))

            def answer(self, status, data=b"", **headers):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                if "Content_Length" not in headers and "Transfer_Encoding" not in headers:
                    self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(data)

            def refuse(self, status, code, message="no", **headers):
                self.answer(status, json.dumps({"errors": [{"code": code, "message": message}]}).encode(), Content_Type="application/json", **headers)

            def cut(self):
                """Ends the connection here, with a reset."""
                self.close_connection = True
                with contextlib.suppress(OSError):
                    self.wfile.flush()
                    self.connection.shutdown(socket.SHUT_RDWR)

            def stall(self):
                """Says nothing until the test is over."""
                server.closing.wait(60)
                self.cut()

        self.httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.httpd.daemon_threads = True
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.httpd.socket = context.wrap_socket(self.httpd.socket, server_side=True)
        self.port = self.httpd.server_address[1]
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"{'https' if certificate else 'http'}://{self.host}"
        self.thread = threading.Thread(target=self.httpd.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def paths(self, method="GET"):
        with self.lock:
            return [path for verb, path, _ in self.requests if verb == method]

    def close(self):
        self.closing.set()
        self.httpd.shutdown()
        self.httpd.server_close()
        self.thread.join(10)


class TokenServer(Server):
    """Issues tokens that docker-registry's token authentication accepts (RS256, the certificate in x5c)."""

    USERS = {"alice": "secret word"}
    REFRESH = "refresh-me"

    def __init__(self, folder, lifetime=300):
        self.certificate, self.key = make_certificate(folder, "issuer")
        self.lifetime = lifetime
        self.granted = []
        super().__init__(self.serve)

    def config(self):
        return {"token": {"realm": self.url + "/token", "service": "tests", "issuer": "issuer", "rootcertbundle": str(self.certificate)}}

    def serve(self, request):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(request.path).query)
        if request.command == "POST":
            query = urllib.parse.parse_qs(request.body().decode())
            if query.get("grant_type") != ["refresh_token"] or query.get("refresh_token") != [self.REFRESH]:
                return request.answer(401, b'{"error": "invalid_grant", "error_description": "the refresh token is not known"}')
            user = "alice"
        else:
            given = request.headers.get("Authorization", "")
            user = None
            if given.startswith("Basic "):
                user, _, password = base64.b64decode(given[6:]).decode().partition(":")
                if self.USERS.get(user) != password:
                    return request.answer(401, b'{"details": "incorrect username or password"}')
        access = []
        for text in " ".join(query.get("scope", [])).split():
            kind, name, actions = text.split(":")
            allowed = [a for a in actions.split(",") if user or (a == "pull" and name.startswith("public/"))]
            access.append({"type": kind, "name": name, "actions": allowed})
        self.granted.append((user, access))
        name = "access_token" if request.command == "POST" else "token"
        request.answer(200, json.dumps({name: self.token(user, access), "expires_in": self.lifetime}).encode(), Content_Type="application/json")

    def token(self, user, access):
        der = subprocess.run(["openssl", "x509", "-in", self.certificate, "-outform", "DER"], check=True, capture_output=True).stdout
        now = int(time.time())
        head = {"typ": "JWT", "alg": "RS256", "x5c": [base64.b64encode(der).decode()]}
        claims = {"iss": "issuer", "sub": user or "", "aud": "tests", "exp": now + 300, "nbf": now - 10, "iat": now, "jti": os.urandom(8).hex(),
                  "access": access}
        text = b64url(json.dumps(head).encode()) + "." + b64url(json.dumps(claims).encode())
        signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.key], input=text.encode(), check=True, capture_output=True).stdout
        return text + "." + b64url(signature)


class FakeRegistry(Server):
    """A registry that serves one image, and misbehaves where a test says so: hooks are called as hook(request) before the honest answer, and
    return true when they answered."""

    def __init__(self, *targets, certificate=None):
        self.blobs, self.manifests = {}, {}
        self.on_any = self.on_blob = self.on_manifest = None
        for target in targets:
            self.put(target)
        super().__init__(self.serve, certificate)

    def put(self, target, tag="t"):
        for image in target.images if isinstance(target, Index) else [target]:
            self.blobs |= image.blobs
            self.manifests[image.digest] = (image.media_type, image.manifest)
        self.manifests[target.digest] = self.manifests[tag] = (target.media_type, target.manifest)

    def serve(self, request):
        if self.on_any and self.on_any(request):
            return
        path = urllib.parse.urlsplit(request.path).path
        kind, name = path.split("/")[-2:]
        if path == "/v2/":
            return request.answer(200, b"{}")
        if kind == "manifests":
            if self.on_manifest and self.on_manifest(request):
                return
            if name not in self.manifests:
                return request.refuse(404, "MANIFEST_UNKNOWN", "manifest unknown")
            media_type, data = self.manifests[name]
            return request.answer(200, data, Content_Type=media_type, Docker_Content_Digest=sha256(data))
        if self.on_blob and self.on_blob(request):
            return
        if name not in self.blobs:
            return request.refuse(404, "BLOB_UNKNOWN", "blob unknown to registry")
        send_blob(request, self.blobs[name])


def send_blob(request, data):
    """The honest answer, with Range."""
    wanted = request.headers.get("Range")
    if not wanted:
        return request.answer(200, data)
    first = int(wanted.removeprefix("bytes=").removesuffix("-"))
    if first >= len(data):
        return request.refuse(416, "RANGE_INVALID")
    request.answer(206, data[first:], Content_Range=f"bytes {first}-{len(data) - 1}/{len(data)}")


def missing_programs(*names):
    return [name for name in names if not shutil.which(name)]
