"""Images through Docker's API: the docker command line against a private engine and a real registry."""
import base64
import hashlib
import json
import re
import tarfile

import pytest

from harness import images
from harness.engine import UnixConnection
from harness.registry import Registry

ADDRESS = "127.0.0.1:5000"


@pytest.fixture
def registry(docker):
    registry = Registry(docker.engine)
    yield registry
    registry.stop()


def image_ids(docker, *args):
    return docker.ok("images", "-q", "--no-trunc", *args).split()


def lines_of(text):
    return [json.loads(line) for line in text.splitlines() if line.strip()] if isinstance(text, str) else [text]


def layers_of(path):
    """Digests of the uncompressed layers of a saved archive, read from its bytes."""
    with tarfile.open(path) as tar:
        manifest = json.load(tar.extractfile("manifest.json"))[0]
        return [hashlib.sha256(tar.extractfile(name).read()).hexdigest() for name in manifest["Layers"]]


def test_C02_pull_by_tag_and_digest(docker, registry):
    name = f"{ADDRESS}/team/box:1"
    docker.ok("tag", "box", name)
    pushed = docker.ok("push", name)
    digest = re.search(r"1: digest: (sha256:[0-9a-f]{64}) size: [0-9]+", pushed)[1]
    assert pushed.startswith(f"The push refers to repository [{ADDRESS}/team/box]")
    assert digest == registry.digest("team/box:1")
    identity = docker.inspect(name)["Id"]
    assert docker.inspect(name)["RepoDigests"] == [f"{ADDRESS}/team/box@{digest}"]
    docker.ok("rmi", "-f", identity)
    assert image_ids(docker) == []

    first = docker.ok("pull", name)
    assert "1: Pulling from team/box" in first and "Pull complete" in first
    assert f"Digest: {digest}" in first and f"Status: Downloaded newer image for {name}" in first
    again = docker.ok("pull", name)
    assert f"Status: Image is up to date for {name}" in again and "Pull complete" not in again
    assert image_ids(docker) == [identity]
    docker.ok("rmi", name)
    by_digest = docker.ok("pull", f"{ADDRESS}/team/box@{digest}")
    assert f"{digest}: Pulling from team/box" in by_digest
    found = docker.inspect(f"{ADDRESS}/team/box@{digest}")
    assert found["Id"] == identity and found["RepoTags"] == []


def test_C02_pull_all_tags_and_push_all_tags(docker, registry):
    for tag in ("one", "two"):
        docker.ok("tag", "box", f"{ADDRESS}/many:{tag}")
    docker.ok("push", "-a", f"{ADDRESS}/many")
    docker.ok("rmi", f"{ADDRESS}/many:one", f"{ADDRESS}/many:two")
    docker.ok("pull", "-a", f"{ADDRESS}/many")
    assert set(docker.inspect(f"{ADDRESS}/many:one")["RepoTags"]) == {"box:latest", f"{ADDRESS}/many:one", f"{ADDRESS}/many:two"}


def test_C02_pull_tells_what_is_not_there_before_the_first_line(docker, registry):
    status, body = docker.api("POST", f"/images/create?fromImage={ADDRESS}/nothing&tag=1")
    assert status == 404 and "not found" in body["message"], body
    assert docker.api("POST", "/images/create?fromImage=UPPER&tag=1")[0] == 400
    assert docker.api("POST", "/images/create?fromImage=scratch&tag=latest")[1]["message"] == "'scratch' is a reserved name"
    failed = docker.cli("pull", "127.0.0.1:1/nobody/there:1")
    assert failed.returncode == 1 and failed.stderr.startswith("Error response from daemon")
    failed = docker.cli("push", f"{ADDRESS}/never:1")
    assert failed.returncode == 1 and "An image does not exist locally with the tag" in failed.stderr


def test_C02_pull_lines_are_those_of_docker(docker, registry):
    docker.ok("tag", "box", f"{ADDRESS}/box:1")
    docker.ok("push", f"{ADDRESS}/box:1")
    docker.ok("rmi", "-f", docker.inspect("box")["Id"])
    _, text = docker.api("POST", f"/images/create?fromImage={ADDRESS}/box&tag=1")
    lines = lines_of(text)
    assert lines[0] == {"status": "Pulling from box", "id": "1"}
    layer = next(line["id"] for line in lines if line["status"] == "Pulling fs layer")
    assert re.fullmatch("[0-9a-f]{12}", layer)
    of_layer = [line["status"] for line in lines if line.get("id") == layer]
    wanted = ["Pulling fs layer", "Verifying Checksum", "Download complete", "Pull complete"]
    assert [status for status in of_layer if status in wanted] == wanted
    assert all("progressDetail" in line for line in lines if line.get("id") == layer)
    assert lines[-1]["status"].startswith("Status: Downloaded newer image")


