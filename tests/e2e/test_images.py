"""C02, C03, C17: images come and go whole, are stored once, and round-trip."""
import hashlib
import json
import pathlib
import subprocess
import tarfile

import pytest

from harness.images import busybox_image, busybox_rootfs, docker_archive
from harness.registry import Registry


@pytest.fixture
def registry(engine):
    server = Registry(engine)
    yield server
    server.stop()


def push_box(engine, registry, name="box:1"):
    path = busybox_image(engine.scratch / "pushed.tar", name="pushed")
    registry.skopeo("copy", "--dest-tls-verify=false", f"docker-archive:{path}", f"docker://{registry.address}/{name}")
    return registry.digest(name)


def test_C02_pull_by_tag_and_by_digest(engine, registry):
    digest = push_box(engine, registry)
    by_tag = engine.ok("image", "pull", "-q", f"{registry.address}/box:1")
    by_digest = engine.ok("image", "pull", "-q", f"{registry.address}/box@{digest}")
    assert by_tag == by_digest
    assert engine.ok("run", "--rm", f"{registry.address}/box@{digest}", "cat", "/data/seed") == "from the image"
    wrong = "sha256:" + "0" * 64
    done = engine.cli("image", "pull", "-q", f"{registry.address}/box@{wrong}")
    assert done.returncode != 0 and wrong in done.stderr


def test_C02_run_pulls_what_is_missing(engine, registry):
    push_box(engine, registry)
    assert engine.cli("run", "--rm", "--pull", "never", f"{registry.address}/box:1", "true").returncode == 125
    assert engine.cli("run", "--rm", f"{registry.address}/box:1", "true").returncode == 0


def test_what_we_push_skopeo_pulls(box, registry):
    box.ok("image", "tag", "box", f"{registry.address}/back:2")
    digest = box.ok("image", "push", "-q", f"{registry.address}/back:2")
    target = box.scratch / "out"
    registry.skopeo("copy", "--src-tls-verify=false", f"docker://{registry.address}/back:2", f"oci:{target}:x")
    assert registry.digest("back:2") == digest


def test_C03_two_images_share_their_base(engine):
    base = busybox_rootfs(engine.scratch / "base.tar")
    for name in ("one", "two"):
        layer = engine.scratch / f"{name}.layer"
        with tarfile.open(layer, "w") as tar:
            info = tarfile.TarInfo(f"etc/{name}")
            tar.addfile(info)
        engine.ok("image", "load", "-i", docker_archive(engine.scratch / f"{name}.tar", [base, layer], name))
    copies = [p for p in engine.data.rglob("bin/busybox")]
    assert len(copies) == 1, copies
    for name in ("one", "two"):
        assert engine.cli("run", "--rm", name, "test", "-e", f"/etc/{name}").returncode == 0
    engine.ok("image", "rm", "one")
    assert engine.cli("run", "--rm", "two", "true").returncode == 0


def test_image_rm_refuses_what_a_workload_uses(box):
    box.ok("create", "--name", "w", "box", "true")
    done = box.cli("image", "rm", "box")
    assert done.returncode == 1 and "w" in done.stderr
    box.ok("rm", "w")
    box.ok("image", "rm", "box")
    assert not list(box.data.rglob("bin/busybox"))


def layer_digests(path):
    with tarfile.open(path) as tar:
        manifest = json.load(tar.extractfile("manifest.json"))
        return [hashlib.sha256(tar.extractfile(name).read()).hexdigest() for name in manifest[0]["Layers"]]


def test_C17_save_load_round_trips_byte_identical_layers(box, make_engine):
    first = box.scratch / "first.tar"
    box.ok("image", "save", "-o", first, "box")
    other = make_engine()
    other.ok("image", "load", "-i", first)
    second = other.scratch / "second.tar"
    other.ok("image", "save", "-o", second, "box")
    assert layer_digests(first) == layer_digests(second)
    ids = [json.loads(e.ok("image", "inspect", "box"))["id"] for e in (box, other)]
    assert ids[0] == ids[1]


def test_C17_commit_and_export_keep_what_was_written(box):
    box.ok("run", "--name", "w", "box", "sh", "-c", "echo new >/etc/new; rm /data/seed; mkdir -p /srv/a; ln -s /etc/new /srv/a/link; chown 1000:50 /etc/new")
    changes = {line.split(" ", 1)[1]: line[0] for line in box.ok("changes", "w").splitlines()}
    assert changes["/etc/new"] == "A" and changes["/data/seed"] == "D" and changes["/etc"] == "C"
    box.ok("commit", "w", "box2", "-c", 'CMD ["cat", "/etc/new"]', "-c", "ENV A=b")
    assert box.ok("run", "--rm", "box2") == "new"
    assert box.cli("run", "--rm", "box2", "test", "-e", "/data/seed").returncode == 1
    assert box.ok("run", "--rm", "box2", "stat", "-c", "%u:%g", "/etc/new") == "1000:50"
    box.ok("export", "w", "-o", box.scratch / "w.tar")
    with tarfile.open(box.scratch / "w.tar") as tar:
        names = {n.removeprefix("./") for n in tar.getnames()}
        assert "etc/new" in names and "data/seed" not in names
    box.ok("image", "import", box.scratch / "w.tar", "flat", "-c", 'CMD ["cat","/etc/new"]')
    assert box.ok("run", "--rm", "flat") == "new"


def test_C17_umoci_and_skopeo_read_what_we_save(box):
    box.ok("image", "save", "-o", box.scratch / "s.tar", "box")
    subprocess.run(["skopeo", "copy", f"docker-archive:{box.scratch / 's.tar'}", f"oci:{box.scratch / 'oci'}:x"], check=True, capture_output=True)
    subprocess.run(["umoci", "unpack", "--image", f"{box.scratch / 'oci'}:x", box.scratch / "bundle"], check=True, capture_output=True)
    assert (box.scratch / "bundle/rootfs/data/seed").read_text() == "from the image\n"


@pytest.mark.parametrize("damage", ["truncate", "flip", "escape", "absolute-link"])
def test_hostile_archives_are_refused_and_leave_nothing(engine, damage):
    rootfs = busybox_rootfs(engine.scratch / "r.tar")
    if damage in ("escape", "absolute-link"):
        with tarfile.open(rootfs, "a") as tar:
            info = tarfile.TarInfo("../../../escaped" if damage == "escape" else "trap")
            if damage == "absolute-link":
                info.type, info.linkname = tarfile.SYMTYPE, str(engine.scratch)
                tar.addfile(info)
                info = tarfile.TarInfo("trap/escaped")
            tar.addfile(info)
    archive = docker_archive(engine.scratch / "bad.tar", [rootfs], "bad")
    data = bytearray(archive.read_bytes())
    if damage == "truncate":
        data = data[: len(data) * 2 // 3]
    if damage == "flip":
        data[len(data) // 2] ^= 0x40
    archive.write_bytes(data)
    done = engine.cli("image", "load", "-i", archive)
    if damage == "absolute-link" and done.returncode == 0:
        pass  # a link that leads out of the image leads into it when it is resolved inside: nothing may appear outside
    else:
        assert done.returncode != 0 and done.stderr.startswith("fulcrum: ")
        assert engine.ok("image", "ls", "-q") == ""
        assert not list(engine.data.rglob("bin/busybox"))
    assert not (engine.scratch / "escaped").exists() and not list(engine.top.glob("escaped"))
    assert engine.daemon.poll() is None
