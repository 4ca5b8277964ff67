"""The registry client against Debian's docker-registry, with skopeo and umoci at the other end."""
import base64
import json
import os
import pathlib
import stat
import subprocess
import warnings

import pytest
import registries
from registries import DriverError, Image, Index, RealRegistry, TokenServer, blob_files, drive, make_certificate, sha256, skopeo, write_layout

pytestmark = [
    pytest.mark.skipif(registries.driver_path() is None, reason="registry_driver is not built"),
    pytest.mark.skipif(bool(registries.missing_programs("docker-registry", "skopeo", "openssl")), reason="docker-registry, skopeo or openssl is missing"),
]


@pytest.fixture
def closing():
    """Closes what a test registers, last first."""
    things = []

    def add(thing):
        things.append(thing)
        return thing

    yield add
    for thing in reversed(things):
        thing.close()


@pytest.fixture
def registry(tmp_path, closing):
    return closing(RealRegistry(tmp_path / "registry"))


def push_with_skopeo(tmp_path, registry, target, name="x/image", tag="t", options=()):
    layout = write_layout(tmp_path / f"layout-{os.urandom(4).hex()}", target, tag)
    skopeo("copy", "--all", "--preserve-digests", "--dest-tls-verify=false", *options, f"oci:{layout}:{tag}", f"docker://{registry.host}/{name}:{tag}")


def raw_digest(registry, name, options=()):
    return sha256(skopeo("inspect", "--raw", "--tls-verify=false", *options, f"docker://{registry.host}/{name}"))


def statuses(answer):
    """The last status of each blob."""
    return {event["digest"]: event["status"] for event in answer["events"]}


# ---- pull ----


def test_c02_pulls_by_tag_what_skopeo_pushed(tmp_path, registry):
    image = Image()
    push_with_skopeo(tmp_path, registry, image)
    pulled = drive("pull", tmp_path / "store", f"{registry.host}/x/image:t")
    assert pulled["target"]["digest"] == pulled["manifest"]["digest"] == image.digest == raw_digest(registry, "x/image:t")
    assert [layer["digest"] for layer in pulled["layers"]] == [layer["digest"] for layer in image.layers]
    assert blob_files(tmp_path / "store") == set(image.blobs) | {image.digest}
    assert registries.stray_files(tmp_path / "store") == []
    assert set(statuses(pulled).values()) == {"done"}
    sizes = {digest: len(data) for digest, data in image.blobs.items()}
    finals = [e for e in pulled["events"] if e["status"] == "done"]
    assert all(e["current"] == e["total"] == sizes[e["digest"]] for e in finals)


def test_c02_pulls_by_digest_and_refuses_a_wrong_one(tmp_path, registry):
    image = Image()
    push_with_skopeo(tmp_path, registry, image)
    assert drive("pull", tmp_path / "store", f"{registry.host}/x/image@{image.digest}")["target"]["digest"] == image.digest
    wrong = "sha256:" + "0" * 64
    with pytest.raises(DriverError) as refused:
        drive("pull", tmp_path / "other", f"{registry.host}/x/image@{wrong}")
    assert refused.value.code == "not_found" and wrong in refused.value.message and "x/image" in refused.value.message
    assert blob_files(tmp_path / "other") == set()


def test_a_second_pull_fetches_nothing_again(tmp_path, registry):
    image = Image()
    push_with_skopeo(tmp_path, registry, image)
    drive("pull", tmp_path / "store", f"{registry.host}/x/image:t")
    again = drive("pull", tmp_path / "store", f"{registry.host}/x/image:t")
    assert set(statuses(again).values()) == {"exists"}


def test_pulls_what_docker_format_tools_pushed(tmp_path, registry):
    """skopeo converts to Docker's schema 2: other media types, the same client."""
    layout = write_layout(tmp_path / "layout", Image(), "t")
    skopeo("copy", "--format", "v2s2", "--dest-tls-verify=false", f"oci:{layout}:t", f"docker://{registry.host}/docker:t")
    pulled = drive("pull", tmp_path / "store", f"{registry.host}/docker:t")
    assert pulled["manifest"]["mediaType"] == "application/vnd.docker.distribution.manifest.v2+json"
    assert pulled["manifest"]["digest"] == raw_digest(registry, "docker:t")