def test_C02_login_push_and_pull_need_the_password(docker):
    registry = Registry(docker.engine, port=5001, login=("alice", "secret"))
    try:
        name = "127.0.0.1:5001/private:1"
        docker.ok("tag", "box", name)
        refused = docker.cli("push", name)
        assert refused.returncode == 1 and "unauthorized" in refused.stderr
        credential = docker.config / "config.json"  # what `docker login` writes
        credential.write_text(json.dumps({"auths": {"127.0.0.1:5001": {"auth": base64.b64encode(b"alice:wrong").decode()}}}))
        assert "unauthorized" in docker.cli("push", name).stderr
        credential.write_text(json.dumps({"auths": {"127.0.0.1:5001": {"auth": base64.b64encode(b"alice:secret").decode()}}}))
        docker.ok("push", name)
        docker.ok("rmi", name)
        docker.ok("pull", name)
        credential.unlink()
        refused = docker.cli("pull", name)
        assert refused.returncode == 1 and "docker login" in refused.stderr
        assert docker.api("POST", f"/images/create?fromImage={name}", headers={"X-Registry-Auth": "???"})[0] == 400
    finally:
        registry.stop()


def test_C17_save_and_load_keep_layers_byte_for_byte(docker, tmp_path):
    docker.ok("tag", "box", "box:two")
    docker.ok("save", "-o", tmp_path / "a.tar", "box")
    identity, diff_ids = docker.inspect("box")["Id"], docker.inspect("box")["RootFS"]["Layers"]
    assert ["sha256:" + layer for layer in layers_of(tmp_path / "a.tar")] == diff_ids
    docker.ok("rmi", "-f", identity)
    loaded = docker.ok("load", "-i", tmp_path / "a.tar")
    assert loaded.splitlines() == ["Loaded image: box:latest", "Loaded image: box:two"]
    assert docker.inspect("box")["Id"] == identity
    docker.ok("save", "-o", tmp_path / "b.tar", "box:latest", "box:two")
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()
    # by ID: without names
    docker.ok("save", "-o", tmp_path / "c.tar", identity)
    docker.ok("rmi", "-f", identity)
    assert docker.ok("load", "-i", tmp_path / "c.tar") == f"Loaded image ID: {identity}"


def test_C17_saved_archives_are_read_by_others(docker, tmp_path):
    docker.ok("save", "-o", tmp_path / "a.tar", "box")
    inspected = docker.engine.inside("skopeo", "inspect", "--config", "--raw", f"docker-archive:{tmp_path / 'a.tar'}")
    assert inspected.returncode == 0, inspected.stderr
    assert json.loads(inspected.stdout)["rootfs"]["diff_ids"] == docker.inspect("box")["RootFS"]["Layers"]


def test_C17_load_tells_errors_in_its_lines(docker):
    status, body = docker.api("POST", "/images/load", b"no archive at all", {"Content-Type": "application/x-tar"})
    assert status == 200 and body["error"] == body["errorDetail"]["message"]
    failed = docker.cli("load", input="no archive at all")
    assert failed.returncode == 1 and failed.stderr


def test_C17_load_names_the_image_that_lost_its_name(docker, tmp_path):
    old = docker.inspect("box")["Id"]
    other = images.busybox_image(tmp_path / "other.tar", name="box")
    text = docker.ok("load", "-i", other)
    assert f"The image box:latest already exists, renaming the old one with ID {old} to empty string" in text
    assert docker.inspect(old)["RepoTags"] == []


def test_C17_import_makes_an_image_with_changes(docker, tmp_path):
    rootfs = images.busybox_rootfs(tmp_path / "rootfs.tar")
    identity = docker.ok("import", "-c", "CMD [\"echo\", \"hi\"]", "-c", "ENV A=b", "-m", "from a tar", rootfs, "imported:1")
    found = docker.inspect("imported:1")
    assert found["Id"] == identity and found["Config"]["Cmd"] == ["echo", "hi"] and found["Config"]["Env"] == ["A=b"]
    assert found["Comment"] == "from a tar"
    assert found["RootFS"]["Layers"] == ["sha256:" + hashlib.sha256(rootfs.read_bytes()).hexdigest()]
    assert docker.api("POST", "/images/create?fromSrc=-&changes=NONSENSE", rootfs.read_bytes())[0] == 400
    assert docker.api("POST", "/images/create?fromSrc=http://127.0.0.1/x")[0] == 501


