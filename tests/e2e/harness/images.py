"""Images made from what Debian ships, each with content of its own: images of the same bytes would share one ID."""
import hashlib
import io
import json
import os
import pathlib
import subprocess
import tarfile
import tempfile
import uuid

BUSYBOX = pathlib.Path("/bin/busybox")
PASSWD = "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/:/bin/false\nalice:x:1000:1000:Alice:/home/alice:/bin/sh\n"
GROUP = "root:x:0:\ndaemon:x:1:\nalice:x:1000:\nstaff:x:50:alice\n"


def scratch_dir():
    return pathlib.Path(tempfile.mkdtemp(prefix="fulcrum-e2e-"))


def _add(tar, name, data=b"", mode=0o644, kind=tarfile.REGTYPE, link="", uid=0, gid=0):
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.linkname, info.uid, info.gid, info.mtime = kind, mode, link, uid, gid, 1_700_000_000
    info.size = len(data) if kind == tarfile.REGTYPE else 0
    tar.addfile(info, io.BytesIO(data) if kind == tarfile.REGTYPE else None)


def busybox_rootfs(path, extra=None):
    """A tar of a small root file system: busybox with its applets, users root and alice, and a file that makes it unique."""
    applets = subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True, check=True).stdout.split()
    with tarfile.open(path, "w") as tar:
        for folder, mode in [("bin", 0o755), ("etc", 0o755), ("tmp", 0o1777), ("root", 0o700), ("home", 0o755), ("var", 0o755), ("proc", 0o555),
                             ("sys", 0o555), ("dev", 0o755), ("data", 0o755)]:
            _add(tar, folder, mode=mode, kind=tarfile.DIRTYPE)
        _add(tar, "home/alice", mode=0o755, kind=tarfile.DIRTYPE, uid=1000, gid=1000)
        _add(tar, "bin/busybox", BUSYBOX.read_bytes(), mode=0o755)
        for applet in applets:
            if applet != "busybox":
                _add(tar, f"bin/{applet}", kind=tarfile.LNKTYPE, link="bin/busybox", mode=0o755)
        _add(tar, "etc/passwd", PASSWD.encode())
        _add(tar, "etc/group", GROUP.encode())
        _add(tar, "etc/unique", uuid.uuid4().hex.encode())
        _add(tar, "data/seed", b"from the image\n")
        for name, data in (extra or {}).items():
            _add(tar, name, data if isinstance(data, bytes) else data.encode(), mode=0o755)
    return pathlib.Path(path)


def docker_archive(path, layers, name, config=None):
    """A `docker save` archive of uncompressed layer tars."""
    blobs = [pathlib.Path(layer).read_bytes() for layer in layers]
    image = {
        "architecture": "amd64", "os": "linux", "created": "2024-01-01T00:00:00Z",
        "config": {"Cmd": ["sh"], "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"], **(config or {})},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(b).hexdigest() for b in blobs]},
        "history": [{"created": "2024-01-01T00:00:00Z", "created_by": f"layer {i}"} for i in range(len(blobs))],
    }
    text = json.dumps(image).encode()
    config_name = hashlib.sha256(text).hexdigest() + ".json"
    with tarfile.open(path, "w") as tar:
        _add(tar, config_name, text)
        names = []
        for blob in blobs:
            names.append(hashlib.sha256(blob).hexdigest() + "/layer.tar")
            _add(tar, names[-1], blob)
        _add(tar, "manifest.json", json.dumps([{"Config": config_name, "RepoTags": [f"{name}:latest" if ":" not in name else name], "Layers": names}]).encode())
    return pathlib.Path(path)


def busybox_image(path, name="box", config=None, extra=None):
    """A docker-archive with one busybox layer."""
    path = pathlib.Path(path)
    rootfs = busybox_rootfs(path.with_suffix(".rootfs"), extra)
    docker_archive(path, [rootfs], name, config)
    rootfs.unlink()
    return path
