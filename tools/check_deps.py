#!/usr/bin/env python3
"""Checks that every #include of src/ follows src/deps.txt: a module uses itself and what its line names, nothing else."""
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parent.parent
allowed = {}
for line in (root / "src/deps.txt").read_text().splitlines():
    line = line.split("#")[0].strip()
    if line:
        module, _, names = line.partition(":")
        allowed[module.strip()] = set(names.split())

bad = 0
for path in sorted((root / "src").rglob("*")):
    if path.suffix not in (".h", ".cc"):
        continue
    module = path.relative_to(root / "src").parts[0]
    may = allowed.get(module)
    if may is None:
        print(f"{path.relative_to(root)}: module {module} has no line in src/deps.txt")
        bad += 1
        continue
    # Tests may script a neighbour with anything below it; base/testing.h is for all of them.
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = re.match(r'\s*#include "([a-z_]+)/', line)
        if not match or match[1] == module or "*" in may or match[1] in may:
            continue
        if path.name.endswith("_test.cc") and match[1] in allowed:
            continue
        print(f"{path.relative_to(root)}:{number}: {module} may not use {match[1]}")
        bad += 1
sys.exit(1 if bad else 0)
