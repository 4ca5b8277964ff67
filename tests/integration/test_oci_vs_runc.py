"""fulcrum-oci beside runc: the same right and wrong uses, the same answers where callers look. Needs root and runc.

Callers (containerd's shim, dockerd, podman and conmon) look at exit status, at a few words of the error, and at the fields of `state` and `list`."""
import json
import os
import pathlib
import re
import select
import shutil
import subprocess

import pytest
from oci_bundle import cgroup_folders, config, find_program

RUNC = shutil.which("runc")
pytestmark = [
    pytest.mark.skipif(find_program("fulcrum-oci") is None, reason="fulcrum-oci is not built"),
    pytest.mark.skipif(RUNC is None, reason="runc is not installed"),
    pytest.mark.skipif(shutil.which("busybox") is None, reason="busybox is not installed"),
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
]


class Tool:
    """One of the two runtimes, with a state root of its own and one container name."""

    def __init__(self, program, folder):
        self.program, self.folder, self.root = program, folder, folder / "state"
        self.key = f"fulcrum-vs-{os.urandom(4).hex()}"
        rootfs = folder / "b/rootfs"
        (rootfs / "bin").mkdir(parents=True)
        shutil.copy(shutil.which("busybox"), rootfs / "bin/busybox")
        for applet in ("sh", "true", "sleep", "cat", "id", "echo"):
            (rootfs / "bin" / applet).symlink_to("busybox")
        for mount_point in ("proc", "dev", "sys"):
            (rootfs / mount_point).mkdir()
        self.bundle = folder / "b"
        self.configure(lambda spec: None)

    def configure(self, change, args=("sleep", "1000")):
        """Writes config.json, changed."""
        spec = config(list(args), "/" + self.key)
        change(spec)
        (self.bundle / "config.json").write_text(json.dumps(spec))

    def call(self, *words):
        """Runs the tool; standard streams are files, so that a container cannot hold ours open."""
        out, err = self.folder / "out", self.folder / "err"
        with open(out, "wb") as o, open(err, "wb") as e:
            done = subprocess.run([self.program, "--root", self.root, *map(str, words)], stdin=subprocess.DEVNULL, stdout=o, stderr=e, timeout=60, cwd=self.bundle)
        done.stdout, done.stderr = out.read_text(errors="replace"), err.read_text(errors="replace")
        return done

    def ok(self, *words):
        done = self.call(*words)
        assert done.returncode == 0, f"{self.program} {words}: {done.returncode}: {done.stderr}"
        return done.stdout

    def message(self, done):
        """The error text, however the tool wraps it."""
        found = re.findall(r'msg="((?:[^"\\]|\\.)*)"', done.stderr)
        return (found[-1] if found else done.stderr).replace('\\"', '"').strip()

    def state(self):
        return json.loads(self.ok("state", self.key))

    def kill(self):
        """Kills init and returns when it is gone."""
        pid = self.state()["pid"]
        fd = os.pidfd_open(pid)
        self.ok("kill", self.key, "KILL")
        select.select([fd], [], [], 30)
        os.close(fd)

    def close(self):
        self.call("delete", "--force", self.key)
        assert not cgroup_folders(self.key)


@pytest.fixture(params=["created", "running", "stopped", "paused", "none"])
def pair(request, tmp_path):
    """Both tools, with a container in the same state."""
    tools = [Tool(find_program("fulcrum-oci"), tmp_path / "fulcrum"), Tool(RUNC, tmp_path / "runc")]
    try:
        for tool in tools:
            bring(tool, request.param)
        yield request.param, *tools
    finally:
        for tool in tools:
            tool.close()


@pytest.fixture
def fresh(tmp_path):
    """Both tools, with a bundle and no container."""
    tools = [Tool(find_program("fulcrum-oci"), tmp_path / "fulcrum"), Tool(RUNC, tmp_path / "runc")]
    yield tools
    for tool in tools:
        tool.close()


