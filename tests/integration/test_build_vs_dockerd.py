"""The same Dockerfiles, built by Debian's dockerd (its classic builder) and by fulcrumd, give the same images: config, history, files."""
import hashlib
import io
import json
import os
import pathlib
import re
import tarfile

import pytest
from strangers import Dockerd, World, find_program, missing

from harness import docker as docker_harness  # strangers has made it findable
from harness.engine import Engine

pytestmark = pytest.mark.skipif(bool(missing("dockerd", "docker", "containerd")), reason=missing("dockerd", "docker", "containerd"))

CASES = {
    "metadata": r"""
FROM box
MAINTAINER Somebody <some@where>
ENV A=1 B="two words" C=th\ ree
ENV OLD form of it
ENV D=$A-${B}-${NONE:-default}-${A:+set}
LABEL one=1 "a b"="c d" multi="line \
joined"
ARG X=y
ARG Y
EXPOSE 8080 53/udp 7000-7002 80
USER alice
WORKDIR /work
WORKDIR sub/../deeper
VOLUME /data1 /data2
VOLUME ["/data three"]
STOPSIGNAL SIGUSR2
ONBUILD RUN echo never
ONBUILD COPY . /x
CMD ["sh", "-c", "echo \"hi\""]
""",
    "shell_forms": "FROM box\nSHELL [\"/bin/sh\", \"-e\", \"-c\"]\nENTRYPOINT exec top -b\nCMD one two\n",
    "entrypoint_resets_cmd": "FROM box\nENTRYPOINT [\"echo\"]\n",
    "cmd_before_entrypoint": "FROM box\nCMD [\"a\"]\nENTRYPOINT [\"echo\"]\n",
    "empty_lists": "FROM box\nCMD []\nENTRYPOINT []\n",
    "healthcheck": "FROM box\nHEALTHCHECK --interval=1m30s --timeout=2s --retries=4 CMD test -e /x\n",
    "no_healthcheck": "FROM box\nHEALTHCHECK NONE\n",
    "run": "FROM box\nRUN echo made > /made && chmod 600 /made\nRUN [\"sh\", \"-c\", \"rm /data/seed; mkdir -p /a/b; ln -s b /a/c\"]\nRUN rm -rf /home && mkdir /home\n",
    "run_with_arguments": "FROM box\nARG WHO=you\nARG HTTP_PROXY\nENV GREET=hello\nRUN echo $GREET $WHO > /greeting\n",
    "run_as_user": "FROM box\nUSER alice\nWORKDIR /tmp\nRUN id -u > mine && umask > mask\n",
    "copy_files": "FROM box\nCOPY a.txt /one\nCOPY a.txt b.txt /two/\nCOPY a.txt /data\nCOPY ./a.txt new/place/\nCOPY *.txt /glob/\nCOPY [\"a.txt\", \"/json name\"]\n",
    "copy_folders": "FROM box\nCOPY tree /tree\nCOPY tree/ /data/\nCOPY . /all\nCOPY tree/s* /starred/\nCOPY tree/*/deep.txt /deep/\n",
    "copy_owners": "FROM box\nCOPY --chown=alice:staff tree /owned\nCOPY --chown=7 a.txt /seven\nCOPY --chown=alice a.txt /fresh/parent/a\n",
    "copy_links": "FROM box\nCOPY link-to-a /followed\nCOPY tree /links\nRUN ln -s /data /d && ln -s seed /data/s\nCOPY a.txt /d/through\nCOPY b.txt /data/s\n",
    "copy_modes": "FROM box\nCOPY runme /usr/bin/runme\nCOPY closed /closed\nWORKDIR /some/where\nCOPY a.txt .\nCOPY b.txt ./b/\n",
    "copy_over": "FROM box\nCOPY tree /over\nCOPY a.txt /over/sub/deep.txt\nRUN mkdir -p /m/sub && chmod 700 /m/sub && touch /m/sub/kept\nCOPY tree /m\n",
    "add_archives": "FROM box\nADD pack.tar /packed\nADD pack.tar.gz /data\nADD a.txt /added/\nADD pack.tar.gz tree /both/\nCOPY pack.tar /kept/\n",
    "stages": """
ARG BASE=box
FROM $BASE AS first
RUN echo one > /one && chown 5:6 /one && mkdir /dir && echo x > /dir/x
FROM first
RUN echo two >> /one
FROM ${BASE:-none} AS last
COPY --from=first /one /first
COPY --from=1 /one /second
COPY --from=first /dir /dir
COPY --from=box /etc/passwd /passwd
COPY --from=first --chown=9:9 /one /nine
CMD ["cat", "/first"]
""",
    "scratch": "FROM scratch\nCOPY tree /\nENV X=1\n",
    "escape": "# escape=`\nFROM box\nENV P=C:\\x `\n    Q=`$P\nRUN echo a `\n && echo b > /b\n",
    "comments_and_blanks": "# first\n\n  FROM box\n# between\nRUN echo a \\\n# within\n\n  && echo b > /b\n\tENV X=1#2\n",
    "ignored": "FROM box\nCOPY . /all\n",
}

