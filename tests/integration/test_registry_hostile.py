"""The registry client against a registry that stalls, lies, cuts, floods and misleads: a clear error each time, nothing left behind, in bounded time."""
import json
import os
import subprocess
import threading
import time
import urllib.parse

import pytest
import registries
from registries import DriverError, FakeRegistry, Image, Index, Server, blob_files, drive, make_certificate, send_blob, sha256, stray_files

pytestmark = pytest.mark.skipif(registries.driver_path() is None, reason="registry_driver is not built")


@pytest.fixture
def closing():
    things = []

    def add(thing):
        things.append(thing)
        return thing

    yield add
    for thing in reversed(things):
        thing.close()


@pytest.fixture
def image():
    return Image()


@pytest.fixture
def registry(image, closing):
    return closing(FakeRegistry(image))


def pull(registry, tmp_path, *options, name="x:t", store="store", **more):
    return drive(*options, "pull", tmp_path / store, f"{registry.host}/{name}", **more)


def wait_until_growing(store, size):
    """Waits until some partial blob below the store has that many bytes."""
    for _ in range(600):
        if any((store / name).stat().st_size >= size for name in stray_files(store)):
            return
        time.sleep(0.02)
    raise AssertionError("no partial blob appears")


def refused(registry, tmp_path, *options, left=(), **more):
    """A pull that must fail and leave nothing in the store but the blobs that are allowed."""
    with pytest.raises(DriverError) as error:
        pull(registry, tmp_path, *options, **more)
    assert blob_files(tmp_path / "store") <= set(left)
    assert all(c == "\n" or 0x20 <= ord(c) != 0x7F for c in error.value.message)
    return error.value


# ---- stalls ----

QUICK_STALL = ("--stall", "1", "--low-speed", "1000", "--tries", "2")


def test_a_manifest_that_never_comes(registry, tmp_path):
    registry.on_manifest = lambda request: request.stall() or True
    error = refused(registry, tmp_path, *QUICK_STALL)
    assert error.code == "unavailable" and "stalled" in error.message and "x:t" in error.message
    assert len(registry.paths()) == 2


def test_a_blob_that_stops_half_way(registry, image, tmp_path):
    layer = image.layers[1]

    def half(request):
        if layer["digest"] not in request.path or request.headers.get("Range"):
            return False
        request.send_response(200)
        request.send_header("Content-Length", str(layer["size"]))
        request.end_headers()
        request.wfile.write(image.blobs[layer["digest"]][:5000])
        request.wfile.flush()
        request.stall()
        return True

    registry.on_blob = half
    # Not an error at all: the rest is asked for.
    assert pull(registry, tmp_path, *QUICK_STALL)["target"]["digest"] == image.digest
    assert "bytes=5000-" in [headers.get("Range") for _, _, headers in registry.requests]


def test_a_trickle_ends_at_the_deadline(registry, tmp_path):
    def trickle(request):
        request.send_response(200)
        request.send_header("Content-Length", "1000000")
        request.end_headers()
        while not registry.closing.wait(0.05):
            request.wfile.write(b"x")
            request.wfile.flush()
        return True

    registry.on_manifest = trickle
    error = refused(registry, tmp_path, "--deadline", "1", "--low-speed", "1", "--stall", "60")
    assert error.code == "deadline_exceeded"


def test_a_listener_that_never_speaks(closing, tmp_path):
    server = closing(Server(lambda request: request.stall()))
    error = refused(server, tmp_path, *QUICK_STALL, "--insecure", f"http://{server.host}")
    assert error.code == "unavailable" and "stalled" in error.message


# ---- lies ----


def test_a_layer_with_other_content(registry, image, tmp_path):
    digest = image.layers[0]["digest"]
    registry.blobs[digest] = bytes([registry.blobs[digest][0] ^ 1]) + registry.blobs[digest][1:]
    error = refused(registry, tmp_path, left=set(image.blobs) - {digest})
    assert error.code == "data_loss" and digest in error.message
    assert stray_files(tmp_path / "store") == []