def bring(tool, state):
    if state == "none":
        return
    tool.ok("create", "--bundle", tool.bundle, tool.key)
    if state != "created":
        tool.ok("start", tool.key)
    if state == "stopped":
        tool.kill()
    if state == "paused":
        tool.ok("pause", tool.key)


WRONG_OR_RIGHT = {  # use: (argv, what callers look for in both messages when it fails)
    "create": (["create", "{id}"], {"created|running|stopped|paused": "already exists|in use|exist"}),
    "start": (["start", "{id}"], {"running|paused": "cannot start|already|not in the created state", "stopped": "cannot start|stopped|not in the created state", "none": "does not exist"}),
    "state": (["state", "{id}"], {"none": "does not exist"}),
    "kill": (["kill", "{id}", "0"], {"stopped": "not running|already finished", "none": "does not exist"}),
    "kill-all": (["kill", "--all", "{id}", "0"], {"none": "does not exist"}),
    "kill-nonsense": (["kill", "{id}", "SIGNONSENSE"], {"none": "does not exist|unknown signal"}),
    "exec": (["exec", "{id}", "true"], {"stopped": "not running|stopped|not running", "none": "does not exist", "paused": "paused"}),
    "exec-status": (["exec", "{id}", "sh", "-c", "exit 9"], {"none": "does not exist"}),
    "exec-missing": (["exec", "{id}", "/nowhere"], {"none": "does not exist", "running": "no such file or directory"}),
    "exec-denied": (["exec", "{id}", "/proc/version"], {"none": "does not exist", "running": "permission denied"}),
    "exec-cwd": (["exec", "--cwd", "/nowhere", "{id}", "true"], {"none": "does not exist"}),
    "exec-user": (["exec", "--user", "nobody", "{id}", "true"], {}),
    "pause": (["pause", "{id}"], {"none": "does not exist"}),
    "resume": (["resume", "{id}"], {"none": "does not exist"}),
    "ps": (["ps", "{id}"], {"none": "does not exist"}),
    "events": (["events", "--stats", "{id}"], {"none": "does not exist"}),
    "update": (["update", "--pids-limit", "77", "{id}"], {"none": "does not exist"}),
    "delete": (["delete", "{id}"], {"running": "not stopped|is not stopped|running", "none": "does not exist"}),
    "delete-force": (["delete", "--force", "{id}"], {}),
    "no-id": (["state"], {}),
    "two-ids": (["state", "{id}", "more"], {}),
}


@pytest.mark.parametrize("use", WRONG_OR_RIGHT)
def test_the_same_exit_status_and_words(pair, use):
    state, ours, runc = pair
    argv, words = WRONG_OR_RIGHT[use]
    done = [tool.call(*[word.replace("{id}", tool.key) for word in argv]) for tool in (ours, runc)]
    texts = [tool.message(result) for tool, result in zip((ours, runc), done)]
    shown = f"ours: {done[0].returncode} {texts[0]!r}; runc: {done[1].returncode} {texts[1]!r}"
    assert (done[0].returncode == 0) == (done[1].returncode == 0), shown
    if use.startswith("exec"):
        assert done[0].returncode == done[1].returncode, shown
    for states, pattern in words.items():
        if state in states.split("|") and done[1].returncode != 0:
            assert re.search(pattern, texts[0].lower()), shown


def test_state_has_the_same_fields(pair):
    state, ours, runc = pair
    if state == "none":
        assert ours.call("state", "x").returncode == runc.call("state", "x").returncode
        return
    mine, theirs = ours.state(), runc.state()
    assert set(theirs) - {"owner"} <= set(mine)
    assert mine["status"] == theirs["status"] == state
    assert (mine["pid"] == 0) == (theirs["pid"] == 0)
    assert mine["id"] == ours.key and pathlib.Path(mine["bundle"]) == ours.bundle and pathlib.Path(mine["rootfs"]) == ours.bundle / "rootfs"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", mine["created"])