def test_C03_list_and_its_filters(docker, tmp_path):
    docker.ok("tag", "box", "localhost:5000/team/box:1")
    labelled = images.busybox_image(tmp_path / "l.tar", name="labelled:1", config={"Labels": {"tier": "web"}})
    docker.ok("load", "-i", labelled)
    identity = docker.inspect("labelled:1")["Id"]
    assert image_ids(docker, "--filter", "label=tier=web") == [identity] == image_ids(docker, "--filter", "label=tier")
    assert image_ids(docker, "--filter", "label=tier=db") == []
    names = lambda *args: docker.ok("images", "--format", "{{.Repository}}:{{.Tag}}", *args).split()
    assert names("--filter", "reference=lab*") == ["labelled:1"]
    assert names("--filter", "reference=localhost*/*/box:*") == ["localhost:5000/team/box:1"]
    assert names("box") == ["box:latest"]
    assert names("--filter", "reference=docker.io/library/box") == ["box:latest"]
    assert docker.ok("images", "-q", "--filter", "dangling=true") == ""
    docker.ok("rmi", "-f", "labelled:1")
    docker.ok("load", "-i", labelled)
    docker.ok("tag", "box", "labelled:1")
    assert image_ids(docker, "--filter", "dangling=true") == [identity]
    assert image_ids(docker, "--filter", "until=2024-06-01") and not image_ids(docker, "--filter", "until=2023-06-01")
    assert docker.api("GET", '/images/json?filters={"nonsense":["1"]}')[0] == 400
    assert docker.api("GET", '/images/json?filters={"reference":["["]}')[0] == 400
    assert [image["Id"] for image in docker.api("GET", "/images/json?filter=lab*", version="v1.24")[1]] == [docker.inspect("box")["Id"]]
    assert docker.api("GET", '/images/json?filters={"before":["nosuch"]}')[0] == 404


def test_C03_inspect_by_version(docker):
    old = docker.api("GET", "/images/box/json", version="v1.40")[1]
    new = docker.api("GET", "/images/box/json")[1]
    assert old["VirtualSize"] == new["Size"] > 0 and "ContainerConfig" in old and "Container" in old
    assert not {"VirtualSize", "Container", "ContainerConfig"} & set(new)
    assert new["RepoTags"] == ["box:latest"] and new["Config"]["Cmd"] == ["sh"] and new["Os"] == "linux"
    assert new["Created"] == "2024-01-01T00:00:00Z" and new["Parent"] == "" and new["RepoDigests"] == []
    status, body = docker.api("GET", "/images/nosuch/json")
    assert status == 404 and body == {"message": "No such image: nosuch:latest"}
    for version, virtual in (("v1.24", True), ("v1.43", True), ("v1.44", False)):
        listed = docker.api("GET", "/images/json", version=version)[1]
        assert ("VirtualSize" in listed[0]) == virtual
    assert docker.api("GET", "/images/json?shared-size=1")[1][0]["SharedSize"] == 0
    assert docker.api("GET", "/images/search?term=box")[0] == 501


def test_C03_history_and_tag(docker):
    docker.ok("tag", "box", "box:other")
    history = docker.api("GET", "/images/box/history")[1]
    assert history[0]["Tags"] == ["box:latest", "box:other"] and history[0]["Id"] == docker.inspect("box")["Id"]
    assert history[0]["CreatedBy"] == "layer 0" and history[0]["Created"] == 1704067200 and history[0]["Size"] > 0
    assert docker.inspect("box")["Metadata"]["LastTagTime"] > "2020"
    assert docker.api("POST", "/images/box/tag?repo=UPPER")[0] == 400
    assert docker.api("POST", "/images/nosuch/tag?repo=x")[0] == 404
    assert docker.api("POST", "/images/box/tag?repo=sha256&tag=1")[0] == 400