def test_a_manifest_with_other_content(registry, image, closing, tmp_path):
    other = Image()
    registry.manifests[image.digest] = (other.media_type, other.manifest)
    error = refused(registry, tmp_path, name=f"x@{image.digest}")
    assert error.code == "data_loss" and image.digest in error.message and other.digest in error.message

    def mislabelled(request):
        request.answer(200, image.manifest, Content_Type=image.media_type, Docker_Content_Digest=other.digest)
        return True

    registry.on_manifest = mislabelled
    error = refused(registry, tmp_path)
    assert error.code == "data_loss" and other.digest in error.message
    assert stray_files(tmp_path / "store") == []


def test_an_index_whose_child_differs(closing, tmp_path):
    image, other = Image(), Image()
    index = Index([image])
    registry = closing(FakeRegistry(index))
    registry.manifests[image.digest] = (other.media_type, other.manifest)
    assert refused(registry, tmp_path, "--platform", "linux/amd64").code == "data_loss"


@pytest.mark.parametrize("claimed", ["sha256:short", "md5:0", "\x01", "sha256:" + "g" * 64])
def test_a_digest_header_that_is_none(registry, image, claimed, tmp_path):
    registry.on_manifest = lambda request: request.answer(200, image.manifest, Content_Type=image.media_type, Docker_Content_Digest=claimed) or True
    assert refused(registry, tmp_path).code in ("invalid_argument", "unimplemented")


@pytest.mark.parametrize("change", [-1, 1, 10_000_000])
def test_a_blob_of_another_length(registry, image, change, tmp_path):
    digest, size = image.layers[2]["digest"], image.layers[2]["size"]
    registry.blobs[digest] = (registry.blobs[digest] + b"\0" * max(0, change))[: size + change]
    error = refused(registry, tmp_path, left=set(image.blobs) - {digest})
    assert error.code == "data_loss" and str(size) in error.message


def test_an_endless_blob(registry, image, tmp_path):
    digest = image.layers[0]["digest"]

    def endless(request):
        if digest not in request.path:
            return False
        request.send_response(200)
        request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()
        while not registry.closing.is_set():
            request.wfile.write(b"10000\r\n" + b"\0" * 0x10000 + b"\r\n")
        return True

    registry.on_blob = endless
    error = refused(registry, tmp_path, left=set(image.blobs) - {digest})
    assert error.code == "data_loss" and "more than" in error.message


@pytest.mark.parametrize("declared", [True, False])
def test_an_endless_manifest(registry, declared, tmp_path):
    def endless(request):
        request.send_response(200)
        request.send_header("Content-Type", registries.OCI_MANIFEST)
        request.send_header(*(("Content-Length", str(1 << 40)) if declared else ("Connection", "close")))
        request.end_headers()
        while not registry.closing.is_set():
            request.wfile.write(b" " * 65536)
        return True

    registry.on_manifest = endless
    error = refused(registry, tmp_path)
    assert error.code == "resource_exhausted" and str(4 << 20) in error.message


def test_endless_headers(registry, tmp_path):
    def endless(request):
        request.send_response(200)
        while not registry.closing.is_set():
            request.send_header("X-Filler", "x" * 1000)
            request.flush_headers()
        return True

    registry.on_manifest = endless
    assert refused(registry, tmp_path).code in ("resource_exhausted", "unavailable")


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b"{}", b'{"schemaVersion": 2}', b"[" * 100_000, b"\xff\xfe\0",
                                  b'{"schemaVersion":2,"config":{},"layers":[{}]}', b'{"schemaVersion":2,"layers":[],"manifests":[]}',
                                  b'{"schemaVersion":2,"manifests":7}', b'{"schemaVersion":2,"manifests":[{"digest":"sha256:../../x","size":-1}]}'])
def test_manifests_that_are_none(registry, text, tmp_path):
    registry.on_manifest = lambda request: request.answer(200, text, Content_Type=registries.OCI_MANIFEST) or True
    error = refused(registry, tmp_path)
    assert error.code == "invalid_argument" and "x:t" in error.message