def test_pulls_what_umoci_made(tmp_path, registry):
    if registries.missing_programs("umoci"):
        pytest.skip("umoci is missing")
    layout, bundle = tmp_path / "umoci", tmp_path / "bundle"
    subprocess.run(["umoci", "init", "--layout", layout], check=True, capture_output=True)
    subprocess.run(["umoci", "new", "--image", f"{layout}:t"], check=True, capture_output=True)
    for number in range(3):
        source = tmp_path / f"file{number}"
        source.write_bytes(os.urandom(5000))
        subprocess.run(["umoci", "insert", "--rootless", "--image", f"{layout}:t", source, f"/file{number}"], check=True, capture_output=True)
    skopeo("copy", "--dest-tls-verify=false", f"oci:{layout}:t", f"docker://{registry.host}/umoci:t")
    pulled = drive("pull", tmp_path / "store", f"{registry.host}/umoci:t")
    assert len(pulled["layers"]) == 3 and pulled["target"]["digest"] == raw_digest(registry, "umoci:t")
    assert not bundle.exists()


def test_an_index_gives_the_platform_that_is_asked_for(tmp_path, registry):
    amd, arm, arm6 = Image(), Image(architecture="arm64", variant="v8"), Image(architecture="arm", variant="v6")
    index = Index([arm6, arm, amd])
    push_with_skopeo(tmp_path, registry, index)
    reference = f"{registry.host}/x/image:t"
    for platform, image in [("linux/amd64", amd), ("linux/arm64", arm), ("linux/arm/v7", arm6)]:
        store = tmp_path / platform.replace("/", "-")
        pulled = drive("--platform", platform, "pull", store, reference)
        assert pulled["target"]["digest"] == index.digest and pulled["manifest"]["digest"] == image.digest
        assert blob_files(store) == set(image.blobs) | {image.digest, index.digest}
    with pytest.raises(DriverError) as refused:
        drive("--platform", "linux/s390x", "pull", tmp_path / "none", reference)
    assert refused.value.code == "not_found" and "linux/arm64" in refused.value.message and blob_files(tmp_path / "none") == set()
    everything = drive("--all-platforms", "--platform", "linux/amd64", "pull", tmp_path / "all", reference)
    assert {m["digest"] for m in everything["manifests"]} == {amd.digest, arm.digest, arm6.digest}
    assert everything["manifest"]["digest"] == amd.digest


def test_what_is_not_there_is_named(tmp_path, registry):
    with pytest.raises(DriverError) as refused:
        drive("pull", tmp_path / "store", f"{registry.host}/no/such:thing")
    assert refused.value.code == "not_found"
    assert f"{registry.host}/no/such:thing" in refused.value.message and "MANIFEST_UNKNOWN" in refused.value.message


def test_a_dead_registry_is_unavailable_at_once(tmp_path, registry):
    registry.process.terminate()
    registry.process.wait(20)
    with pytest.raises(DriverError) as refused:
        drive("pull", tmp_path / "store", f"{registry.host}/x:t")
    assert refused.value.code == "unavailable" and registry.host in refused.value.message


# ---- push ----


def store_of(tmp_path, target, name="store"):
    """A content store folder that holds an image, made without the client."""
    layout = write_layout(tmp_path / f"layout-{name}", target, "t")
    (tmp_path / name).mkdir()
    (layout / "blobs").rename(tmp_path / name / "blobs")
    return tmp_path / name