def test_list_has_the_same_fields(pair):
    state, ours, runc = pair
    if state == "none":
        assert not json.loads(ours.ok("list", "--format", "json")) and not json.loads(runc.ok("list", "--format", "json"))
        return
    mine, theirs = (json.loads(tool.ok("list", "--format", "json")) for tool in (ours, runc))
    assert set(theirs[0]) <= set(mine[0])
    assert mine[0]["status"] == theirs[0]["status"]
    assert ours.ok("list", "-q").split() == [ours.key]
    header, theirs_header = (tool.ok("list").splitlines()[0].split() for tool in (ours, runc))
    assert header == theirs_header


def test_statistics_have_the_same_fields(pair):
    state, ours, runc = pair
    if state not in ("running", "paused"):
        return
    mine, theirs = (json.loads(tool.ok("events", "--stats", tool.key)) for tool in (ours, runc))
    assert mine["type"] == theirs["type"] == "stats" and mine["id"] == ours.key
    for section in ("cpu", "memory", "pids"):
        assert set(theirs["data"][section]) <= set(mine["data"][section]), section
    assert mine["data"]["pids"]["current"] == theirs["data"]["pids"]["current"]


def test_ps_prints_the_same_processes(pair):
    state, ours, runc = pair
    if state != "running":
        return
    for tool in (ours, runc):
        assert json.loads(tool.ok("ps", "--format", "json", tool.key)) == [tool.state()["pid"]]
        assert "sleep 1000" in tool.ok("ps", tool.key)


BAD_CONFIGURATIONS = {
    "no-such-program": (lambda spec: spec["process"].update(args=["/nowhere"]), "no such file or directory"),
    "program-without-permission": (lambda spec: spec["process"].update(args=["/proc/version"]), "permission denied"),
    "not-in-path": (lambda spec: spec["process"].update(args=["nowhere"]), "executable file not found in \\$path"),
    "relative-cwd": (lambda spec: spec["process"].update(cwd="here"), "cwd"),
    "no-args": (lambda spec: spec["process"].update(args=[]), "args"),
    "no-root": (lambda spec: spec.pop("root"), "root"),
    "missing-rootfs": (lambda spec: spec["root"].update(path="elsewhere"), "no such file or directory|does not exist"),
    "unknown-namespace": (lambda spec: spec["linux"]["namespaces"].append({"type": "space"}), "space"),
    "double-namespace": (lambda spec: spec["linux"]["namespaces"].append({"type": "pid"}), "pid|duplicate"),
    "missing-namespace": (lambda spec: spec["linux"]["namespaces"][4].update(path="/nowhere/net"), "/nowhere/net"),
    "mount-without-source": (lambda spec: spec["mounts"].append({"destination": "/x", "type": "bind", "source": "/no/where", "options": ["bind"]}), "/no/where|no such file"),
    "unknown-filesystem": (lambda spec: spec["mounts"].append({"destination": "/x", "type": "nofs", "source": "x"}), "no such device"),
    "unknown-capability": (lambda spec: spec["process"]["capabilities"].update(bounding=["CAP_NONSENSE"]), None),
    "bad-rlimit": (lambda spec: spec["process"].update(rlimits=[{"type": "RLIMIT_NONSENSE", "hard": 1, "soft": 1}]), "rlimit"),
    "sysctl-of-the-host": (lambda spec: spec["linux"].update(sysctl={"vm.swappiness": "1"}), "vm.swappiness"),
    "bad-hook": (lambda spec: spec.update(hooks={"createRuntime": [{"path": "/nowhere"}]}), "/nowhere"),
    "failing-hook": (lambda spec: spec.update(hooks={"createRuntime": [{"path": "/bin/false", "args": ["false"]}]}), "hook"),
    "hook-by-its-first-word": (lambda spec: spec.update(hooks={"createRuntime": [{"path": "/bin/busybox", "args": ["true"]}]}), None),
    "hook-out-of-time": (lambda spec: spec.update(hooks={"createRuntime": [{"path": "/bin/sleep", "args": ["sleep", "100"], "timeout": 1}]}), "hook"),
    "namespaced-hostname": (lambda spec: (spec.update(hostname="h"), spec["linux"].update(namespaces=[{"type": "pid"}, {"type": "mount"}])), "uts"),
}


