#include "api/oci/runtime_spec.h"

#include "api/oci/features.h"
#include "base/testing.h"

namespace fulcrum::oci {
namespace {

using fulcrum::testing::ErrorIs;
using fulcrum::testing::IsOk;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kFull = R"({
  "ociVersion": "1.2.0", "unknownToUs": {"a": [1, 2]},
  "process": {
    "terminal": true, "consoleSize": {"height": 25, "width": 80},
    "user": {"uid": 1, "gid": 2, "umask": 18, "additionalGids": [5, 6]},
    "args": ["sh", "-c", "true"], "env": ["A=b"], "cwd": "/",
    "capabilities": {"bounding": ["CAP_KILL"], "effective": ["CAP_KILL"], "permitted": ["CAP_KILL"], "inheritable": [], "ambient": ["CAP_KILL"]},
    "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 18446744073709551615, "soft": 1024}],
    "noNewPrivileges": true, "oomScoreAdj": -5,
    "scheduler": {"policy": "SCHED_DEADLINE", "runtime": 1000000, "deadline": 2000000, "period": 3000000, "flags": ["SCHED_FLAG_RESET_ON_FORK"]},
    "ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 4}, "execCPUAffinity": {"initial": "0-1", "final": "0"}},
  "root": {"path": "rootfs", "readonly": true}, "hostname": "h", "domainname": "d",
  "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
    {"destination": "/d", "source": "/s", "options": ["rbind", "ro"], "uidMappings": [{"containerID": 0, "hostID": 1000, "size": 10}],
     "gidMappings": [{"containerID": 0, "hostID": 1000, "size": 10}]}],
  "hooks": {"prestart": [{"path": "/bin/a", "args": ["a", "b"], "env": ["X=y"], "timeout": 3}], "poststop": [{"path": "/bin/z"}]},
  "annotations": {"k": "v"},
  "linux": {
    "namespaces": [{"type": "pid"}, {"type": "network", "path": "/run/netns/x"}, {"type": "mount"}, {"type": "ipc"}, {"type": "uts"},
      {"type": "user"}, {"type": "cgroup"}, {"type": "time"}],
    "uidMappings": [{"containerID": 0, "hostID": 100000, "size": 65536}], "gidMappings": [{"containerID": 0, "hostID": 100000, "size": 65536}],
    "sysctl": {"net.ipv4.ip_forward": "1", "kernel.shmmax": "1024"}, "cgroupsPath": "/a/b",
    "devices": [{"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 438, "uid": 0, "gid": 0}],
    "netDevices": {"eth5": {"name": "eth0"}},
    "resources": {
      "devices": [{"allow": false, "access": "rwm"}, {"allow": true, "type": "c", "major": 10, "minor": -1, "access": "rw"}],
      "memory": {"limit": 1048576, "reservation": 524288, "swap": -1, "kernel": -1, "kernelTCP": 4096, "swappiness": 0, "disableOOMKiller": false,
        "useHierarchy": true, "checkBeforeUpdate": true},
      "cpu": {"shares": 1024, "quota": -1, "period": 100000, "burst": 0, "realtimeRuntime": 950000, "realtimePeriod": 1000000, "cpus": "0-1",
        "mems": "0", "idle": 0},
      "pids": {"limit": 100},
      "blockIO": {"weight": 10, "leafWeight": 10, "weightDevice": [{"major": 8, "minor": 0, "weight": 500, "leafWeight": 300}],
        "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 600}], "throttleWriteIOPSDevice": [{"major": 8, "minor": 16, "rate": 300}]},
      "hugepageLimits": [{"pageSize": "2MB", "limit": 4194304}],
      "network": {"classID": 1048577, "priorities": [{"name": "eth0", "priority": 500}]},
      "rdma": {"mlx5_1": {"hcaHandles": 3, "hcaObjects": 10000}},
      "unified": {"memory.high": "1000000"}},
    "seccomp": {"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1, "architectures": ["SCMP_ARCH_X86_64"],
      "flags": ["SECCOMP_FILTER_FLAG_LOG"], "listenerPath": "/run/s", "listenerMetadata": "m",
      "syscalls": [{"names": ["getcwd"], "action": "SCMP_ACT_ERRNO", "errnoRet": 5, "args": [{"index": 1, "value": 2, "valueTwo": 3, "op": "SCMP_CMP_MASKED_EQ"}]}]},
    "rootfsPropagation": "rslave", "maskedPaths": ["/proc/kcore"], "readonlyPaths": ["/proc/sys"], "mountLabel": "l",
    "intelRdt": {"closID": "c", "schemata": ["L3:0=1"], "enableMonitoring": true},
    "memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES"]},
    "personality": {"domain": "LINUX32"}, "timeOffsets": {"monotonic": {"secs": 172800, "nanosecs": 1}}}})";

/// The least that validates.
Spec small() {
  Spec spec;
  spec.oci_version = "1.0.2";
  spec.process.emplace();
  spec.process->args = {"true"};
  spec.process->cwd = "/";
  spec.root = Root{.path = "rootfs"};
  spec.linux.emplace();
  return spec;
}

TEST(RuntimeSpec, ReadsEveryFieldAndComesBackEqual) {
  const auto spec = parse_spec(kFull);
  ASSERT_OK(spec);
  EXPECT_OK(validate(*spec));
  EXPECT_EQ(spec->process->rlimits[0].hard, UINT64_MAX);
  EXPECT_EQ(spec->process->io_priority->io_class, "IOPRIO_CLASS_BE");
  EXPECT_EQ(spec->process->exec_cpu_affinity->final, "0");
  EXPECT_EQ(spec->mounts[1].uid_mappings[0].host_id, 1000U);
  EXPECT_EQ(spec->linux->resources->memory->swap, -1);
  EXPECT_EQ(spec->linux->resources->rdma.at("mlx5_1").hca_objects, 10000U);
  EXPECT_EQ(spec->linux->seccomp->syscalls[0].args[0].value_two, 3U);
  EXPECT_EQ(spec->linux->net_devices.at("eth5").name, "eth0");
  EXPECT_EQ(spec->linux->time_offsets.at("monotonic").secs, 172800);
  const auto again = parse_spec(to_json(*spec));
  ASSERT_OK(again);
  EXPECT_EQ(*again, *spec);
}

TEST(RuntimeSpec, UnsetFieldsAreNotWritten) {
  const auto text = to_json(small());
  EXPECT_THAT(text, Not(HasSubstr("null")));
  EXPECT_THAT(text, Not(HasSubstr("hostname")));
  EXPECT_THAT(text, HasSubstr(R"("cwd":"/")"));
}

TEST(RuntimeSpec, ReportsAllWrongTypesWithPaths) {
  const auto spec =
      parse_spec(R"({"ociVersion": 1, "process": {"args": "sh", "user": {"uid": -1}}, "linux": {"resources": {"memory": {"limit": "1"}},
                                  "namespaces": [{"type": "pid"}, 7]}})");
  ASSERT_THAT(spec, ErrorIs(Code::invalid_argument));
  for (const auto* path : {"ociVersion", "process.args", "process.user.uid", "linux.resources.memory.limit", "linux.namespaces[1]"}) {
    EXPECT_THAT(spec.error().message, HasSubstr(path));
  }
}