@pytest.mark.parametrize("options", [(), ("--chunk", "7000")], ids=["whole", "chunked"])
def test_skopeo_pulls_what_we_pushed(tmp_path, registry, options):
    image = Image()
    store = store_of(tmp_path, image)
    pushed = drive(*options, "push", store, f"{registry.host}/ours/image:v1", image.digest)
    assert pushed["digest"] == image.digest == raw_digest(registry, "ours/image:v1")
    skopeo("copy", "--preserve-digests", "--src-tls-verify=false", f"docker://{registry.host}/ours/image:v1", f"oci:{tmp_path / 'back'}:v1")
    back = {"sha256:" + path.name: path.read_bytes() for path in (tmp_path / "back/blobs/sha256").iterdir()}
    assert back == image.blobs | {image.digest: image.manifest}
    assert set(statuses(pushed).values()) == {"done"}
    again = drive("push", store, f"{registry.host}/ours/image:v2", image.digest)
    assert set(statuses(again).values()) == {"exists"}


def test_an_index_is_pushed_with_all_its_images(tmp_path, registry):
    index = Index([Image(), Image(architecture="arm64")])
    store = store_of(tmp_path, index)
    assert drive("push", store, f"{registry.host}/multi:t", index.digest)["digest"] == raw_digest(registry, "multi:t")
    skopeo("copy", "--all", "--preserve-digests", "--src-tls-verify=false", f"docker://{registry.host}/multi:t", f"oci:{tmp_path / 'back'}:t")
    for image in index.images:
        assert raw_digest(registry, f"multi@{image.digest}") == image.digest
    (store / "blobs/sha256" / index.images[1].digest[7:]).unlink()
    with pytest.raises(DriverError) as refused:
        drive("push", store, f"{registry.host}/half:t", index.digest)
    assert refused.value.code == "failed_precondition" and index.images[1].digest in refused.value.message
    with pytest.raises(DriverError):
        drive("resolve", f"{registry.host}/half:t")


def test_push_by_digest_and_round_trip(tmp_path, registry):
    image = Image()
    store = store_of(tmp_path, image)
    drive("push", store, f"{registry.host}/d@{image.digest}", image.digest)
    assert drive("pull", tmp_path / "new", f"{registry.host}/d@{image.digest}")["target"]["digest"] == image.digest
    assert blob_files(tmp_path / "new") == blob_files(store)
    with pytest.raises(DriverError) as refused:
        drive("push", store, f"{registry.host}/d@sha256:{'1' * 64}", image.digest)
    assert refused.value.code == "invalid_argument"


def test_blobs_are_mounted_from_another_repository(tmp_path, registry):
    image = Image()
    store = store_of(tmp_path, image)
    drive("push", store, f"{registry.host}/a:t", image.digest)
    pushed = drive("--mount-from", "a", "push", store, f"{registry.host}/b:t", image.digest)
    assert set(statuses(pushed).values()) == {"mounted"}
    assert raw_digest(registry, "b:t") == image.digest
    elsewhere = drive("--mount-from", "nothing/here", "push", store, f"{registry.host}/c:t", image.digest)
    assert set(statuses(elsewhere).values()) == {"done"}


# ---- lists, delete ----


def test_tags_catalog_resolve_and_delete(tmp_path, registry):
    image = Image(layers=1)
    store = store_of(tmp_path, image)
    for tag in ("v1", "v2"):
        drive("push", store, f"{registry.host}/some/thing:{tag}", image.digest)
    assert drive("tags", f"{registry.host}/some/thing")["names"] == ["v1", "v2"]
    assert drive("catalog", registry.host)["names"] == ["some/thing"]
    assert drive("resolve", f"{registry.host}/some/thing:v1") == {"mediaType": image.media_type, "digest": image.digest, "size": len(image.manifest)}
    with pytest.raises(DriverError) as refused:
        drive("delete", f"{registry.host}/some/thing:v1")
    assert refused.value.code == "invalid_argument"
    drive("delete", f"{registry.host}/some/thing@{image.digest}")
    with pytest.raises(DriverError) as gone:
        drive("resolve", f"{registry.host}/some/thing:v1")
    assert gone.value.code == "not_found"


