"""Pure cgroup v2, on machines that have another layout too: cgroup_root_test runs in a guest whose kernel has v2 alone."""
import json
import re

import guest
import oci_bundle
import pytest

INIT = """
busybox mount -t cgroup2 cgroup2 /sys/fs/cgroup
echo GUEST-CONTROLLERS $(busybox cat /sys/fs/cgroup/cgroup.controllers)
/bin/cgroup_root_test --gtest_color=no
echo GUEST-EXIT $?
if [ -x /bin/fulcrum-oci ]; then
for b in limits oom sleeper; do
busybox mkdir -p /tmp/$b/rootfs/bin /tmp/$b/rootfs/proc /tmp/$b/rootfs/dev /tmp/$b/rootfs/sys /tmp/$b/rootfs/tmp
busybox cp /bin/busybox /tmp/$b/rootfs/bin/
for a in sh cat mknod head dd sleep; do busybox ln -s busybox /tmp/$b/rootfs/bin/$a; done
busybox cp /$b.json /tmp/$b/config.json
done
# The root of an initramfs cannot be pivoted away from.
fulcrum-oci run --no-pivot --bundle /tmp/limits c1
echo OCI-LIMITS $?
fulcrum-oci run --no-pivot --bundle /tmp/oom c2
echo OCI-OOM $?
fulcrum-oci run --no-pivot --detach --bundle /tmp/sleeper c3 </dev/null
fulcrum-oci pause c3 && echo OCI-FROZEN $(busybox grep frozen /sys/fs/cgroup/sleeper/cgroup.events)
fulcrum-oci resume c3 && echo OCI-THAWED $(busybox grep frozen /sys/fs/cgroup/sleeper/cgroup.events)
fulcrum-oci update --memory 100000000 --cpu-quota 30000 --cpu-period 100000 c3
echo OCI-UPDATED $(busybox cat /sys/fs/cgroup/sleeper/memory.max) $(busybox cat /sys/fs/cgroup/sleeper/cpu.max)
fulcrum-oci exec c3 cat /proc/self/cgroup
fulcrum-oci events --stats c3
fulcrum-oci delete --force c3
echo OCI-DELETED $?
fi
echo GUEST-LEFT $(busybox find /sys/fs/cgroup -mindepth 1 -type d | busybox wc -l)
"""

INSIDE = """
for f in memory.max memory.swap.max memory.low pids.max cpu.max cpu.weight memory.high; do echo INSIDE $f = $(cat /sys/fs/cgroup/$f); done
echo INSIDE path = $(cat /proc/self/cgroup)
head -c 1 /dev/zero >/dev/null && echo INSIDE zero = allowed
mknod /tmp/kmsg c 1 11 && { head -c 0 </tmp/kmsg && echo INSIDE kmsg = allowed || echo INSIDE kmsg = denied; }
"""


def bundles(folder):
    """The config.json of each container that the guest runs: {name in the initramfs: file}."""
    def write(name, args, resources):
        spec = oci_bundle.config(args, "/" + name, resources=resources)
        spec["linux"]["namespaces"].append({"type": "cgroup"})
        (folder / f"{name}.json").write_text(json.dumps(spec))
        return f"{name}.json", folder / f"{name}.json"

    return dict([
        write("limits", ["sh", "-c", INSIDE], {"memory": {"limit": 64 << 20, "swap": 96 << 20, "reservation": 16 << 20}, "pids": {"limit": 33},
                                               "cpu": {"shares": 1024, "quota": 25000, "period": 50000}, "unified": {"memory.high": "60000000"}}),
        write("oom", ["dd", "if=/dev/zero", "of=/dev/null", "bs=100M", "count=1"], {"memory": {"limit": 24 << 20, "swap": 24 << 20}}),
        write("sleeper", ["sleep", "1000"], {"memory": {"limit": 64 << 20}}),
    ])


def is_static(program):
    return b"/ld-linux" not in program.read_bytes()


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    program = oci_bundle.find_program("cgroup_root_test")
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
    files = {"bin/cgroup_root_test": program}
    runtime = oci_bundle.find_program("fulcrum-oci")
    if runtime and is_static(runtime):
        files.update({"bin/fulcrum-oci": runtime, **bundles(folder)})
    return guest.boot(folder, INIT, files, disk=disk, modules=("virtio_ring", "virtio", "virtio_mmio", "virtio_blk"))


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


@pytest.fixture(scope="module")
def container(output):
    """What the containers under fulcrum-oci said, in a guest."""
    if "OCI-LIMITS" not in output:
        pytest.skip("no static fulcrum-oci is built")
    return output


def test_a_container_sees_its_limits_on_v2(container):
    inside = dict(re.findall(r"^INSIDE (\S+) = (.*)$", container, re.M))
    assert inside == {"memory.max": str(64 << 20), "memory.swap.max": str(32 << 20), "memory.low": str(16 << 20), "pids.max": "33",
                      "cpu.max": "25000 50000", "cpu.weight": "100", "memory.high": "59998208", "path": "0::/", "zero": "allowed",
                      "kmsg": "denied"}, container[-6000:]
    assert "OCI-LIMITS 0" in container


def test_a_container_is_killed_beyond_its_memory_on_v2(container):
    assert "OCI-OOM 137" in container, container[-6000:]


def test_pause_update_exec_and_delete_on_v2(container):
    assert "OCI-FROZEN frozen 1" in container, container[-6000:]
    assert "OCI-THAWED frozen 0" in container
    assert "OCI-UPDATED 99999744 30000 100000" in container
    assert re.search(r"^0::/(sleeper)?$", container, re.M), "exec is in the container's cgroup"
    stats = json.loads(re.search(r'^\{.*"type": ?"stats".*\}$', container, re.M).group(0))["data"]
    assert stats["memory"]["usage"]["limit"] == 99999744
    assert "OCI-DELETED 0" in container


def test_nothing_is_left_in_the_guest(output):
    assert "GUEST-EXIT 0" in output, output[-8000:]
    assert "GUEST-LEFT 0" in output