IGNORE = {"ignored": "**/*.txt\n!a.txt\ntree/sub\n.dockerignore\n"}
ARGUMENTS = {"run_with_arguments": ["--build-arg", "WHO=me", "--build-arg", "HTTP_PROXY=http://nowhere", "--label", "from=outside"]}
FAILURES = {
    "FROM box\nFOO bar\n": "unknown instruction: FOO",
    "FROM box\nCOPY none /\n": "COPY failed: file not found in build context or excluded by .dockerignore: stat none: file does not exist",
    "FROM box\nCOPY ../x /\n": "COPY failed: forbidden path outside the build context: ../x ()",
    "FROM box\nCOPY a.txt b.txt /x\n": "When using COPY with more than one source file, the destination must be a directory and end with a /",
    "FROM box\nCOPY *.none /x\n": "COPY failed: no source files were specified",
    "FROM box\nRUN exit 3\n": "The command '/bin/sh -c exit 3' returned a non-zero code: 3",
    "FROM box\nENV A\n": "ENV must have two arguments",
    "FROM box\nENV A=${B\n": "failed to process \"${B\": ",
    "FROM box\nEXPOSE x\n": "invalid containerPort: x",
    "FROM box\nCOPY --from=0 a b\n": "invalid from flag value 0: refers to current build stage",
    "FROM box AS a\nFROM box AS A\n": "a stage name already used",
    "FROM $NOTHING\n": "base name ($NOTHING) should not be blank",
    "RUN x\n": "no build stage in current context",
    "FROM box\nRUN --mount=type=cache,target=/x true\n": "the --mount option requires BuildKit",
    "FROM box\nCOPY --chown=nobody a.txt /\n": "can't find uid for user nobody: no such user: nobody",
    "FROM box\nCMD [\"a\", 1]\n": "when using JSON array syntax, arrays must be comprised of strings only",
    "# nothing\n": "file with no instructions",
}


def write_context(top):
    """Files of all kinds, with times and modes of their own. Two things differ on purpose: dockerd drops setuid bits when it copies, and its
    hash of a folder does not notice where a link that leads nowhere points to."""
    for folder in ("tree/sub", "tree/shut"):
        (top / folder).mkdir(parents=True)
    for name in ("a.txt", "b.txt", "tree/top.txt", "tree/sub/deep.txt", "tree/star", "runme", "closed", "tree/shut/in"):
        (top / name).write_text(f"this is {name}\n")
    (top / "link-to-a").symlink_to("a.txt")
    (top / "tree/link").symlink_to("sub/deep.txt")
    for name, mode in {"runme": 0o755, "closed": 0o600, "tree/shut": 0o711, "tree/sub": 0o2775}.items():
        (top / name).chmod(mode)
    for name, compress in {"pack.tar": "", "pack.tar.gz": "gz"}.items():
        with tarfile.open(top / name, f"w:{compress}") as tar:
            for member, uid, mode in (("in/side", 3, 0o640), ("out", 0, 0o755)):
                info = tarfile.TarInfo(member)
                info.uid, info.gid, info.mode, info.mtime, info.size = uid, uid, mode, 1_600_000_000, 5
                tar.addfile(info, io.BytesIO(b"bytes"))
    for path in top.rglob("*"):
        os.utime(path, (1_650_000_000, 1_650_000_000), follow_symlinks=False)


def read_tree(archive):
    """What the layers of a `docker save` archive make together: {path: (type, mode, owner, link, digest)}, and the image's config."""
    with tarfile.open(archive) as outer:
        manifest = json.load(outer.extractfile("manifest.json"))[0]
        config = json.load(outer.extractfile(manifest["Config"]))
        tree = {}
        for layer in manifest["Layers"]:
            with tarfile.open(fileobj=io.BytesIO(outer.extractfile(layer).read())) as tar:
                apply_layer(tree, tar)
    return tree, config


def apply_layer(tree, tar):
    for member in tar:
        name = os.path.normpath("/" + member.name)
        folder, base = os.path.split(name)
        if base.startswith(".wh."):
            hidden = folder if base == ".wh..wh..opq" else os.path.join(folder, base.removeprefix(".wh."))
            for path in [p for p in tree if p.startswith(hidden + "/") or (p == hidden and hidden != folder)]:
                del tree[path]
            continue
        if not member.isdir():
            for path in [p for p in tree if p.startswith(name + "/")]:
                del tree[path]
        if member.islnk():  # another name of a file: the same file
            tree[name] = tree[os.path.normpath("/" + member.linkname)]
            continue
        digest = hashlib.sha256(tar.extractfile(member).read()).hexdigest() if member.isreg() else ""
        # Times of files that came from elsewhere are theirs; those of folders and of what a command made are not compared.
        time = int(member.mtime) if member.isreg() and member.mtime < 1_700_000_001 else "now"
        tree[name] = (member.type, oct(member.mode & 0o7777), f"{member.uid}:{member.gid}", member.linkname, digest, time)


