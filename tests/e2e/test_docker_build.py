"""C14: images are built from Dockerfiles: by `docker build` (the classic builder's protocol) and by `fulcrum build`."""
import io
import json
import re
import signal
import subprocess
import tarfile
import time

import pytest

from harness.images import busybox_image


def context(folder, dockerfile, files=None):
    """A build context: `files` maps names to text."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in {**(files or {}), "Dockerfile": dockerfile}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def tar_of(dockerfile):
    """A context of one Dockerfile, as it travels."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        info = tarfile.TarInfo("Dockerfile")
        info.size = len(dockerfile)
        tar.addfile(info, io.BytesIO(dockerfile.encode()))
    return buffer.getvalue()


@pytest.fixture
def build(docker):
    """Builds a Dockerfile with docker; returns what it printed."""
    counter = iter(range(1000))

    def run(dockerfile, *args, files=None, ok=True, folder=None):
        where = context(folder or docker.engine.scratch / f"context-{next(counter)}", dockerfile, files)
        done = docker.cli("build", *args, where)
        assert (done.returncode == 0) == ok, done.stdout + done.stderr
        return done.stdout if ok else done.stdout + done.stderr

    return run


def inside(engine, image, command):
    return engine.ok("run", "--rm", image, "sh", "-c", command)


def config_of(docker, image):
    status, answer = docker.api("GET", f"/images/{image}/json")
    assert status == 200, answer
    return answer["Config"]


def test_C14_build_from_dockerfile_with_cache_hits_and_multi_stage(build, docker, box):
    dockerfile = """\
ARG BASE=box
FROM ${BASE} AS maker
WORKDIR /src
COPY hello.txt .
RUN tr a-z A-Z < hello.txt > /loud && echo made
FROM box
COPY --from=maker /loud /srv/loud
ENV GREETING=hi
CMD ["cat", "/srv/loud"]
"""
    out = build(dockerfile, "-t", "shop:1", files={"hello.txt": "hello\n"})
    assert "Step 1/9 : ARG BASE=box\n" in out and "Step 9/9 : CMD [\"cat\", \"/srv/loud\"]\n" in out
    assert re.search(r" ---> Running in [0-9a-f]{12}\nmade\n ---> Removed intermediate container [0-9a-f]{12}\n", out)
    built = re.search(r"Successfully built ([0-9a-f]{12})\nSuccessfully tagged shop:1\n", out)
    assert built and f" ---> {built[1]}\n" in out
    assert box.ok("run", "--rm", "shop:1") == "HELLO"
    again = build(dockerfile, "-t", "shop:2", files={"hello.txt": "hello\n"})
    assert again.count(" ---> Using cache\n") == 6 and "Running in" not in again
    assert f"Successfully built {built[1]}" in again
    # Another file: what comes before it is known, what comes after it is not.
    changed = build(dockerfile, "-t", "shop:3", files={"hello.txt": "other\n"})
    assert changed.count(" ---> Using cache\n") == 1
    assert box.ok("run", "--rm", "shop:3") == "OTHER"
    assert build(dockerfile, "--no-cache", files={"hello.txt": "hello\n"}).count("Using cache") == 0


def test_C14_config_instructions(build, docker):
    build("""\
FROM box
LABEL a=1 b="two words"
ENV X=1 Y="2 3"
ENV Z=$X-$Y
EXPOSE 80 53/udp
USER nobody
WORKDIR /work
WORKDIR sub
VOLUME ["/data"]
STOPSIGNAL SIGUSR1
SHELL ["/bin/sh", "-ec"]
HEALTHCHECK --interval=5s --retries=2 CMD test -e /work
ENTRYPOINT echo hi
ONBUILD RUN touch /triggered
""", "-t", "conf", "--label", "c=3")
    config = config_of(docker, "conf")
    assert config["Labels"] == {"a": "1", "b": "two words", "c": "3"}
    assert {"X=1", "Y=2 3", "Z=1-2 3"} <= set(config["Env"])
    assert set(config["ExposedPorts"]) == {"80/tcp", "53/udp"}
    assert (config["User"], config["WorkingDir"], config["StopSignal"]) == ("nobody", "/work/sub", "SIGUSR1")
    assert config["Entrypoint"] == ["/bin/sh", "-ec", "echo hi"] and not config["Cmd"]
    assert config["Healthcheck"]["Test"] == ["CMD-SHELL", "test -e /work"] and config["Healthcheck"]["Retries"] == 2
    assert config["OnBuild"] == ["RUN touch /triggered"] and list(config["Volumes"]) == ["/data"]


