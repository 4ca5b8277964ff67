#!/usr/bin/env python3
"""Adds up JUnit files of ctest and pytest: lists what failed and why tests were skipped, ends with `N passed, N failed, N skipped`."""
import collections
import sys
import xml.etree.ElementTree as tree

passed = failed = 0
skips = collections.Counter()
for name in sys.argv[1:]:
    try:
        root = tree.parse(name).getroot()
    except (OSError, tree.ParseError) as error:
        print(f"FAILED  {name}: no readable report: {error}")
        failed += 1
        continue
    for case in root.iter("testcase"):
        title = case.get("name") if case.get("classname") == case.get("name") else f"{case.get('classname', '')}.{case.get('name')}"
        skipped = case.find("skipped")
        problem = case.find("failure")
        if problem is None:
            problem = case.find("error")
        if problem is not None or case.get("status") == "fail":
            print(f"FAILED  {title}")
            failed += 1
        elif skipped is not None or case.get("status") in ("notrun", "disabled"):
            reason = (skipped.get("message") if skipped is not None else "") or ""
            if not reason or reason.startswith("SKIP_"):  # ctest keeps a test's own words in its output
                output = (case.findtext("system-out") or "").splitlines()
                said = [output[i + 1] for i, line in enumerate(output[:-1]) if line.endswith(": Skipped")]
                reason = said[0] if said else f"{title}: no reason given"
            skips[reason] += 1
        else:
            passed += 1
for reason, count in sorted(skips.items()):
    print(f"skipped {count}: {reason}")
print(f"{passed} passed, {failed} failed, {sum(skips.values())} skipped")
sys.exit(1 if failed or not passed else 0)
