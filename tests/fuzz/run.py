#!/usr/bin/env python3
"""Builds the libFuzzer targets and runs each over its corpus and then for a short while; writes a JUnit file."""
import argparse
import concurrent.futures
import os
import pathlib
import subprocess
import sys
import tempfile
from xml.sax.saxutils import quoteattr

top = pathlib.Path(__file__).resolve().parents[2]
parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--seconds", type=int, default=10, help="for each target")
parser.add_argument("--seed", type=int, default=1, help="the same inputs each time; 0: others each time, for finding what nobody found yet")
parser.add_argument("--junit")
parser.add_argument("names", nargs="*", help="only these targets (fuzz_x)")
args = parser.parse_args()

built = subprocess.run("cmake --preset fuzz >/dev/null && nice cmake --build --preset fuzz --target fuzz_targets -- --quiet", shell=True, cwd=top).returncode
targets = sorted(p for p in (top / "build/fuzz/fuzz").glob("fuzz_*") if os.access(p, os.X_OK)) if built == 0 else []
if args.names:
    targets = [t for t in targets if t.name in args.names]
def fuzz(target):
    """Runs one target: (name, inputs, what went wrong or None)."""
    name = target.name.removeprefix("fuzz_")
    with tempfile.TemporaryDirectory(prefix="fulcrum-fuzz-") as scratch:
        corpora = [str(p) for p in [top / "tests/fuzz/corpus" / name] if p.is_dir()]
        done = subprocess.run([str(target), f"-seed={args.seed}", f"-max_total_time={args.seconds}", "-timeout=10", "-rss_limit_mb=2048", "-max_len=65536", "-print_final_stats=1",
                               f"-artifact_prefix={scratch}/", scratch, *corpora], capture_output=True, text=True, errors="replace")
    runs = next((line.rsplit(":", 1)[-1].strip() for line in done.stderr.splitlines() if "number_of_executed_units" in line), "?")
    return name, runs, "\n".join(done.stderr.splitlines()[-30:]) if done.returncode else None


cases = []
if built != 0 or not targets:
    cases.append(("build", "the fuzz targets do not build"))
with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    for name, runs, problem in pool.map(fuzz, targets):
        print(f"{name}: {'FAILED' if problem else 'ok'}, {runs} inputs", flush=True)
        if problem:
            print(problem)
        cases.append((name, problem))
if args.junit:
    body = "".join(f'<testcase classname="fuzz" name={quoteattr(n)}>' + (f"<failure message={quoteattr(e)}/>" if e else "") + "</testcase>" for n, e in cases)
    pathlib.Path(args.junit).write_text(f"<testsuite>{body}</testsuite>")
sys.exit(1 if any(e for _, e in cases) else 0)