TEST(RuntimeSpec, RefusesWhatIsNoJson) {
  EXPECT_THAT(parse_spec(""), ErrorIs(Code::invalid_argument));
  EXPECT_THAT(parse_spec("{\"ociVersion\": \"1.0.0\""), ErrorIs(Code::invalid_argument));
  EXPECT_THAT(parse_spec("[]"), ErrorIs(Code::invalid_argument));
  EXPECT_THAT(parse_spec(std::string(10000, '[')), Not(IsOk()));
  EXPECT_THAT(parse_spec(std::string(kMaxSpecBytes + 1, ' ')), ErrorIs(Code::resource_exhausted));
}

TEST(Validate, SmallestIsRight) { EXPECT_OK(validate(small())); }

struct Wrong {
  const char* path;
  void (*spoil)(Spec&);
};

class ValidateRefuses : public ::testing::TestWithParam<Wrong> {};

TEST_P(ValidateRefuses, NamesThePath) {
  auto spec = small();
  GetParam().spoil(spec);
  EXPECT_THAT(validate(spec), ErrorIs(Code::invalid_argument, GetParam().path));
}

INSTANTIATE_TEST_SUITE_P(
    All, ValidateRefuses,
    ::testing::Values(
        Wrong{"ociVersion", [](Spec& s) { s.oci_version = "2.0.0"; }}, Wrong{"ociVersion", [](Spec& s) { s.oci_version = "1.0"; }},
        Wrong{"root", [](Spec& s) { s.root.reset(); }}, Wrong{"root.path", [](Spec& s) { s.root->path = ""; }},
        Wrong{"process.args", [](Spec& s) { s.process->args.clear(); }}, Wrong{"process.cwd", [](Spec& s) { s.process->cwd = "tmp"; }},
        Wrong{"process.env[0]", [](Spec& s) { s.process->env = {"NOVALUE"}; }},
        Wrong{"process.args", [](Spec& s) { s.process->args = {std::string("a\0b", 3)}; }},
        Wrong{"process.rlimits[0].type", [](Spec& s) { s.process->rlimits = {{"RLIMIT_X", 1, 1}}; }},
        Wrong{"process.rlimits[1].type", [](Spec& s) { s.process->rlimits = {{"RLIMIT_CPU", 1, 1}, {"RLIMIT_CPU", 1, 1}}; }},
        Wrong{"process.rlimits[0].soft", [](Spec& s) { s.process->rlimits = {{"RLIMIT_CPU", 1, 2}}; }},
        Wrong{"process.oomScoreAdj", [](Spec& s) { s.process->oom_score_adj = 1001; }},
        Wrong{"process.scheduler.nice", [](Spec& s) { s.process->scheduler = Scheduler{.policy = "SCHED_OTHER", .nice = 20}; }},
        Wrong{"process.scheduler.priority", [](Spec& s) { s.process->scheduler = Scheduler{.policy = "SCHED_IDLE", .priority = 2}; }},
        Wrong{"process.ioPriority.priority", [](Spec& s) { s.process->io_priority = IoPriority{"IOPRIO_CLASS_BE", 8}; }},
        Wrong{"process.execCPUAffinity.final", [](Spec& s) { s.process->exec_cpu_affinity = CpuAffinity{"", "3-1"}; }},
        Wrong{"hostname", [](Spec& s) { s.hostname = "h"; }},
        Wrong{"mounts[0].destination", [](Spec& s) { s.mounts = {{.type = "proc"}}; }},
        Wrong{"mounts[0].source", [](Spec& s) { s.mounts = {{.destination = "/a", .type = "bind"}}; }},
        Wrong{"mounts[0].type", [](Spec& s) { s.mounts = {{.destination = "/a"}}; }},
        Wrong{"both uid and gid",
              [](Spec& s) { s.mounts = {{.destination = "/a", .type = "bind", .source = "/", .uid_mappings = {{0, 0, 1}}}}; }},
        Wrong{"hooks.poststart[0].path", [](Spec& s) { s.hooks = Hooks{.poststart = {{.path = "x"}}}; }},
        Wrong{"hooks.prestart[0].timeout", [](Spec& s) { s.hooks = Hooks{.prestart = {{.path = "/x", .timeout = 0}}}; }},
        Wrong{"linux.namespaces[0].type", [](Spec& s) { s.linux->namespaces = {{"net", ""}}; }},
        Wrong{"duplicated ns \"pid\"", [](Spec& s) { s.linux->namespaces = {{"pid", ""}, {"pid", ""}}; }},
        Wrong{"linux.namespaces[0].path", [](Spec& s) { s.linux->namespaces = {{"pid", "x"}}; }},
        Wrong{"no namespace path to join", [](Spec& s) { s.linux->namespaces = {{"user", ""}}; }},
        Wrong{"linux.uidMappings", [](Spec& s) { s.linux->uid_mappings = {{0, 0, 1}}; }},
        Wrong{"linux.gidMappings[0].size", [](Spec& s) { s.linux->gid_mappings = {{0, 0, 0}}; }},
        Wrong{"linux.timeOffsets", [](Spec& s) { s.linux->time_offsets["monotonic"] = {1, 0}; }},
        Wrong{"linux.sysctl.net.ipv4.ip_forward", [](Spec& s) { s.linux->sysctl["net.ipv4.ip_forward"] = "1"; }},
        Wrong{"not in a separate kernel namespace", [](Spec& s) { s.linux->sysctl["vm.swappiness"] = "1"; }},
        Wrong{"hosts ipc namespace", [](Spec& s) { s.linux->sysctl["kernel/shmmax"] = "1"; }},
        Wrong{"linux.devices[0].type", [](Spec& s) { s.linux->devices = {{.path = "/d", .type = "x"}}; }},
        Wrong{"linux.netDevices", [](Spec& s) { s.linux->net_devices["eth0"] = {}; }},
        Wrong{"linux.maskedPaths[0]", [](Spec& s) { s.linux->masked_paths = {"proc"}; }},
        Wrong{"linux.rootfsPropagation", [](Spec& s) { s.linux->rootfs_propagation = "x"; }},
        Wrong{"linux.personality.domain", [](Spec& s) { s.linux->personality = Personality{.domain = "SUN"}; }},
        Wrong{"linux.memoryPolicy.nodes", [](Spec& s) { s.linux->memory_policy = MemoryPolicy{.mode = "MPOL_BIND"}; }},
        Wrong{"linux.intelRdt.closID", [](Spec& s) { s.linux->intel_rdt = IntelRdt{.clos_id = "../x"}; }}));