def test_C03_remove_says_what_it_did(docker):
    identity, layer = docker.inspect("box")["Id"], docker.inspect("box")["RootFS"]["Layers"][0]
    docker.ok("tag", "box", "elsewhere:1")
    conflict = docker.cli("rmi", identity)
    assert conflict.returncode == 1
    assert f"conflict: unable to delete {identity[7:19]} (must be forced) - image is referenced in multiple repositories" in conflict.stderr
    assert docker.api("DELETE", "/images/elsewhere:1")[1] == [{"Untagged": "elsewhere:1"}]
    assert docker.api("DELETE", "/images/box")[1] == [{"Untagged": "box:latest"}, {"Deleted": identity}, {"Deleted": layer}]
    assert docker.api("DELETE", "/images/box")[0] == 404


def test_C03_remove_of_an_image_in_use(docker):
    identity = docker.inspect("box")["Id"]
    docker.engine.ok("run", "-d", "--name", "w", "box", "sleep", "1000")
    running = docker.engine.inspect("w")["metadata"]["uid"]
    conflict = docker.cli("rmi", "box").stderr
    assert f'unable to remove repository reference "box" (must force) - container {running[:12]} is using its referenced image {identity[7:19]}' in conflict
    conflict = docker.cli("rmi", "-f", identity).stderr
    assert f"(cannot be forced) - image is being used by running container {running[:12]}" in conflict
    docker.engine.ok("stop", "-t", "0", "w")
    conflict = docker.cli("rmi", identity).stderr
    assert f"(must be forced) - image is being used by stopped container {running[:12]}" in conflict
    assert docker.api("GET", "/images/json")[1][0]["Id"] == identity
    docker.ok("rmi", "-f", identity)
    assert docker.api("GET", "/images/json")[1] == []
    # the container keeps what it runs on
    docker.engine.ok("start", "w")
    assert docker.engine.ok("exec", "w", "cat", "/data/seed") == "from the image"
    docker.engine.ok("rm", "-f", "w")
    assert docker.api("POST", "/images/prune")[1]["SpaceReclaimed"] > 1_000_000  # nobody needs its layers any more


def test_C03_prune(docker, tmp_path):
    other = images.busybox_image(tmp_path / "other.tar", name="box")
    old = docker.inspect("box")["Id"]
    docker.ok("load", "-i", other)
    pruned = docker.api("POST", "/images/prune")[1]
    assert pruned["ImagesDeleted"][0] == {"Deleted": old} and pruned["SpaceReclaimed"] > 1_000_000
    assert docker.api("POST", "/images/prune")[1] == {"ImagesDeleted": None, "SpaceReclaimed": 0}
    kept = docker.api("POST", '/images/prune?filters={"dangling":["false"],"label":["nosuch"]}')[1]
    assert kept["ImagesDeleted"] is None
    assert "box:latest" in docker.ok("image", "prune", "-af")
    assert image_ids(docker, "-a") == []


def test_C02_distribution_inspect(docker, registry):
    docker.ok("tag", "box", f"{ADDRESS}/box:1")
    docker.ok("push", f"{ADDRESS}/box:1")
    status, body = docker.api("GET", f"/distribution/{ADDRESS}/box:1/json")
    assert status == 200 and body["Descriptor"]["digest"] == registry.digest("box:1")
    assert body["Platforms"] == [{"architecture": "amd64", "os": "linux"}]
    assert docker.api("GET", f"/distribution/{ADDRESS}/nosuch:1/json")[0] == 404


def test_C17_commit_keeps_what_the_container_changed_and_how_it_runs(docker):
    identity = docker.inspect("box")["Id"]
    docker.engine.ok("create", "--name", "c", "-e", "A=b", "-w", "/data", "--label", "x=y", "box", "sh", "-c", "echo changed > /data/new")
    early = docker.ok("commit", "c", "early")  # it never ran: no layer
    assert docker.inspect("early")["RootFS"] == docker.inspect("box")["RootFS"]
    docker.engine.ok("start", "c")
    docker.engine.wait("c", "stopped")
    made = docker.ok("commit", "-a", "Alice", "-m", "a note", "-c", "CMD [\"cat\", \"new\"]", "c", "changed:1")
    found = docker.inspect("changed:1")
    assert found["Id"] == made != early and found["Parent"] == identity and found["Author"] == "Alice" and found["Comment"] == "a note"
    config = found["Config"]
    assert config["Cmd"] == ["cat", "new"] and config["WorkingDir"] == "/data" and "A=b" in config["Env"] and config["Labels"] == {"x": "y"}
    assert docker.engine.ok("run", "--rm", "changed:1") == "changed"
    newest = docker.api("GET", "/images/changed:1/history")[1][0]
    assert newest["Comment"] == "a note" and newest["CreatedBy"] == "sh -c echo changed > /data/new" and newest["Tags"] == ["changed:1"]
    # an image that others were made from stays
    docker.engine.ok("rm", "c")
    assert "image has dependent child images" in docker.cli("rmi", "-f", identity).stderr
    assert docker.api("POST", "/commit?container=nosuch")[0] == 404


