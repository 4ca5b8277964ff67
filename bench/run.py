#!/usr/bin/python3
"""Measures the promises of docs/SPEC.md side by side with their peers, in one run, in turns.

    bench/run.py                 every promise that can be measured here
    bench/run.py P1 P3           some
    bench/run.py --runs 100 P1   more samples (30 at least count)

Builds the release first. Prints a table; --json FILE keeps every sample. Needs root. A peer that is missing says so in its row."""
import argparse
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile
import uuid

TOP = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TOP / "bench"), str(TOP / "tests/e2e"), str(TOP / "tests/integration")]

import clients  # noqa: E402
import cycles  # noqa: E402
import enter  # noqa: E402
import measure  # noqa: E402
import start  # noqa: E402
import weight  # noqa: E402

PROMISES = {"P1": [start.measure], "P2": [clients.measure_run], "P3": [enter.measure, clients.measure_exec], "P7": [weight.measure_shims], "P8": [weight.measure_daemon],
            "P11": [cycles.measure], "API": [clients.measure_many, clients.measure_logs, clients.measure_build]}


class Bench:
    """What every benchmark shares: folders, programs, the number of runs, a cgroup name of its own."""

    def __init__(self, runs, cycles, programs):
        self.runs, self.cycles, self.programs = runs, cycles, programs
        self.key = f"fulcrum-bench-{uuid.uuid4().hex[:6]}"
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"{self.key}-"))
        # Runtimes keep their states on tmpfs (/run); so here.
        self.states = pathlib.Path(tempfile.mkdtemp(prefix=f"{self.key}-", dir="/dev/shm" if os.path.ismount("/dev/shm") else None))

    def helper(self, name):
        """A C helper of this folder, compiled."""
        target = self.folder / name
        if not target.exists():
            subprocess.run(["gcc", "-O2", "-static", "-Wall", "-o", target, TOP / "bench" / f"{name}.c"], check=True)
        return target

    def cgroups(self):
        """This run's cgroup folders, deepest first."""
        found = [p for hierarchy in pathlib.Path("/sys/fs/cgroup").iterdir() if (hierarchy / self.key).is_dir()
                 for p in [hierarchy / self.key, *(hierarchy / self.key).rglob("*")] if p.is_dir()]
        return sorted(found, key=lambda path: -len(path.parts))

    def make_cgroup(self):
        """A parent for everybody, made once, so that nobody's time holds its making."""
        for hierarchy in pathlib.Path("/sys/fs/cgroup").iterdir():
            if not hierarchy.is_dir() or not os.path.ismount(hierarchy):
                continue
            (hierarchy / self.key).mkdir(exist_ok=True)
            for file in ("cpuset.cpus", "cpuset.mems"):
                if (hierarchy / file).exists() and hierarchy.name == "cpuset":
                    (hierarchy / self.key / file).write_text((hierarchy / file).read_text())

    @staticmethod
    def note(text):
        """Says something beside the table."""
        print(text, file=sys.stderr)

    def complain(self, problems):
        """Says what an engine should have cleaned up by itself."""
        for problem in problems:
            self.note(f"left behind: {problem}")

    def close(self):
        for folder in self.cgroups():
            try:
                folder.rmdir()
            except OSError as error:
                print(f"left behind: {folder}: {error}", file=sys.stderr)
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self.states, ignore_errors=True)


def machine():
    """What the figures were taken on."""
    memory = int(next(line for line in open("/proc/meminfo") if line.startswith("MemTotal")).split()[1]) // 1024
    return {"kernel": platform.release(), "cpus": os.cpu_count(), "memory_mib": memory, "load1": os.getloadavg()[0]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("promises", nargs="*", metavar="PROMISE", help=f"of {', '.join(PROMISES)}; default: all")
    parser.add_argument("--runs", type=int, default=60, help="samples of each contender (default 60)")
    parser.add_argument("--cycles", type=int, default=1000, help="create/delete cycles of P11 (default 1000)")
    parser.add_argument("--json", help="file for every sample")
    parser.add_argument("--no-build", action="store_true", help="take the programs as they are")
    parser.add_argument("--programs", type=pathlib.Path, default=TOP / "build/release/bin", help="folder of the programs")
    options = parser.parse_args()
    chosen = options.promises or list(PROMISES)
    if unknown := [name for name in chosen if name not in PROMISES]:
        parser.error(f"no benchmark for {', '.join(unknown)}")
    if options.runs < 30:
        parser.error("--runs: a median of fewer than 30 runs proves nothing")
    if os.geteuid() != 0:
        parser.error("needs root")
    if not options.no_build:
        subprocess.run(["cmake", "--preset", "release"], cwd=TOP, check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["cmake", "--build", "--preset", "release"], cwd=TOP, check=True, stdout=subprocess.DEVNULL)
    bench = Bench(options.runs, options.cycles, options.programs.resolve())
    series, verdicts = [], []
    try:
        for name, benchmark in [(name, benchmark) for name in chosen for benchmark in PROMISES[name]]:
            try:
                some, judged = benchmark(bench)
            except (AssertionError, OSError, RuntimeError, subprocess.SubprocessError) as error:
                some, judged = [], [measure.Verdict(name, "the benchmark", 0, missing=str(error)[:600])]
            series += some
            verdicts += judged
    finally:
        bench.close()
    print(measure.table(series, verdicts))
    if options.json:
        measure.report(options.json, series, verdicts, machine())
    return 0 if all(v.missing or v.value <= v.bound for v in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