def test_schema_1_is_refused_by_name(registry, tmp_path):
    text = json.dumps({"schemaVersion": 1, "name": "x", "tag": "t", "fsLayers": []}).encode()
    registry.on_manifest = lambda request: request.answer(200, text, Content_Type="application/vnd.docker.distribution.manifest.v1+prettyjws") or True
    error = refused(registry, tmp_path)
    assert error.code == "unimplemented" and "schema version 1" in error.message


def test_too_many_layers(closing, tmp_path):
    registry = closing(FakeRegistry(Image(layers=9, size=10)))
    error = refused(registry, tmp_path, "--layers", "8")
    assert error.code == "resource_exhausted" and "9 layers" in error.message


def test_a_layer_of_impossible_size(closing, tmp_path):
    image = Image(layers=1)
    document = json.loads(image.manifest)
    document["layers"][0]["size"] = 1 << 60
    image.manifest = json.dumps(document).encode()
    image.digest = sha256(image.manifest)
    error = refused(closing(FakeRegistry(image)), tmp_path)
    assert error.code == "resource_exhausted" and str(1 << 60) in error.message


def test_escape_sequences_do_not_reach_the_terminal(registry, tmp_path):
    registry.on_manifest = lambda request: request.refuse(404, "MANIFEST_\x1b[31mUNKNOWN", "\x07\x1b]0;title\x07 gone\r\n") or True
    error = refused(registry, tmp_path)
    assert error.code == "not_found" and "\\x1b" in error.message


# ---- cuts ----


def cut_after(image, count, registry, forever=False):
    """Each answer for a blob ends with a reset after `count` bytes."""

    def hook(request):
        data = image.blobs.get(request.path.split("/")[-1])
        if data is None:
            return False
        wanted = request.headers.get("Range")
        first = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        request.send_response(206 if wanted else 200)
        if wanted:
            request.send_header("Content-Range", f"bytes {first}-{len(data) - 1}/{len(data)}")
        request.send_header("Content-Length", str(len(data) - first))
        request.end_headers()
        request.wfile.write(data[first:first + count])
        if first + count < len(data) or forever:
            request.cut()
        return True

    registry.on_blob = hook


def test_a_cut_stream_is_resumed(closing, tmp_path):
    image = Image(layers=2, size=600_000)
    registry = closing(FakeRegistry(image))
    cut_after(image, 100_000, registry)
    pulled = pull(registry, tmp_path, "--tries", "3")
    assert pulled["target"]["digest"] == image.digest
    assert blob_files(tmp_path / "store") == set(image.blobs) | {image.digest} and stray_files(tmp_path / "store") == []
    ranges = [headers["Range"] for _, path, headers in registry.requests if image.layers[0]["digest"] in path and "Range" in headers]
    assert ranges == [f"bytes={n}00000-" for n in range(1, 7)]
    assert "retrying" in {event["status"] for event in pulled["events"]}
    sent = sum(1 for path in registry.paths() if image.layers[0]["digest"] in path)
    assert sent == 7


def test_a_stream_that_is_always_cut_ends(registry, image, tmp_path):
    cut_after(image, 0, registry, forever=True)
    error = refused(registry, tmp_path, "--tries", "3", "--connections", "1")
    assert error.code == "unavailable" and "3 tries" in error.message and "cut" in error.message
    assert sum("/blobs/" in path for path in registry.paths()) == 3
    assert stray_files(tmp_path / "store") == []


def test_a_partial_blob_is_completed_by_the_next_pull(registry, image, tmp_path):
    cut_after(image, 4000, registry)
    refused(registry, tmp_path, "--tries", "1", "--connections", "1", left=set(image.blobs))
    registry.on_blob = None
    registry.requests.clear()
    assert pull(registry, tmp_path)["target"]["digest"] == image.digest
    assert "bytes=4000-" in [headers.get("Range") for _, _, headers in registry.requests]
    assert stray_files(tmp_path / "store") == []


