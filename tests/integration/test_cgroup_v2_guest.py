"""Pure cgroup v2, on machines that have another layout too: cgroup_root_test runs in a guest whose kernel has v2 alone."""
import os
import pathlib
import re

import guest
import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]

INIT = """
busybox mount -t cgroup2 cgroup2 /sys/fs/cgroup
echo GUEST-CONTROLLERS $(busybox cat /sys/fs/cgroup/cgroup.controllers)
/bin/cgroup_root_test --gtest_color=no
echo GUEST-EXIT $?
echo GUEST-LEFT $(busybox find /sys/fs/cgroup -mindepth 1 -type d | busybox wc -l)
"""


def find_program(name):
    named = os.environ.get("FULCRUM_BIN_DIR")
    for folder in [pathlib.Path(named)] if named else [TOP / f"build/{preset}/bin" for preset in ("dev", "release")]:
        if (folder / name).exists():
            return folder / name
    return None


def is_static(program):
    return b"/ld-linux" not in program.read_bytes()


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    program = find_program("cgroup_root_test")
    if program is None:
        pytest.skip("cgroup_root_test is not built")
    if not is_static(program):
        pytest.skip("cgroup_root_test is linked dynamically (a sanitizer build)")
    if reason := guest.missing():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("guest")
    disk = folder / "disk"
    with open(disk, "wb") as file:
        file.truncate(1 << 20)
    return guest.boot(folder, INIT, {"bin/cgroup_root_test": program}, disk=disk,
                      modules=("virtio_ring", "virtio", "virtio_mmio", "virtio_blk"))


@pytest.fixture(scope="module")
def results(output):
    """{case: OK, FAILED or SKIPPED}"""
    return {case: result for result, case in re.findall(r"^\[ +(OK|FAILED|SKIPPED) +\] CgroupRoot\.(\w+) \(", output, re.M)}


def test_the_guest_has_pure_v2_with_controllers(output, results):
    controllers = re.search(r"^GUEST-CONTROLLERS (.*)$", output, re.M)
    assert controllers, output[-4000:]
    assert {"cpu", "memory", "io", "pids", "cpuset"} <= set(controllers.group(1).split())
    assert results.get("PureV2HasTheUsualControllers") == "OK", output[-4000:]


@pytest.mark.parametrize("case", [
    "CreateAndDestroyAreIdempotent", "EnterPutsTheChildIntoEveryHierarchy", "AddMovesAProcessFromOutside",
    "FreezeStopsAndThawContinues", "KillReachesATreeThatForksAndIsFrozen", "DestroyWaitsForTheDying",
    "MemoryLimitEndsInACountedOomKill", "MemoryAndSwapGrowAndShrinkInTheRightOrder", "LimitBelowUsageIsRefusedWhenAsked",
    "PidsLimitMakesForkFail", "CpuQuotaIsWrittenAndThrottles", "CpusetConfinesToOneCpu", "DeviceRulesAreEnforcedAndReplaced",
    "DeviceProgramWorksInTheV2Tree", "IoThrottleIsWritten", "MissingControllersAreNamed", "UnifiedSettings"])
def test_c07_on_v2(results, output, case):
    assert results.get(case) == "OK", output[-8000:]


def test_nothing_is_left_in_the_guest(output):
    assert "GUEST-EXIT 0" in output, output[-8000:]
    assert "GUEST-LEFT 0" in output