def test_long_lists_come_in_pages(tmp_path, registry):
    image = Image(layers=1, size=10)
    store = store_of(tmp_path, image)
    drive("push", store, f"{registry.host}/many:t", image.digest)
    folder = tmp_path / "registry/data/docker/registry/v2/repositories/many/_manifests/tags"
    original = folder / "t"
    for number in range(1500):
        subprocess.run(["cp", "-rl", original, folder / f"t{number:04}"], check=True) if number < 3 else (folder / f"t{number:04}").mkdir()
    assert len(drive("tags", f"{registry.host}/many")["names"]) == 1501


# ---- authentication ----


@pytest.fixture
def private(tmp_path, closing):
    """A registry with basic authentication."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import crypt
    (tmp_path / "htpasswd").write_text("alice:" + crypt.crypt("s3cret:x", crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16)) + "\n")
    return closing(RealRegistry(tmp_path / "private", auth={"htpasswd": {"realm": "tests", "path": str(tmp_path / "htpasswd")}}))


def test_basic_authentication(tmp_path, private):
    image = Image()
    push_with_skopeo(tmp_path, private, image, options=("--dest-creds", "alice:s3cret:x"))
    reference = f"{private.host}/x/image:t"
    assert drive("--user", "alice:s3cret:x", "pull", tmp_path / "store", reference)["target"]["digest"] == image.digest
    for options in ((), ("--user", "alice:wrong"), ("--user", "bob:s3cret:x")):
        with pytest.raises(DriverError) as refused:
            drive(*options, "pull", tmp_path / "none", reference)
        assert refused.value.code == "unauthenticated" and private.host in refused.value.message
        assert "s3cret" not in refused.value.message and "wrong" not in refused.value.message
    assert blob_files(tmp_path / "none") == set()
    store = store_of(tmp_path, Image(), "mine")
    ours = [d for d in blob_files(store)]
    assert ours
    drive("--user", "alice:s3cret:x", "login", private.host)
    with pytest.raises(DriverError) as refused:
        drive("--user", "alice:no", "login", private.host)
    assert refused.value.code == "unauthenticated"


def docker_config(tmp_path, config):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    return path


def test_credentials_come_from_docker_config(tmp_path, private):
    image = Image(layers=1)
    push_with_skopeo(tmp_path, private, image, options=("--dest-creds", "alice:s3cret:x"))
    auth = base64.b64encode(b"alice:s3cret:x").decode()
    for key in (private.host, f"https://{private.host}/v1/"):
        config = docker_config(tmp_path, {"auths": {key: {"auth": auth}}})
        assert drive("--docker-config", config, "resolve", f"{private.host}/x/image:t")["digest"] == image.digest
    config = docker_config(tmp_path, {"auths": {"elsewhere.example": {"auth": auth}}})
    with pytest.raises(DriverError) as refused:
        drive("--docker-config", config, "resolve", f"{private.host}/x/image:t")
    assert refused.value.code == "unauthenticated"
    config.write_text("{not json")
    with pytest.raises(DriverError) as refused:
        drive("--docker-config", config, "resolve", f"{private.host}/x/image:t")
    assert refused.value.code == "invalid_argument" and "config.json" in refused.value.message


def test_credentials_come_from_helper_programs(tmp_path, private):
    image = Image(layers=1)
    push_with_skopeo(tmp_path, private, image, options=("--dest-creds", "alice:s3cret:x"))
    helper = tmp_path / "docker-credential-testing"
    helper.write_text(f"""#!/bin/sh