@pytest.mark.parametrize("kind", BAD_CONFIGURATIONS)
def test_bad_configurations_fail_alike(fresh, kind):
    change, words = BAD_CONFIGURATIONS[kind]
    results = []
    for tool in fresh:
        tool.configure(change, ["true"])
        results.append(tool.call("run", "--bundle", tool.bundle, tool.key))
    texts = [tool.message(done) for tool, done in zip(fresh, results)]
    shown = f"ours: {results[0].returncode} {texts[0]!r}; runc: {results[1].returncode} {texts[1]!r}"
    assert (results[0].returncode == 0) == (results[1].returncode == 0), shown
    if words:
        assert results[0].returncode != 0 and re.search(words, texts[0].lower()), shown
    for tool in fresh:
        assert tool.call("state", tool.key).returncode != 0, "a failed run leaves nothing"


@pytest.mark.parametrize("script, status", [("exit 0", 0), ("exit 3", 3), ("kill -9 $$; exit 5", 5), ("kill -TERM $$; exit 4", 4), ("exit 255", 255)])
def test_run_has_the_same_exit_status(fresh, script, status):
    for tool in fresh:  # init cannot be killed from inside its own pid namespace
        tool.configure(lambda spec: None, ["sh", "-c", script])
        assert tool.call("run", tool.key).returncode == status


def test_bundles_that_are_none(fresh):
    for tool in fresh:
        (tool.bundle / "config.json").unlink()
        done = tool.call("run", tool.key)
        assert done.returncode == 1 and "config.json" in done.stderr
        (tool.bundle / "config.json").write_text("{ no json")
        assert tool.call("run", tool.key).returncode == 1
        assert tool.call("run", "--bundle", "/nowhere", tool.key).returncode == 1


@pytest.mark.parametrize("name", ["", "..", "a/b", "a b", "ä", "a" * 1025])
def test_names_that_are_none(fresh, name):
    ours, runc = ([tool.call(verb, name).returncode != 0 for verb in ("create", "state", "delete")] for tool in fresh)
    assert ours == [True, True, True]
    assert ours == runc or name == "a" * 1025


def test_pid_file_and_log(fresh):
    for tool in fresh:
        log = tool.folder / "log.json"
        tool.ok("--log", log, "--log-format", "json", "create", "--pid-file", tool.folder / "pid", tool.key)
        assert int((tool.folder / "pid").read_text()) == tool.state()["pid"]
        assert tool.call("--log", log, "--log-format", "json", "create", tool.key).returncode != 0
        last = json.loads(log.read_text().splitlines()[-1])
        assert last["level"] == "error" and last["msg"] and last["time"]


def test_specification_and_features(fresh):
    documents = []
    for tool in fresh:
        (tool.bundle / "config.json").unlink()
        tool.ok("spec")
        documents.append(json.loads((tool.bundle / "config.json").read_text()))
        assert tool.call("spec").returncode != 0, "an existing config.json stays"
    ours, runc = documents
    assert set(ours) == set(runc)
    assert [m["destination"] for m in ours["mounts"]] == [m["destination"] for m in runc["mounts"]]
    assert ours["process"]["args"] == runc["process"]["args"]
    runc["process"]["capabilities"].pop("ambient", None)  # newer runc leaves it out, as we do
    assert ours["process"]["capabilities"] == runc["process"]["capabilities"]
    mine, theirs = (json.loads(tool.ok("features")) for tool in fresh)
    for field in ("ociVersionMin", "ociVersionMax", "hooks", "mountOptions", "linux"):
        assert field in mine and field in theirs
    assert set(theirs["hooks"]) <= set(mine["hooks"])
    assert set(theirs["linux"]["namespaces"]) <= set(mine["linux"]["namespaces"])
    assert set(theirs["mountOptions"]) - {"acl", "noacl"} <= set(mine["mountOptions"])
