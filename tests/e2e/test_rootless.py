"""C09: everything of C01-C08, C10-C13 and C18 as an ordinary user. The tests of those rows are run again, unchanged, on a rootless engine."""
import json
import os
import pathlib
import re
import shutil
import socket

import pytest

import test_life
import test_limits
import test_logs
import test_network
import test_run
import test_security
import test_volumes
from harness.images import busybox_image
from harness.rootless import RootlessEngine
from test_limits import cgroup_file, eater  # noqa: F401 (fixtures of the tests below)
from test_security import caller  # noqa: F401

NEEDS_CGROUP = re.compile("C06|C07|update_changes|top_stats")
SAME = {
    test_run: ["test_C01_run_rm_true_exits_zero_and_is_gone", "test_C01_exit_status_is_passed_through", "test_C01_streams_are_kept_apart_and_binary_safe",
               "test_run_with_a_terminal", "test_run_detach_keys_leave_it_running", "test_signals_reach_the_program",
               "test_C05_exec_with_env_user_workdir_and_exit_code", "test_C05_exec_with_a_terminal", "test_exec_detached_goes_on_by_itself",
               "test_workload_file_with_env_entrypoint_and_user", "test_top_stats_inspect_port_are_for_programs_too",
               "test_copy_in_and_out_running_and_stopped"],
    test_logs: ["test_C04_tail_since_until_timestamps", "test_C04_follow_ends_with_the_workload_and_misses_nothing", "test_C04_rotation_keeps_the_newest",
                "test_C04_survives_a_daemon_restart"],
    test_limits: ["test_C06_out_of_memory_is_reported_as_such", "test_C06_a_kill_is_not_out_of_memory",
                  "test_C06_restart_policy_is_honoured_after_out_of_memory", "test_C07_pids_limit", "test_C07_cpu_quota_is_seen_and_holds",
                  "test_C07_memory_limit_is_visible_inside_and_outside", "test_update_changes_limits_without_a_restart"],
    test_security: ["test_C10_listed_system_calls_fail_with_eperm", "test_C10_own_profile", "test_C10_capabilities_are_dropped",
                    "test_C10_paths_are_masked_and_read_only", "test_C10_no_new_privileges", "test_user_names_groups_and_missing_users",
                    "test_secrets_are_files_and_are_never_shown"],
    test_network: ["test_C11_names_resolve_on_their_network", "test_C11_published_port_from_the_host_and_from_neighbours",
                   "test_C11_two_networks_are_isolated", "test_C11_fixed_address_hosts_and_resolver", "test_C11_internal_network_has_no_way_out",
                   "test_networks_survive_a_daemon_crash"],
    test_volumes: ["test_C12_named_volume_outlives_the_workload", "test_C12_read_only_mounts_refuse_writes",
                   "test_C12_a_new_volume_is_filled_from_the_image", "test_C12_anonymous_volumes_go_with_the_workload",
                   "test_C12_tmpfs_and_missing_sources"],
    test_life: ["test_C13_health_check_flips_status", "test_C13_restart_policies_that_end", "test_C13_always_restarts_until_stopped_by_hand",
                "test_C16_events_come_in_order", "test_C18_a_daemon_crash_leaves_workloads_running_and_attachable",
                "test_C18_an_exec_session_survives_the_daemon"],
}
for module, names in SAME.items():
    for name in names:
        globals()["test_C09_" + name.removeprefix("test_")] = getattr(module, name)

slirp = pytest.mark.skipif(not shutil.which("slirp4netns") or not os.path.exists("/dev/net/tun"), reason="needs slirp4netns and /dev/net/tun")


@pytest.fixture(autouse=True)
def programs():
    for program in ("newuidmap", "newgidmap", "setpriv"):
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed")


@pytest.fixture
def make_engine(bin_dir, request):
    """Engines of ordinary users; those of tests about limits have delegated cgroups."""
    engines = []
    delegated = bool(NEEDS_CGROUP.search(request.node.name))

    def make(**options):
        engine = RootlessEngine(bin_dir, **{"delegate": delegated, **options})
        engines.append(engine)
        engine.start()
        return engine

    yield make
    problems = []
    for engine in engines:
        problems += engine.destroy()
    assert not problems, "left behind: " + "; ".join(problems)


def load_box(engine):
    engine.ok("image", "load", "-i", str(busybox_image(engine.scratch / "box.tar", name="box")))
    return engine


def first_pid(engine, name):
    return json.loads(engine.ok("top", "--format", "json", name))["processes"][0]["pid"]