def test_a_partial_blob_with_wrong_bytes_is_fetched_anew(registry, image, tmp_path):
    digest = image.layers[0]["digest"]
    lying = type(image).__new__(type(image))
    lying.blobs = image.blobs | {digest: b"\0" * image.layers[0]["size"]}
    cut_after(lying, 4000, registry)
    refused(registry, tmp_path, "--tries", "1", "--connections", "1", left=set(image.blobs))
    registry.on_blob = None
    assert pull(registry, tmp_path)["target"]["digest"] == image.digest
    assert blob_files(tmp_path / "store") == set(image.blobs) | {image.digest} and stray_files(tmp_path / "store") == []


def test_a_killed_pull_is_completed_by_the_next(registry, image, tmp_path):
    """kill -9 with one blob half here: nothing but whole blobs is visible, and the rest is asked for later."""
    layer, half_sent = image.layers[2], threading.Event()

    def hang(request):
        if layer["digest"] not in request.path:
            return False
        request.send_response(200)
        request.send_header("Content-Length", str(layer["size"]))
        request.end_headers()
        request.wfile.write(image.blobs[layer["digest"]][:9000])
        request.wfile.flush()
        half_sent.set()
        request.stall()
        return True

    registry.on_blob = hang
    command = [registries.driver_path(), "--connections", "1", "pull", tmp_path / "store", f"{registry.host}/x:t"]
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, env=registries.ENVIRONMENT)
    try:
        assert half_sent.wait(30)
        wait_until_growing(tmp_path / "store", 9000)
    finally:
        process.kill()
        process.wait(10)
    assert blob_files(tmp_path / "store") == set(image.blobs) - {layer["digest"]}
    registry.on_blob = None
    registry.requests.clear()
    assert pull(registry, tmp_path)["target"]["digest"] == image.digest
    asked = [(path.split("/")[-1], headers.get("Range")) for _, path, headers in registry.requests if "/blobs/" in path]
    assert asked == [(layer["digest"], "bytes=9000-")]
    assert stray_files(tmp_path / "store") == []


def test_a_registry_without_ranges_starts_over(registry, image, tmp_path):
    cut_once = set()

    def hook(request):
        data = image.blobs[request.path.split("/")[-1]]
        request.send_response(200)
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        if request.path not in cut_once and len(data) > 5000:
            cut_once.add(request.path)
            request.wfile.write(data[:5000])
            request.cut()
        else:
            request.wfile.write(data)
        return True

    registry.on_blob = hook
    assert pull(registry, tmp_path)["target"]["digest"] == image.digest
    assert len(cut_once) == 3


@pytest.mark.parametrize("content_range", ["bytes 0-99/100", "bytes 5001-{last}/{size}", "bytes 5000-{last}/7", "bytes x", "", "bytes 5000-4999/{size}"])
def test_a_range_that_was_not_asked_for(registry, image, content_range, tmp_path):
    def hook(request):
        digest = request.path.split("/")[-1]
        data = image.blobs[digest]
        if digest != image.layers[0]["digest"]:
            return False
        if request.headers.get("Range"):
            value = content_range.format(last=len(data) - 1, size=len(data))
            request.answer(206, data[5000:], Content_Range=value)
            return True
        request.send_response(200)
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        request.wfile.write(data[:5000])
        request.cut()
        return True

    registry.on_blob = hook
    error = refused(registry, tmp_path, "--tries", "3", left=set(image.blobs) - {image.layers[0]["digest"]})
    assert error.code in ("data_loss", "unavailable")


# ---- redirects and credentials ----


@pytest.mark.parametrize("where", ["manifest", "blob"])
def test_a_redirect_loop(registry, where, tmp_path):
    def loop(request):
        request.answer(307, Location=request.path)
        return True

    setattr(registry, f"on_{where}", loop)
    error = refused(registry, tmp_path)
    assert error.code == "failed_precondition" and "redirects more than 10 times" in error.message
    assert len(registry.paths()) <= 60


