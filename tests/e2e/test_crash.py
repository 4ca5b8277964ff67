"""P12: the daemon is killed at random moments during 200 operations; nothing is lost, orphaned, run twice, or left behind."""
import json
import pathlib
import random
import threading
import time

OPERATIONS = 200


def test_P12_kill_9_at_random_moments(box):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    marks = box.scratch / "marks"
    marks.mkdir()
    wanted, started = {}, {}
    stop = threading.Event()

    def killer():
        local = random.Random(seed + 1)
        while not stop.wait(local.uniform(0.05, 0.6)):
            box.kill9()
            box.start()

    def attempt(*args):
        """Repeats a call until the daemon was there to answer it; 'gone' and 'exists' are answers too."""
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            done = box.cli(*args)
            text = done.stderr
            if done.returncode == 0 or not any(word in text for word in ("cannot reach", "connection", "cut", "hung up", "closed", "reset")):
                return done
        raise AssertionError(f"{args} never got through: {done.stderr}")

    thread = threading.Thread(target=killer)
    thread.start()
    try:
        for number in range(OPERATIONS):
            choice = rng.choice(["create", "create", "start", "start", "exec", "stop", "rm"])
            names = list(wanted)
            if choice == "create" or not names:
                name = f"w{number}"
                # Each run appends one line: a run that happened twice would show.
                attempt("create", "--name", name, "-v", f"{marks}:/marks", "box", "sh", "-c", f"echo run >>/marks/{name}; exec sleep 100000")
                wanted[name] = "created"
            else:
                name = rng.choice(names)
                if choice == "start":
                    if attempt("start", name).returncode == 0 and wanted[name] != "running":
                        wanted[name] = "running"
                        started[name] = started.get(name, 0) + 1
                elif choice == "exec" and wanted[name] == "running":
                    assert attempt("exec", name, "true").returncode == 0
                elif choice == "stop" and wanted[name] == "running":
                    attempt("stop", "-t", "0", name)
                    wanted[name] = "stopped"
                elif choice == "rm":
                    attempt("rm", "-f", name)
                    del wanted[name]
    finally:
        stop.set()
        thread.join()
    if box.daemon.poll() is not None:
        box.start()
    items = json.loads(box.ok("ls", "-a", "--format", "json"))["items"]
    phases = {item["spec"]["name"]: item["status"]["phase"] for item in items}
    assert phases == wanted
    running = {name for name, phase in wanted.items() if phase == "running"}
    for name in running:
        assert box.ok("exec", name, "echo", "in") == "in"
    for name, count in started.items():
        if name in wanted:
            lines = (marks / name).read_text().count("run")
            assert lines == count, f"{name} was started {count} times and ran {lines} times"
    shims = [line for _, line in box.processes() if "fulcrum-shim" in line]
    assert len(shims) == len(running), shims
    sandboxes = {p.name for p in pathlib.Path(box.run / "sandboxes").glob("*")}
    known = {item["metadata"]["uid"] for item in items}
    assert sandboxes <= known, sandboxes - known