INSTANTIATE_TEST_SUITE_P(
    Resources, ValidateRefuses,
    ::testing::Values(
        Wrong{"linux.resources.memory.swap",
              [](Spec& s) { s.linux->resources = Resources{.memory = MemoryLimits{.limit = 10, .swap = 5}}; }},
        Wrong{"linux.resources.memory.limit", [](Spec& s) { s.linux->resources = Resources{.memory = MemoryLimits{.limit = -2}}; }},
        Wrong{"linux.resources.cpu.cpus", [](Spec& s) { s.linux->resources = Resources{.cpu = CpuLimits{.cpus = "a"}}; }},
        Wrong{"linux.resources.devices[0].access", [](Spec& s) { s.linux->resources = Resources{.devices = {{.access = "x"}}}; }},
        Wrong{"linux.resources.blockIO.weight", [](Spec& s) { s.linux->resources = Resources{.block_io = BlockIoLimits{.weight = 5}}; }},
        Wrong{"pageSize", [](Spec& s) { s.linux->resources = Resources{.hugepage_limits = {{"../2MB", 1}}}; }},
        Wrong{"linux.resources.unified", [](Spec& s) { s.linux->resources = Resources{.unified = {{"../cgroup.procs", "1"}}}; }},
        Wrong{"cgroup.procs", [](Spec& s) { s.linux->resources = Resources{.unified = {{"cgroup.procs", "1"}}}; }},
        Wrong{"linux.seccomp.defaultAction", [](Spec& s) { s.linux->seccomp = Seccomp{.default_action = "SCMP_ACT_X"}; }},
        Wrong{"linux.seccomp.listenerPath",
              [](Spec& s) {
                s.linux->seccomp = Seccomp{.default_action = "SCMP_ACT_ALLOW", .syscalls = {{{"mkdir"}, "SCMP_ACT_NOTIFY", {}, {}}}};
              }},
        Wrong{"linux.seccomp.syscalls[0].errnoRet",
              [](Spec& s) {
                s.linux->seccomp = Seccomp{.default_action = "SCMP_ACT_ALLOW", .syscalls = {{{"mkdir"}, "SCMP_ACT_ALLOW", 1, {}}}};
              }},
        Wrong{"linux.seccomp.syscalls[0].args[0].index", [](Spec& s) {
                s.linux->seccomp =
                    Seccomp{.default_action = "SCMP_ACT_ALLOW", .syscalls = {{{"mkdir"}, "SCMP_ACT_KILL", {}, {{6, 0, 0, "SCMP_CMP_EQ"}}}}};
              }}));

TEST(Features, PrintsOnlyWhatIsKnown) {
  Features features{.oci_version_min = "1.0.0", .oci_version_max = "1.2.0", .hooks = {"prestart"}};
  features.linux.emplace();
  features.linux->cgroup = FeaturesCgroup{.v1 = true, .v2 = true, .systemd = false};
  features.linux->mount_extensions = FeaturesMountExtensions{.idmap = FeaturesEnabled{true}};
  const auto text = to_json(features);
  EXPECT_THAT(text, HasSubstr("\"ociVersionMax\": \"1.2.0\""));
  EXPECT_THAT(text, HasSubstr("\"systemd\": false"));
  EXPECT_THAT(text, Not(HasSubstr("rdma")));
}

}  // namespace
}  // namespace fulcrum::oci
