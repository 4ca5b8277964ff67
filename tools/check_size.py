#!/usr/bin/env python3
"""Keeps files small: over 500 lines is named, over 1,000 fails."""
import pathlib
import sys

root = pathlib.Path(__file__).resolve().parent.parent
bad = 0
for path in sorted(p for folder in ("src", "tests", "bench", "tools") for p in (root / folder).rglob("*")):
    if path.suffix not in (".h", ".cc", ".py"):
        continue
    lines = len(path.read_text().splitlines())
    if lines > 1000:
        print(f"{path.relative_to(root)}: {lines} lines, at most 1000")
        bad += 1
    elif lines > 500 and "-v" in sys.argv:
        print(f"{path.relative_to(root)}: {lines} lines, better split")
sys.exit(1 if bad else 0)
