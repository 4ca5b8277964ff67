"""Samples, their summary, and the ratio of two medians with its confidence interval."""
import dataclasses
import json
import math
import pathlib
import random
import statistics
import subprocess

BOOTSTRAPS = 2000


def percentile(values, share):
    """The nearest-rank percentile."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def ratio(ours, theirs, seed=1):
    """Ratio of the medians and its 95 % bootstrap interval."""
    dice = random.Random(seed)
    drawn = sorted(statistics.median(dice.choices(ours, k=len(ours))) / statistics.median(dice.choices(theirs, k=len(theirs))) for _ in range(BOOTSTRAPS))
    return statistics.median(ours) / statistics.median(theirs), drawn[int(0.025 * BOOTSTRAPS)], drawn[int(0.975 * BOOTSTRAPS) - 1]


@dataclasses.dataclass
class Series:
    """One contender's samples; or, with `missing`, why there are none."""
    promise: str
    what: str
    unit: str
    values: list = dataclasses.field(default_factory=list)
    missing: str = ""

    def row(self):
        if self.missing or not self.values:
            return {"promise": self.promise, "what": self.what, "missing": self.missing or "no samples"}
        return {"promise": self.promise, "what": self.what, "unit": self.unit, "n": len(self.values), "p50": round(statistics.median(self.values), 3),
                "p99": round(percentile(self.values, 0.99), 3)}


@dataclasses.dataclass
class Verdict:
    """A promised bound and what was measured against it."""
    promise: str
    claim: str
    bound: float
    value: float | None = None
    low: float | None = None
    high: float | None = None
    missing: str = ""

    def row(self):
        row = {"promise": self.promise, "claim": self.claim, "bound": self.bound}
        if self.missing:
            return row | {"missing": self.missing}
        row |= {"value": round(self.value, 3), "met": self.value <= self.bound}
        return row if self.low is None else row | {"ci95": [round(self.low, 3), round(self.high, 3)]}


def compare(promise, claim, bound, ours, theirs):
    """The verdict on median(ours) / median(theirs) <= bound."""
    for series in (ours, theirs):
        if series.missing or not series.values:
            return Verdict(promise, claim, bound, missing=f"{series.what}: {series.missing or 'no samples'}")
    return Verdict(promise, claim, bound, *ratio(ours.values, theirs.values))


def bounded(promise, claim, bound, series):
    """The verdict on median(series) <= bound."""
    if series.missing or not series.values:
        return Verdict(promise, claim, bound, missing=f"{series.what}: {series.missing or 'no samples'}")
    return Verdict(promise, claim, bound, statistics.median(series.values))


class Stopwatch:
    """A command that is started and timed by a small C program, so that Python's own weight is not in the figures."""

    def __init__(self, program, folder, name, command, prefix=(), expected=0):
        self.errors = pathlib.Path(folder, name.replace("/", "-").replace(" ", "-") + ".errors")
        self.expected, self.name = expected, name
        self.process = subprocess.Popen([*map(str, prefix), str(program), str(self.errors), *map(str, command)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def once(self):
        """Milliseconds of one run; raises when its exit status is not the expected one."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().split()
        if len(answer) != 2 or int(answer[1]) != self.expected:
            raise RuntimeError(f"{self.name}: {answer}: {self.errors.read_text()[-500:] if self.errors.exists() else ''}")
        return int(answer[0]) / 1e6

    def close(self):
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()


def interleave(contenders, runs, warm=3):
    """Runs every contender in turn, `runs` times, in an order drawn anew each round. contenders: [(Series, callable)]. One that fails once is out, with the reason."""
    dice = random.Random(7)
    for turn in range(-warm, runs):
        dice.shuffle(contenders)
        for series, once in contenders:
            if series.missing:
                continue
            try:
                value = once()
            except (RuntimeError, OSError, subprocess.SubprocessError) as error:
                series.missing = str(error)[:300]
                continue
            if turn >= 0:
                series.values.append(value)


def table(series, verdicts):
    """Both as text."""
    lines = [f"{'':4} {'measured':58} {'n':>5} {'p50':>10} {'p99':>10}"]
    for row in (s.row() for s in series):
        if "missing" in row:
            lines.append(f"{row['promise']:4} {row['what']:58} not measured: {row['missing']}")
        else:
            lines.append(f"{row['promise']:4} {row['what']:58} {row['n']:>5} {row['p50']:>10.3f} {row['p99']:>10.3f} {row['unit']}")
    lines.append(f"\n{'':4} {'promised':58} {'bound':>7} {'measured':>9} {'95 %':>15}")
    for row in (v.row() for v in verdicts):
        if "missing" in row:
            lines.append(f"{row['promise']:4} {row['claim']:58} {row['bound']:>7.3g} not measured: {row['missing']}")
        else:
            interval = "{:.3f}–{:.3f}".format(*row["ci95"]) if "ci95" in row else ""
            lines.append(f"{row['promise']:4} {row['claim']:58} {row['bound']:>7.3g} {row['value']:>9.3f} {interval:>15} {'met' if row['met'] else 'NOT MET'}")
    return "\n".join(lines)


def report(path, series, verdicts, machine):
    """Writes everything measured as JSON."""
    rows = {"machine": machine, "series": [s.row() | {"values": [round(v, 4) for v in s.values]} for s in series], "verdicts": [v.row() for v in verdicts]}
    pathlib.Path(path).write_text(json.dumps(rows, indent=1) + "\n")
