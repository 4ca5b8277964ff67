"""docker cp, export and diff: created, running and stopped containers, links, owners, big files, volumes, and what is refused."""
import base64
import io
import json
import os
import subprocess
import tarfile

from harness.engine import UnixConnection

FOREVER = ("sh", "-c", "while :; do sleep 1000; done")


def archive(docker, method, name, path, body=None, **query):
    """One call of the archive operations: (status, headers, body)."""
    connection = UnixConnection(docker.engine.socket)
    try:
        more = "".join(f"&{key}={value}" for key, value in query.items())
        connection.request(method, f"/v1.47/containers/{name}/archive?path={path}{more}", body, {"Content-Type": "application/x-tar"})
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


def stat(docker, name, path):
    status, headers, _ = archive(docker, "HEAD", name, path)
    assert status == 200
    return json.loads(base64.b64decode(headers["X-Docker-Container-Path-Stat"]))


def tar(**files):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as out:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.uid, info.gid, info.mode = len(content), 1234, 4321, 0o640
            out.addfile(info, io.BytesIO(content))
    return data.getvalue()


def test_copy_in_and_out_at_every_stage(docker, tmp_path):
    source = tmp_path / "source"
    (source / "sub").mkdir(parents=True)
    (source / "sub" / "file").write_bytes(os.urandom(100_000))
    os.symlink("sub/file", source / "link")
    os.chown(source / "sub" / "file", 1234, 4321)
    os.chmod(source / "sub" / "file", 0o751)
    docker.ok("create", "--name", "c", "--network", "none", "box", *FOREVER)
    for stage in ("created", "running", "stopped"):
        if stage == "running":
            docker.ok("start", "c")
        if stage == "stopped":
            docker.ok("kill", "c")
        docker.ok("cp", source, f"c:/tmp/{stage}")
        back = tmp_path / stage
        docker.ok("cp", f"c:/tmp/{stage}", back)
        assert (back / "sub" / "file").read_bytes() == (source / "sub" / "file").read_bytes()
        assert os.readlink(back / "link") == "sub/file"
        with tarfile.open(fileobj=io.BytesIO(archive(docker, "GET", "c", f"/tmp/{stage}/sub/file")[2])) as packed:
            kept = packed.getmember("file")
        assert (kept.uid, kept.gid, kept.mode & 0o777) == (1234, 4321, 0o751)
        docker.ok("cp", "-L", f"c:/tmp/{stage}/link", tmp_path / f"{stage}-followed")
        assert (tmp_path / f"{stage}-followed").read_bytes() == (source / "sub" / "file").read_bytes()
    docker.ok("start", "c")
    for stage in ("created", "running", "stopped"):
        assert docker.ok("exec", "c", "stat", "-c", "%u:%g:%a", f"/tmp/{stage}/sub/file") == "1234:4321:751"
    missing = docker.cli("cp", "c:/no/such", tmp_path / "x")
    assert missing.returncode == 1 and "Could not find the file /no/such in container c" in missing.stderr


def test_a_big_file_comes_back_whole(docker, tmp_path):
    big = tmp_path / "big"
    with open(big, "wb") as out:
        for _ in range(200):
            out.write(os.urandom(1 << 20))
    docker.ok("create", "--name", "c", "--network", "none", "box", "true")
    docker.ok("cp", big, "c:/big", timeout=120)
    docker.ok("cp", "c:/big", tmp_path / "back", timeout=120)
    assert subprocess.run(["cmp", big, tmp_path / "back"]).returncode == 0


def test_volumes_are_seen_before_the_first_run_and_after_it(docker, tmp_path):
    (tmp_path / "host").mkdir()
    (tmp_path / "host" / "given").write_text("bound")
    docker.ok("create", "--name", "c", "--network", "none", "-v", f"{tmp_path}/host:/mnt/bound", "-v", "data:/data", "box", "sh", "-c",
              "cat /data/put; echo ran > /data/ran")
    docker.ok("cp", "c:/mnt/bound/given", tmp_path / "got")
    assert (tmp_path / "got").read_text() == "bound"
    (tmp_path / "put").write_text("into the volume\n")
    docker.ok("cp", tmp_path / "put", "c:/data/put")
    assert docker.ok("start", "-a", "c") == "into the volume"
    docker.ok("cp", "c:/data/ran", tmp_path / "ran")
    assert (tmp_path / "ran").read_text() == "ran\n"
    docker.ok("rm", "c")
    assert docker.ok("run", "--rm", "--network", "none", "-v", "data:/data", "box", "cat", "/data/put") == "into the volume"