# Where dockerd's digest of what is copied is another than ours, though what is copied is the same: a folder that .dockerignore thinned out, and
# files of another stage.
OTHER_DIGEST = {"ignored", "stages"}


def history_of(config, tag):
    """created_by of each step. HEALTHCHECK's is Go's picture of a struct, and --chown's lacks a blank, in old versions of dockerd."""
    digests = (lambda text: re.sub(r"(file|dir|multi):[0-9a-f]{64}", r"\1:…", text)) if tag in OTHER_DIGEST else str
    texts = [re.sub(r"(HEALTHCHECK ).*", r"\1…", step.get("created_by", "")) for step in config["history"]]
    return [digests(re.sub(r"(--chown=\S+?) ?((?:file|dir|multi):)", r"\1 \2", text)) for text in texts]


class Side:
    """One of the two, by its docker command line."""

    def __init__(self, call, save, scratch):
        self.call, self.save, self.scratch = call, save, scratch

    def build(self, context, tag, *args):
        """(exit status, what it printed)"""
        done = self.call("build", "--network", "none", "-t", tag, *args, str(context))
        return done.returncode, done.stdout + done.stderr

    def image(self, tag):
        archive = self.scratch / f"{tag}.tar"
        self.save("save", "-o", str(archive), tag)
        tree, config = read_tree(archive)
        archive.unlink()
        return tree, config


@pytest.fixture(scope="module")
def sides():
    world = World()
    engine = Engine(pathlib.Path(find_program("fulcrum-oci")).parent)
    try:
        world.env["DOCKER_BUILDKIT"] = "0"
        theirs = Dockerd(world)
        engine.start()
        ours = docker_harness.Docker(engine)
        engine.ok("image", "load", "-i", str(world.top / "box.tar"))
        yield (Side(lambda *words: theirs.call(*words, check=False), theirs.call, world.top),
               Side(ours.cli, lambda *words: engine.ok("image", *words), engine.scratch))
    finally:
        problems = engine.destroy()
        world.close()
    assert not problems, problems


def compare(sides, tag):
    (their_tree, their_config), (our_tree, our_config) = (side.image(tag) for side in sides)
    clean = lambda config: {k: v for k, v in config["config"].items() if v and k not in ("Image", "Hostname", "Domainname")}
    assert clean(our_config) == clean(their_config)
    assert our_config.get("author", "") == their_config.get("author", "")
    assert (our_config["os"], our_config["architecture"]) == (their_config["os"], their_config["architecture"])
    assert history_of(our_config, tag) == history_of(their_config, tag)
    assert [bool(h.get("empty_layer")) for h in our_config["history"]] == [bool(h.get("empty_layer")) for h in their_config["history"]]
    our_tree.pop("/", None)  # a layer of ours also tells the root folder's own mode and time; dockerd leaves them out
    assert our_tree == their_tree


@pytest.mark.parametrize("name", CASES)
def test_C14_the_same_image(sides, tmp_path, name):
    write_context(tmp_path)
    (tmp_path / "Dockerfile").write_text(CASES[name])
    if name in IGNORE:
        (tmp_path / ".dockerignore").write_text(IGNORE[name])
    for side in sides:
        status, out = side.build(tmp_path, name, *ARGUMENTS.get(name, []))
        assert status == 0, out
    compare(sides, name)


def test_C14_the_same_image_by_triggers(sides, tmp_path):
    write_context(tmp_path)
    for tag, text in {"triggers": "FROM box\nONBUILD COPY a.txt /triggered\nONBUILD ENV T=1\nONBUILD RUN echo $T > /t\n",
                      "triggered": "FROM triggers\nENV AFTER=$T\n"}.items():
        (tmp_path / "Dockerfile").write_text(text)
        for side in sides:
            status, out = side.build(tmp_path, tag)
            assert status == 0, out
        compare(sides, tag)


@pytest.mark.parametrize("text", FAILURES)
def test_C14_the_same_refusal(sides, tmp_path, text):
    write_context(tmp_path)
    (tmp_path / "Dockerfile").write_text(text)
    theirs, ours = (side.build(tmp_path, "never") for side in sides)
    assert theirs[0] != 0 and ours[0] != 0, (theirs, ours)
    for status, out in (theirs, ours):
        assert FAILURES[text].lower() in out.lower(), out