def test_credentials_do_not_follow_a_redirect(registry, image, closing, tmp_path):
    other = closing(Server(lambda request: send_blob(request, image.blobs[request.path.split("/")[-1].split("?")[0]])))

    def private(request):
        if not request.headers.get("Authorization"):
            request.refuse(401, "UNAUTHORIZED", WWW_Authenticate='Basic realm="x"')
            return True
        if "/blobs/" in request.path:
            request.answer(307, Location=f"{other.url}/storage/{request.path.split('/')[-1]}?signature=1")
            return True
        return False

    registry.on_any = private
    assert pull(registry, tmp_path, "--user", "alice:secret")["target"]["digest"] == image.digest
    assert len(other.requests) == len(image.blobs)
    assert not [headers for _, _, headers in other.requests if "Authorization" in headers or "secret" in str(headers)]


def test_another_host_gets_no_credentials_by_asking(registry, closing, tmp_path):
    """The place that a redirect leads to asks for a password: it does not get the registry's."""
    thief = closing(Server(lambda request: request.refuse(401, "UNAUTHORIZED", WWW_Authenticate='Basic realm="give"')))
    registry.on_blob = lambda request: request.answer(302, Location=f"{thief.url}/x") or True
    error = refused(registry, tmp_path, "--user", "alice:secret")
    assert error.code == "unauthenticated"
    assert not [headers for _, _, headers in thief.requests if "Authorization" in headers]


def test_a_token_server_without_tls_gets_no_password(registry, tmp_path):
    registry.on_any = lambda request: request.refuse(401, "UNAUTHORIZED", WWW_Authenticate='Bearer realm="http://tokens.example/t",service="s"') or True
    error = refused(registry, tmp_path, "--user", "alice:secret")
    assert error.code == "permission_denied" and "tokens.example" in error.message and "secret" not in error.message


def test_a_redirect_away_from_tls_is_refused(image, closing, tmp_path):
    crt, key = make_certificate(tmp_path, "server")
    plain = closing(FakeRegistry(image))
    registry = closing(FakeRegistry(image, certificate=(crt, key)))
    registry.on_blob = lambda request: request.answer(307, Location=plain.url + request.path) or True
    certs = tmp_path / "certs" / registry.host
    certs.mkdir(parents=True)
    (certs / "ca.crt").write_bytes(crt.read_bytes())
    error = refused(registry, tmp_path, "--certs-dir", tmp_path / "certs")
    assert error.code == "permission_denied" and "without TLS" in error.message and plain.requests == []


@pytest.mark.parametrize("location", ["ftp://127.0.0.1/x", "file:///etc/passwd", "http://user:pw@127.0.0.1/", "http://[", "x" * 20_000])
def test_redirects_to_nowhere(registry, location, tmp_path):
    registry.on_blob = lambda request: request.answer(302, Location=location) or True
    error = refused(registry, tmp_path)
    assert error.code in ("invalid_argument", "not_found", "unavailable")


def test_a_registry_that_never_accepts_its_own_token(registry, closing, tmp_path):
    tokens = closing(Server(lambda request: request.answer(200, b'{"token": "abc"}')))
    registry.on_any = lambda request: request.refuse(401, "UNAUTHORIZED", "again", WWW_Authenticate=f'Bearer realm="{tokens.url}/t"') or True
    error = refused(registry, tmp_path)
    assert error.code == "unauthenticated" and "again" in error.message
    assert len(tokens.requests) == 1 and len(registry.requests) == 2


def test_a_token_that_runs_out_is_fetched_again(registry, image, closing, tmp_path):
    issued = []

    def issue(request):
        issued.append(f"token{len(issued)}")
        request.answer(200, json.dumps({"token": issued[-1], "expires_in": 300}).encode())

    tokens = closing(Server(issue))
    uses = {}

    def two_uses(request):
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        uses[token] = uses.get(token, 0) + 1
        if token in issued and uses[token] <= 2:
            return False
        request.refuse(401, "UNAUTHORIZED", WWW_Authenticate=f'Bearer realm="{tokens.url}/t",service="s",scope="repository:x:pull"')
        return True

    registry.on_any = two_uses
    assert pull(registry, tmp_path, "--connections", "1")["target"]["digest"] == image.digest
    assert len(issued) == 3  # manifest, config, three layers