read -r server
[ "$1" = get ] || exit 2
if [ "$server" = "{private.host}" ]; then echo '{{"ServerURL": "x", "Username": "alice", "Secret": "s3cret:x"}}'; exit 0; fi
echo "credentials not found in native keychain"; exit 1
""")
    helper.chmod(helper.stat().st_mode | stat.S_IXUSR)
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    for config in ({"credHelpers": {private.host: "testing"}}, {"credsStore": "testing"}):
        answer = drive("--docker-config", docker_config(tmp_path, config), "resolve", f"{private.host}/x/image:t", env=env)
        assert answer["digest"] == image.digest
    for name in ("missing", "../evil"):
        with pytest.raises(DriverError) as refused:
            drive("--docker-config", docker_config(tmp_path, {"credsStore": name}), "resolve", f"{private.host}/x/image:t", env=env)
        assert name in refused.value.message


@pytest.fixture
def tokens(tmp_path, closing):
    server = closing(TokenServer(tmp_path))
    server.registry = closing(RealRegistry(tmp_path / "tokens", auth=server.config()))
    return server


def test_token_authentication(tmp_path, tokens):
    image, registry = Image(layers=6), tokens.registry
    credentials = ("--user", "alice:secret word")
    store = store_of(tmp_path, image)
    assert drive(*credentials, "push", store, f"{registry.host}/public/x:t", image.digest)["digest"] == image.digest
    drive(*credentials, "push", store, f"{registry.host}/private/x:t", image.digest)
    before = len(tokens.granted)
    drive(*credentials, "pull", tmp_path / "one", f"{registry.host}/private/x:t")
    # One token serves the manifest, the config and all layers.
    assert len(tokens.granted) - before == 1
    assert drive("pull", tmp_path / "two", f"{registry.host}/public/x:t")["target"]["digest"] == image.digest
    with pytest.raises(DriverError) as refused:
        drive("pull", tmp_path / "none", f"{registry.host}/private/x:t")
    assert refused.value.code in ("unauthenticated", "permission_denied") and "private/x:t" in refused.value.message
    with pytest.raises(DriverError) as refused:
        drive("--user", "alice:wrong", "pull", tmp_path / "none", f"{registry.host}/private/x:t")
    assert refused.value.code == "unauthenticated" and "incorrect username or password" in refused.value.message
    mounted = drive(*credentials, "--mount-from", "private/x", "push", store, f"{registry.host}/private/y:t", image.digest)
    assert set(statuses(mounted).values()) == {"mounted"}
    assert drive(*credentials, "tags", f"{registry.host}/private/x")["names"] == ["t"]
    assert "private/x" in drive(*credentials, "catalog", registry.host)["names"]
    drive(*credentials, "login", registry.host)
    with pytest.raises(DriverError) as refused:
        drive("--user", "alice:wrong", "login", registry.host)
    assert refused.value.code == "unauthenticated"


def test_identity_tokens_are_exchanged(tmp_path, tokens):
    image, registry = Image(layers=1), tokens.registry
    store = store_of(tmp_path, image)
    drive("--identity-token", TokenServer.REFRESH, "push", store, f"{registry.host}/private/x:t", image.digest)
    config = docker_config(tmp_path, {"auths": {registry.host: {"identitytoken": TokenServer.REFRESH}}})
    assert drive("--docker-config", config, "resolve", f"{registry.host}/private/x:t")["digest"] == image.digest
    with pytest.raises(DriverError) as refused:
        drive("--identity-token", "stale", "resolve", f"{registry.host}/private/x:t")
    assert refused.value.code == "unauthenticated" and "refresh token is not known" in refused.value.message


# ---- TLS ----


def test_tls_roots_and_client_certificates_per_host(tmp_path, closing):
    crt, key = make_certificate(tmp_path, "server")
    client_crt, client_key = make_certificate(tmp_path, "client")
    tls = {"certificate": str(crt), "key": str(key), "clientcas": [str(client_crt)]}
    registry = closing(RealRegistry(tmp_path / "tls", tls=tls))
    certs = tmp_path / "certs.d" / registry.host
    certs.mkdir(parents=True)
    image = Image(layers=1)
    store = store_of(tmp_path, image)
    reference = f"{registry.host}/x:t"

    def push(*options):
        return drive("--tries", "2", *options, "push", store, reference, image.digest)

    with pytest.raises(DriverError) as refused:
        push()
    assert refused.value.code == "failed_precondition" and "TLS" in refused.value.message and "certificate" in refused.value.message
    (certs / "ca.crt").write_bytes(crt.read_bytes())
    with pytest.raises(DriverError) as refused:  # the registry wants a client certificate
        push("--certs-dir", tmp_path / "certs.d")
    assert registry.host in refused.value.message
    (certs / "client.cert").write_bytes(client_crt.read_bytes())
    with pytest.raises(DriverError) as refused:
        push("--certs-dir", tmp_path / "certs.d")
    assert refused.value.code == "failed_precondition" and "client.key" in refused.value.message
    (certs / "client.key").write_bytes(client_key.read_bytes())
    assert push("--certs-dir", tmp_path / "certs.d")["digest"] == image.digest


def test_roots_of_a_host_stand_beside_the_systems(tmp_path, closing):
    """The system's roots, in a mount namespace of its own, know the registry; the host's folder holds an unrelated root."""
    if os.geteuid() != 0:
        pytest.skip("putting other system roots in place needs root")
    crt, key = make_certificate(tmp_path, "server")
    unrelated, _ = make_certificate(tmp_path, "unrelated")
    system = tmp_path / "system"
    system.mkdir()
    (system / "server.pem").write_bytes(crt.read_bytes())
    subprocess.run(["openssl", "rehash", system], check=True, capture_output=True)
    registry = closing(RealRegistry(tmp_path / "tls", tls={"certificate": str(crt), "key": str(key)}))
    certs = tmp_path / "certs.d" / registry.host
    certs.mkdir(parents=True)
    (certs / "ca.crt").write_bytes(unrelated.read_bytes())
    command = [str(registries.driver_path()), "--certs-dir", str(tmp_path / "certs.d"), "catalog", registry.host]
    script = f'mount --bind {system} /etc/ssl/certs && exec "$@"'
    done = subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh", *command], capture_output=True, text=True, timeout=60,
                          env=registries.ENVIRONMENT)
    assert json.loads(done.stdout) == {"names": []}, done.stdout + done.stderr
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=registries.ENVIRONMENT)
    assert "certificate" in json.loads(done.stdout)["error"]["message"]


def test_an_insecure_registry_is_not_verified(tmp_path, closing):
    crt, key = make_certificate(tmp_path, "server")
    registry = closing(RealRegistry(tmp_path / "tls", tls={"certificate": str(crt), "key": str(key)}))
    image = Image(layers=1)
    store = store_of(tmp_path, image)
    assert drive("--insecure", registry.host, "push", store, f"{registry.host}/x:t", image.digest)["digest"] == image.digest


# ---- mirrors ----


def test_mirrors_are_asked_first_and_failing_ones_passed_over(tmp_path, closing):
    image, other = Image(), Image()
    origin, mirror = closing(RealRegistry(tmp_path / "origin")), closing(RealRegistry(tmp_path / "mirror"))
    push_with_skopeo(tmp_path, origin, image, "x/image", "t")
    push_with_skopeo(tmp_path, origin, other, "x/other", "t")
    push_with_skopeo(tmp_path, mirror, image, "x/image", "t")
    through = ("--mirror", f"docker.io=http://{mirror.host}", "--mirror", f"{origin.host}=http://{mirror.host}")
    # The default domain's registry is not reachable here, its mirror is.
    assert drive("--connect", "1", *through, "pull", tmp_path / "one", "x/image:t")["target"]["digest"] == image.digest
    # What the mirror lacks comes from the registry itself.
    assert drive(*through, "pull", tmp_path / "two", f"{origin.host}/x/other:t")["target"]["digest"] == other.digest
    mirror.process.terminate()
    mirror.process.wait(20)
    assert drive(*through, "pull", tmp_path / "three", f"{origin.host}/x/image:t")["target"]["digest"] == image.digest
    with pytest.raises(DriverError) as refused:
        drive("--mirror", f"{origin.host}=http://mirror.example", "pull", tmp_path / "four", f"{origin.host}/x/image:t")
    assert refused.value.code == "invalid_argument" and "plain http" in refused.value.message


def test_paths_are_plain_files(tmp_path, registry):
    """A store holds nothing but regular files, so that removing its folder removes everything."""
    image = Image(layers=1)
    push_with_skopeo(tmp_path, registry, image)
    drive("pull", tmp_path / "store", f"{registry.host}/x/image:t")
    assert all(path.is_dir() or path.is_file() for path in pathlib.Path(tmp_path / "store").rglob("*"))