def test_C14_onbuild_triggers_run_in_the_next_build(build, box):
    build("FROM box\nONBUILD RUN echo fired > /triggered\n", "-t", "parent")
    out = build("FROM parent\nENTRYPOINT [\"cat\", \"/triggered\"]\n", "-t", "child")
    assert "# Executing 1 build trigger\n" in out
    assert box.ok("run", "--rm", "child") == "fired"


def test_C14_arguments(build, box):
    dockerfile = "FROM box\nARG WHO=nobody\nRUN echo $WHO > /who\nCMD cat /who\n"
    build(dockerfile, "-t", "a")
    assert box.ok("run", "--rm", "a") == "nobody"
    out = build(dockerfile, "-t", "b", "--build-arg", "WHO=me", "--build-arg", "UNUSED=1")
    assert "[Warning] One or more build-args [UNUSED] were not consumed" in out
    assert box.ok("run", "--rm", "b") == "me"
    assert "WHO" not in inside(box, "b", "env")  # arguments are not the container's environment


def test_C14_copy_owners_modes_folders_and_ignored_files(build, box):
    build("""\
FROM box
COPY --chown=1234:55 a.txt /owned
COPY tree /tree
COPY *.txt /texts/
COPY . /all/
""", "-t", "copied", files={"a.txt": "a", "b.txt": "b", "tree/x/y": "deep", "tree/z.log": "no", ".dockerignore": "**/*.log\nsecret\n", "secret": "s"})
    assert inside(box, "copied", "stat -c %u:%g /owned") == "1234:55"
    assert inside(box, "copied", "cat /tree/x/y; ls /tree /texts; ls -a /all").split() == \
        "deep/texts: a.txt b.txt /tree: x . .. .dockerignore Dockerfile a.txt b.txt tree".split()