def test_C17_export_and_import_keep_every_file(docker, tmp_path):
    def exported(name, image):
        docker.engine.ok("run", "--name", name, image, "true")
        docker.engine.ok("export", "-o", tmp_path / name, name)
        with tarfile.open(tmp_path / name) as tar:
            return {m.name: (m.type, m.mode, m.uid, m.gid, m.size, m.linkname, tar.extractfile(m).read() if m.isreg() else b"") for m in tar}

    first = exported("c", "box")
    docker.ok("import", "-c", "CMD [\"sh\"]", "-c", "ENV PATH=/bin", tmp_path / "c", "again:1")
    assert exported("d", "again:1") == first and "data/seed" in {name.removeprefix("./") for name in first}


def big_image(docker, tmp_path, name):
    """An image whose one layer takes a while to send: bytes that do not compress."""
    with tarfile.open(tmp_path / "big.rootfs", "w") as tar:
        info = tarfile.TarInfo("noise")
        info.size = 400 << 20
        with open("/dev/urandom", "rb") as noise:
            tar.addfile(info, noise)
    docker.ok("import", tmp_path / "big.rootfs", name)
    (tmp_path / "big.rootfs").unlink()


def begin_pull(docker, name):
    """A pull by plain requests: its connection once the first bytes of a layer have come."""
    connection = UnixConnection(docker.engine.socket)
    connection.request("POST", f"/v1.47/images/create?fromImage={name}", headers={"X-Registry-Auth": "e30="})
    response = connection.getresponse()
    for line in response:
        if json.loads(line).get("status") == "Downloading":
            return connection, response
    raise AssertionError("the pull ended before it was seen")


def ingest(docker):
    return [path.name for path in (docker.engine.data / "images/content/ingest").iterdir()]


def test_C02_kill_9_in_a_pull(docker, registry, tmp_path):
    name = f"{ADDRESS}/big:1"
    big_image(docker, tmp_path, name)
    identity, layers = docker.inspect(name)["Id"], docker.inspect(name)["RootFS"]["Layers"]
    docker.ok("push", name)
    docker.ok("rmi", name)
    first = docker.spawn("pull", name)
    connection, _ = begin_pull(docker, name)  # both are told of the same transfer
    docker.engine.kill9()
    _, said = first.communicate(timeout=60)
    assert first.returncode == 1 and said
    connection.close()
    docker.engine.start()
    assert identity not in image_ids(docker, "-a") and docker.cli("image", "inspect", name).returncode == 1
    assert len(ingest(docker)) <= 1  # what came so far: the next pull goes on from there
    docker.ok("pull", name)
    assert docker.inspect(name)["Id"] == identity and docker.inspect(name)["RootFS"]["Layers"] == layers
    assert ingest(docker) == []
    blobs = docker.engine.data / "images/content/blobs/sha256"
    assert all(hashlib.sha256(blob.read_bytes()).hexdigest() == blob.name for blob in blobs.iterdir())


def test_C02_a_client_that_leaves_ends_its_pull(docker, registry, tmp_path):
    name = f"{ADDRESS}/big:1"
    big_image(docker, tmp_path, name)
    docker.ok("push", name)
    docker.ok("rmi", name)
    connection, response = begin_pull(docker, name)
    response.close()
    connection.close()
    docker.ok("pull", name)  # waits for whoever has the layer, and goes on from where it stopped
    assert docker.inspect(name)["RepoTags"] == [name] and ingest(docker) == []


def test_C02_two_pulls_of_one_image(docker, registry):
    name = f"{ADDRESS}/box:1"
    docker.ok("tag", "box", name)
    docker.ok("push", name)
    docker.ok("rmi", "-f", docker.inspect("box")["Id"])
    pulls = [docker.spawn("pull", "-q", name) for _ in range(4)]
    assert [pull.wait(60) for pull in pulls] == [0, 0, 0, 0]
    assert len(image_ids(docker)) == 1 and ingest(docker) == []