@pytest.mark.parametrize("answer", [b"", b"{}", b'{"token": ""}', b'{"token": "a\\r\\nX-Injected: 1"}', b'{"token": 7}', b"[" * 10_000])
def test_token_servers_that_answer_rubbish(registry, closing, answer, tmp_path):
    tokens = closing(Server(lambda request: request.answer(200, answer)))
    registry.on_any = lambda request: request.refuse(401, "UNAUTHORIZED", WWW_Authenticate=f'Bearer realm="{tokens.url}/t"') or True
    error = refused(registry, tmp_path)
    assert error.code == "unknown" and tokens.host in error.message


@pytest.mark.parametrize("header", ["", "Negotiate", "Digest realm=x", 'Bearer realm="not an address"', "Bearer", '"""'])
def test_challenges_that_nobody_can_answer(registry, header, tmp_path):
    registry.on_any = lambda request: request.refuse(401, "UNAUTHORIZED", **({"WWW_Authenticate": header} if header else {})) or True
    error = refused(registry, tmp_path, "--user", "alice:secret")
    assert error.code in ("unauthenticated", "unimplemented", "invalid_argument") and "secret" not in error.message


# ---- overload ----


def test_429_with_retry_after_is_waited_out(registry, image, tmp_path):
    asked = []

    def busy(request):
        asked.append(request.path)
        if len(asked) > 2:
            return False
        request.refuse(429, "TOOMANYREQUESTS", Retry_After="1")
        return True

    registry.on_manifest = busy
    assert pull(registry, tmp_path)["target"]["digest"] == image.digest
    assert len(asked) == 3


@pytest.mark.parametrize("value", ["99999", "99999999999999999999", "Fri, 31 Dec 2100 23:59:59 GMT"])
def test_429_that_asks_for_too_much_is_an_error_at_once(registry, value, tmp_path):
    registry.on_manifest = lambda request: request.refuse(429, "TOOMANYREQUESTS", "slow down", Retry_After=value) or True
    error = refused(registry, tmp_path)
    assert error.code == "resource_exhausted" and "asks to wait" in error.message and "slow down" in error.message
    assert len(registry.paths()) == 1


def test_retry_after_beyond_the_deadline_is_not_waited_for(registry, tmp_path):
    registry.on_manifest = lambda request: request.refuse(503, "UNAVAILABLE", Retry_After="100") or True
    error = refused(registry, tmp_path, "--deadline", "20")
    assert error.code == "deadline_exceeded" and "503" in error.message and len(registry.paths()) == 1


@pytest.mark.parametrize("status,tries", [(500, 4), (502, 4), (503, 4), (504, 4), (501, 1), (400, 1), (403, 1), (418, 1)])
def test_which_statuses_are_tried_again(registry, status, tries, tmp_path):
    registry.on_manifest = lambda request: request.refuse(status, "OOPS", "went wrong") or True
    error = refused(registry, tmp_path, "--tries", "4")
    assert len(registry.paths()) == tries
    codes = {501: "unimplemented", 400: "invalid_argument", 403: "permission_denied", 418: "invalid_argument"}
    assert error.code == codes.get(status, "unavailable") and "went wrong" in error.message


def test_what_is_no_http(closing, tmp_path):
    def rubbish(request):
        request.wfile.write(b"\0\1\2 hello\r\n\r\n")
        request.cut()

    server = closing(Server(rubbish))
    error = refused(server, tmp_path, "--tries", "2", "--insecure", f"http://{server.host}")
    assert error.code in ("data_loss", "unavailable")


# ---- lists and pushes ----


def test_pages_that_lead_in_a_circle(closing):
    server = closing(Server(lambda request: request.answer(200, b'{"name":"x","tags":[]}', Link=f'<{request.path}>; rel="next"')))
    assert drive("tags", f"{server.host}/x", "--insecure", f"http://{server.host}")["names"] == []
    other = closing(Server(lambda request: request.answer(200, b'{"name":"x","tags":["a"]}', Link='<http://127.0.0.1:1/x>; rel="next"')))
    with pytest.raises(DriverError) as error:
        drive("tags", f"{other.host}/x", "--insecure", f"http://{other.host}")
    assert error.value.code == "permission_denied"