def test_C14_add_unpacks_archives_and_fetches_urls(build, docker, box):
    folder = docker.engine.scratch / "served"
    folder.mkdir()
    (folder / "file.bin").write_text("from afar")
    serve = ("import http.server,functools;s=http.server.HTTPServer(('127.0.0.1',8099),functools.partial("
             "http.server.SimpleHTTPRequestHandler,directory=%r));print('up',flush=True);s.serve_forever()" % str(folder))
    server = subprocess.Popen(["nsenter", f"--net={box.netns}", "/usr/bin/python3", "-c", serve], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert server.stdout.readline() == b"up\n"
        where = context(docker.engine.scratch / "adding", "FROM box\nADD pack.tar.gz /packed/\nADD http://127.0.0.1:8099/file.bin /\n")
        with tarfile.open(where / "pack.tar.gz", "w:gz") as tar:
            info = tarfile.TarInfo("in/side")
            info.size = 5
            tar.addfile(info, io.BytesIO(b"inner"))
        docker.ok("build", "-t", "added", where)
    finally:
        server.kill()
        server.wait()
        server.stdout.close()
    assert inside(box, "added", "cat /packed/in/side /file.bin; stat -c ' %a' /file.bin") == "innerfrom afar 600"


def test_C14_target_and_stages_that_nobody_needs(build, box):
    dockerfile = "FROM box AS one\nRUN echo 1 > /n\nFROM box AS broken\nRUN false\nFROM one\nRUN echo 3 >> /n\n"
    out = build(dockerfile, "-t", "last")
    assert "false" not in out  # the broken stage is not needed
    assert inside(box, "last", "cat /n").split() == ["1", "3"]
    build(dockerfile, "-t", "first", "--target", "one")
    assert inside(box, "first", "cat /n") == "1"
    assert 'target stage "nosuch" could not be found' in build(dockerfile, "--target", "nosuch", ok=False)


def test_C14_a_failing_command_ends_the_build(build, docker, box):
    out = build("FROM box\nRUN echo so far; exit 3\nRUN echo never\n", "-t", "bad", ok=False)
    assert "so far" in out and "never" not in out.split("so far")[1]
    assert "The command '/bin/sh -c echo so far; exit 3' returned a non-zero code: 3" in out
    assert docker.api("GET", "/images/bad/json")[0] == 404
    assert "unknown instruction: RUNN" in build("FROM box\nRUNN x\n", ok=False)


def test_C14_heredocs(build, box):
    build("FROM box\nRUN <<EOF\nset -e\necho one > /h\necho two >> /h\nEOF\nCOPY <<\"EOF\" /greeting\nhello $X\nEOF\n", "-t", "here")
    assert inside(box, "here", "cat /h /greeting").split("\n") == ["one", "two", "hello $X"]


def test_C14_network_none_and_limits(build, box):
    out = build("FROM box\nRUN ip -o link | wc -l\nRUN cat /proc/self/mounts | grep -c /dev/shm; df -k /dev/shm | tail -1\n",
                "--network", "none", "--memory", "64m", "--shm-size", "16m")
    assert "\n1\n" in out and "16384" in out


def test_C14_layers_hold_no_mount_points(build, docker, box):
    build("FROM box\nRUN echo x > /only\n", "-t", "clean")
    engine_layers = json.loads(box.ok("image", "inspect", "clean"))
    status, archive = docker.raw("GET", "/images/clean/get")[0::2]
    if status != 200:
        pytest.skip("saving images is not there")
    names = set()
    with tarfile.open(fileobj=io.BytesIO(archive)) as outer:
        manifest = json.load(outer.extractfile("manifest.json"))[0]
        with tarfile.open(fileobj=outer.extractfile(manifest["Layers"][-1])) as layer:
            names = {member.name.strip("./") for member in layer.getmembers()}
    assert engine_layers and names - {""} == {"only"}


def test_C14_same_inputs_give_the_same_image(make_engine, tmp_path):
    """Two engines, one digest."""
    ids = set()
    box = busybox_image(tmp_path / "box.tar", name="box")
    for _ in range(2):
        engine = make_engine()
        engine.ok("image", "load", "-i", str(box))
        where = context(engine.scratch / "ctx", "FROM box\nWORKDIR /w\nCOPY f /w/f\nRUN date +%s%N > /dev/null; mkdir d; echo x > d/y\nENV A=1\n", {"f": "data"})
        ids.add(engine.ok("build", "-q", "--build-arg", "SOURCE_DATE_EPOCH=1700000000", where))
    assert len(ids) == 1


def test_C14_cache_from_images_history(build, docker):
    dockerfile = "FROM box\nENV FOO=bar\nRUN touch /baz\nRUN touch /bax\n"
    build(dockerfile, "-t", "source")
    assert build(dockerfile, "--cache-from", "source").count("Using cache") == 3
    assert build(dockerfile, "--cache-from", "nosuchtag").count("Using cache") == 0


def test_C14_prune_frees_what_no_image_has(build, docker, box):
    build("FROM box\nRUN head -c 3000000 /dev/urandom > /big\n", "-t", "big")
    box.ok("image", "rm", "big")
    status, answer = docker.api("POST", "/build/prune", headers={"Content-Type": "application/json"})
    assert status == 200 and len(answer["CachesDeleted"]) >= 1 and answer["SpaceReclaimed"] >= 3000000
    assert build("FROM box\nRUN head -c 3000000 /dev/urandom > /big\n").count("Using cache") == 0


def test_C14_a_client_that_leaves_cancels_the_build(docker, box):
    where = context(docker.engine.scratch / "slow", "FROM box\nRUN echo begun; sleep 1000\n")
    client = docker.spawn("build", where)
    try:
        for line in client.stdout:
            if b"begun" in line and b"RUN" not in line:
                break
    finally:
        client.send_signal(signal.SIGKILL)
        client.wait()
        client.stdout.close()
        client.stderr.close()
    deadline = time.monotonic() + 30
    while box.leaks() and time.monotonic() < deadline:
        time.sleep(0.05)  # the daemon tells nobody when a cancelled build is gone
    assert box.leaks() == []


def test_C14_a_killed_daemon_leaves_no_debris(docker, box):
    where = context(docker.engine.scratch / "slow", "FROM box\nRUN echo kept > /kept\nRUN echo begun; sleep 1000\n")
    client = docker.spawn("build", where)
    for line in client.stdout:
        if b"begun" in line and b"RUN" not in line:
            break
    box.kill9()
    client.wait()
    client.stdout.close()
    client.stderr.close()
    box.start()
    assert box.leaks() == []
    assert [p.name for p in (box.data / "workloads").iterdir()] == []
    assert [p.name for p in (box.data / "images/layers").iterdir() if p.name.startswith(".new")] == []
    done = box.cli("build", "--progress", "plain", context(docker.engine.scratch / "after", "FROM box\nRUN echo kept > /kept\n"))
    assert done.returncode == 0 and "CACHED" in done.stderr


def test_C14_buildkit_is_refused_by_name(docker):
    status, answer = docker.api("POST", "/build?version=2")
    assert status == 501 and "DOCKER_BUILDKIT=0" in answer["message"]


def test_C14_what_is_wrong_with_a_request_is_told_before_anything_starts(docker):
    for query, status, words in [("platform=foobar", 400, "invalid platform"), ("squash=1", 400, "experimental"), ("t=UPPER", 400, "invalid tag"),
                                 ("networkmode=nosuch", 404, "no such network"), ("remote=git://x/y.git", 501, "git")]:
        code, answer = docker.api("POST", f"/build?{query}", tar_of("FROM box\n"), headers={"Content-Type": "application/x-tar"})
        assert (code, words in answer["message"]) == (status, True), answer


def test_fulcrum_build(box):
    where = context(box.scratch / "ctx", "FROM box AS a\nRUN echo a > /a\nFROM box\nCOPY --from=a /a /a\nCOPY keep drop* /\nCMD cat /a\n",
                    {"keep": "k", "dropped": "d", ".dockerignore": "drop*\n"})
    done = box.cli("build", "-t", "mine:1", "--progress", "plain", "--iidfile", box.scratch / "iid", where)
    assert done.returncode == 0, done.stderr
    assert "[2/6] RUN echo a > /a" in done.stderr and done.stdout.strip() == (box.scratch / "iid").read_text()
    assert box.ok("run", "--rm", "mine:1") == "a" and "dropped" not in inside(box, "mine:1", "ls /")
    again = box.cli("build", "--progress", "json", where)
    kinds = [json.loads(line)["type"] for line in again.stdout.splitlines()]
    assert kinds[-1] == "built" and kinds.count("cached") == 4
    assert box.ok("build", "-q", "-", input="FROM box\nRUN true\n").startswith("sha256:")
    bad = box.cli("build", "-", input="FROM box\nRUN exit 4\n")
    assert bad.returncode != 0 and "returned a non-zero code: 4" in bad.stderr


def test_C14_ten_cached_steps_take_no_time(docker, box):
    dockerfile = "FROM box\n" + "".join(f"RUN echo {i} >> /n\nENV V{i}={i}\n" for i in range(5))
    where = context(box.scratch / "ten", dockerfile)
    box.ok("build", "-q", where)
    begun = time.monotonic()
    box.ok("build", "-q", where)
    assert time.monotonic() - begun < 2.0  # of which the command line's own start is most