def test_what_a_path_is(docker):
    docker.ok("run", "--name", "c", "--network", "none", "box", "sh", "-c",
              "mkdir -p /d/e; echo 12345 > /d/e/f; ln -s ../d/e/f /d/l; ln -s /nowhere/at/all /d/dangling; ln -s l /d/twice; chmod 4755 /d/e/f; mkfifo /d/p; chmod 1777 /d/e")
    f = stat(docker, "c", "/d/e/f")
    assert (f["name"], f["size"], f["mode"], f["linkTarget"]) == ("f", 6, 0o755 | 1 << 23, "")
    assert stat(docker, "c", "/d/e")["mode"] == 0o777 | 1 << 31 | 1 << 20
    assert stat(docker, "c", "/d/p")["mode"] >> 25 == 1
    for link in ("l", "twice"):
        found = stat(docker, "c", f"/d/{link}")
        assert found["mode"] >> 27 == 1 and (found["name"], found["linkTarget"]) == (link, "/d/e/f")
    assert stat(docker, "c", "/d/dangling")["linkTarget"] == "/nowhere/at/all"
    assert stat(docker, "c", "/")["name"] == "/"
    assert archive(docker, "HEAD", "c", "/none")[0] == 404
    assert archive(docker, "HEAD", "nosuch", "/")[0] == 404
    assert archive(docker, "GET", "c", "")[0] == 400


def test_uploads(docker):
    docker.ok("run", "-d", "--name", "c", "--network", "none", "--user", "65534:12", "box", *FOREVER)
    import gzip
    assert archive(docker, "PUT", "c", "/tmp", gzip.compress(tar(a=b"one")))[0] == 200
    assert docker.ok("exec", "c", "stat", "-c", "%u:%g", "/tmp/a") == "1234:4321"
    assert archive(docker, "PUT", "c", "/tmp", tar(b=b"two"), copyUIDGID=1)[0] == 200
    assert docker.ok("exec", "c", "stat", "-c", "%u:%g", "/tmp/b") == "65534:12"
    status, _, body = archive(docker, "PUT", "c", "/tmp/a", tar(x=b""))
    assert (status, json.loads(body)) == (400, {"message": "extraction point is not a directory"})
    assert archive(docker, "PUT", "c", "/none", tar(x=b""))[0] == 404
    docker.ok("exec", "c", "mkdir", "/tmp/folder")
    assert archive(docker, "PUT", "c", "/tmp", tar(folder=b"x"), noOverwriteDirNonDir=1)[0] == 400
    assert archive(docker, "PUT", "c", "/tmp", b"this is no tar" * 100)[0] >= 400
    assert archive(docker, "PUT", "c", "/tmp", tar(**{"../../escaped": b"x"}))[0] in (200, 400)
    assert docker.cli("exec", "c", "ls", "/escaped").returncode != 0


def test_read_only_places_are_refused(docker, tmp_path):
    docker.ok("create", "--name", "c", "--network", "none", "--read-only", "-v", "data:/data", "-v", f"{tmp_path}:/bound:ro", "box", "true")
    for path, text in (("/tmp", "container rootfs is marked read-only"), ("/bound", "mounted volume is marked read-only")):
        status, _, body = archive(docker, "PUT", "c", path, tar(x=b"y"))
        assert (status, json.loads(body)) == (400, {"message": text})
    assert archive(docker, "PUT", "c", "/data", tar(x=b"y"))[0] == 200
    assert not (tmp_path / "x").exists()


def test_diff_and_export(docker, tmp_path):
    docker.ok("create", "--name", "c", "box", "sh", "-c", "echo x > /new; rm /bin/vi; mkdir /d; echo y >> /etc/passwd")
    assert docker.api("GET", "/containers/c/changes") == (200, [])
    docker.ok("start", "-a", "c")
    assert sorted(docker.ok("diff", "c").splitlines()) == ["A /d", "A /new", "C /bin", "C /etc", "C /etc/passwd", "D /bin/vi"]
    status, changes = docker.api("GET", "/containers/c/changes")
    assert {"Path": "/bin/vi", "Kind": 2} in changes and {"Path": "/new", "Kind": 1} in changes and {"Path": "/etc", "Kind": 0} in changes
    docker.ok("run", "-d", "--name", "r", "-v", "data:/data", "box", "sh", "-c", "echo x > /new; echo v > /data/v; while :; do sleep 1000; done")
    docker.ok("export", "-o", tmp_path / "r.tar", "r")
    with tarfile.open(tmp_path / "r.tar") as tree:
        names = {name.removeprefix("./") for name in tree.getnames()}
        assert "bin/busybox" in names and not any(name.startswith("proc/") for name in names) and "data/v" not in names


def test_killed_daemon_in_the_middle_of_a_copy(docker, tmp_path):
    docker.ok("run", "-d", "--name", "c", "--network", "none", "box", "sh", "-c", "dd if=/dev/zero of=/big bs=1M count=300; while :; do sleep 1000; done")
    client = docker.spawn("cp", "c:/big", "-", stdout=subprocess.PIPE)
    assert len(client.stdout.read(1 << 20)) == 1 << 20
    docker.engine.kill9()
    client.stdout.close()
    client.stderr.read()
    assert client.wait(30) != 0
    docker.engine.start()
    assert docker.inspect("c")["State"]["Running"]
    docker.ok("cp", "c:/etc/passwd", tmp_path / "passwd")
    docker.ok("rm", "-f", "c")