class FakeUploads(Server):
    """Takes uploads; `break_at` makes the n-th PATCH fail after half of its bytes arrived."""

    def __init__(self, break_at=(), lie=False):
        self.data, self.patches, self.blobs, self.manifests = b"", 0, {}, {}
        self.break_at, self.lie, self.resumed = break_at, lie, []
        super().__init__(self.serve)

    def serve(self, request):
        url = urllib.parse.urlsplit(request.path)
        if "/manifests/" in url.path and request.command == "PUT":
            self.manifests[url.path.split("/")[-1]] = request.body()
            return request.answer(201, Docker_Content_Digest=sha256(b"") if self.lie else sha256(self.manifests[url.path.split("/")[-1]]))
        if request.command == "HEAD":
            return request.answer(200 if url.path.split("/")[-1] in self.blobs else 404)
        if request.command == "POST":
            self.data = b""
            return request.answer(202, Location="/v2/x/blobs/uploads/1?state=a")
        if request.command == "GET":
            self.resumed.append(len(self.data))
            return request.answer(204, Location="/v2/x/blobs/uploads/1?state=b", Range=f"0-{len(self.data) - 1}")
        body = request.body()
        if request.command == "PATCH":
            first, last = map(int, request.headers["Content-Range"].split("-"))
            assert last - first + 1 == len(body)
            self.patches += 1
            if first != len(self.data):
                return request.refuse(416, "RANGE_INVALID")
            if self.patches in self.break_at:
                self.data += body[: len(body) // 2]
                return request.cut()
            self.data += body
            return request.answer(202, Location="/v2/x/blobs/uploads/1?state=c", Range=f"0-{len(self.data) - 1}")
        self.data += body
        digest = urllib.parse.parse_qs(url.query)["digest"][0]
        if sha256(self.data) != digest:
            return request.refuse(400, "DIGEST_INVALID")
        self.blobs[digest] = self.data
        return request.answer(201, Docker_Content_Digest=digest)


def store_of(tmp_path, image):
    layout = registries.write_layout(tmp_path / "layout", image, "t")
    (tmp_path / "mine").mkdir()
    (layout / "blobs").rename(tmp_path / "mine/blobs")
    return tmp_path / "mine"


def test_a_cut_upload_goes_on_where_the_registry_says(closing, tmp_path):
    image = Image(layers=1, size=50_000)
    server = closing(FakeUploads(break_at=(2, 4)))
    drive("--connections", "1", "--chunk", "10000", "--insecure", f"http://{server.host}", "push", store_of(tmp_path, image), f"{server.host}/x:t", image.digest)
    assert server.blobs == image.blobs and server.manifests == {"t": image.manifest}
    assert len(server.resumed) == 2


def test_a_registry_that_stored_something_else(closing, tmp_path):
    image = Image(layers=1)
    server = closing(FakeUploads(lie=True))
    with pytest.raises(DriverError) as error:
        drive("--connections", "1", "--insecure", f"http://{server.host}", "push", store_of(tmp_path, image), f"{server.host}/x:t", image.digest)
    assert error.value.code == "data_loss" and image.digest in error.value.message


def test_a_full_disk_is_named_and_leaves_nothing(closing, tmp_path):
    """The store lies on a small file system of its own, in a mount namespace of its own."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    image = Image(layers=2, size=400_000)
    registry = closing(FakeRegistry(image))
    store = tmp_path / "small"
    store.mkdir()
    command = [registries.driver_path(), "--retry-base", "20", "--connections", "1", "pull", store, f"{registry.host}/x:t"]
    script = f'mount -t tmpfs -o size=600k none {store} && "$@"; find {store} -type f -printf "%P %s\\n"'
    done = subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh", *map(str, command)], capture_output=True, text=True, timeout=60,
                          env=registries.ENVIRONMENT)
    answer, *files = done.stdout.splitlines()
    assert json.loads(answer)["error"]["code"] == "resource_exhausted" and "No space left" in answer, done.stdout + done.stderr
    assert {name.split()[0].split("/")[-1] for name in files} <= {d[7:] for d in image.blobs}
