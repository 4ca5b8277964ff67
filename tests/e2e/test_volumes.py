"""C12: volumes, binds, tmpfs."""
import json
import os


def test_C12_named_volume_outlives_the_workload(box):
    box.ok("run", "--rm", "-v", "data:/var/keep", "box", "sh", "-c", "echo kept >/var/keep/file")
    assert box.ok("run", "--rm", "-v", "data:/mnt", "box", "cat", "/mnt/file") == "kept"
    assert box.ok("volume", "ls", "-q") == "data"
    box.ok("create", "--name", "w", "-v", "data:/mnt", "box", "true")
    done = box.cli("volume", "rm", "data")
    assert done.returncode == 1 and "w" in done.stderr
    box.ok("rm", "w")
    box.ok("volume", "rm", "data")
    assert box.ok("volume", "ls", "-q") == ""


def test_C12_read_only_mounts_refuse_writes(box):
    host = box.scratch / "host"
    host.mkdir()
    (host / "f").write_text("from here\n")
    done = box.cli("run", "--rm", "-v", f"{host}:/mnt:ro", "-v", "data:/keep:ro", "box", "sh", "-c", "cat /mnt/f; touch /mnt/x; touch /keep/x")
    assert done.stdout == "from here\n" and done.stderr.count("Read-only") == 2
    assert not (host / "x").exists()
    box.ok("run", "--rm", "--mount", f"type=bind,source={host},target=/mnt", "box", "touch", "/mnt/y")
    assert (host / "y").exists()


def test_C12_a_new_volume_is_filled_from_the_image(box):
    assert box.ok("run", "--rm", "-v", "seeded:/data", "box", "cat", "/data/seed") == "from the image"
    assert box.ok("run", "--rm", "-v", "seeded:/mnt", "box", "cat", "/mnt/seed") == "from the image"
    assert box.cli("run", "--rm", "-v", "empty:/data:nocopy", "box", "cat", "/data/seed").returncode == 1


def test_C12_anonymous_volumes_go_with_the_workload(box):
    box.ok("run", "--rm", "-v", "/anon", "box", "touch", "/anon/x")
    assert box.ok("volume", "ls", "-q") == ""
    box.ok("run", "--name", "w", "-v", "/anon", "box", "touch", "/anon/x")
    assert len(box.ok("volume", "ls", "-q").split()) == 1
    box.ok("rm", "-v", "w")
    assert box.ok("volume", "ls", "-q") == ""


def test_C12_tmpfs_and_missing_sources(box):
    out = box.ok("run", "--rm", "--tmpfs", "/t:size=1m,mode=700", "box", "sh", "-c", "stat -c %a /t; df -k /t | tail -1; dd if=/dev/zero of=/t/x bs=1k count=2000 2>&1 | grep -c 'No space'")
    assert out.splitlines()[0] == "700" and out.splitlines()[-1] == "1"
    done = box.cli("run", "--rm", "--mount", f"type=bind,source={box.scratch}/no-such,target=/mnt", "box", "true")
    assert done.returncode == 125 and "no-such" in done.stderr
    box.ok("run", "--rm", "-v", f"{box.scratch}/made:/mnt", "box", "true")
    assert os.path.isdir(box.scratch / "made")


def test_volume_with_options(box):
    box.ok("volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "-o", "o=size=2m", "mem")
    assert "tmpfs" in box.ok("run", "--rm", "-v", "mem:/m", "box", "grep", " /m ", "/proc/mounts")
    done = box.cli("volume", "create", "-o", "colour=red", "bad")
    assert done.returncode == 1 and "colour" in done.stderr
    assert json.loads(box.ok("volume", "inspect", "mem"))["spec"]["options"]["type"] == "tmpfs"
