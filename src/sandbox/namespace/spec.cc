#include "sandbox/namespace/spec.h"

#include <algorithm>

#include "runtime/default_seccomp.h"
#include "runtime/overlay_root.h"
#include "sandbox/namespace/record.h"

namespace fulcrum::sandbox {
namespace {

const std::vector<std::string> kMasked = {"/proc/asound",      "/proc/acpi",          "/proc/interrupts", "/proc/kcore",
                                          "/proc/keys",        "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
                                          "/proc/sched_debug", "/proc/scsi",          "/sys/firmware",    "/sys/devices/virtual/powercap"};
const std::vector<std::string> kReadOnly = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};

std::string namespace_path(const SpecInput& input, const std::string& kind, const char* file) {
  const auto found = input.joins.find(kind);
  return found == input.joins.end() ? std::string() : fmt::format("/proc/{}/ns/{}", found->second, file);
}

std::vector<oci::Namespace> namespaces(const SpecInput& input) {
  const auto& spec = input.plan->spec;
  std::vector<oci::Namespace> list{{.type = "mount"}};
  if (spec.network != "host") list.push_back({"network", namespace_path(input, "network", "net")});
  if (spec.namespaces.pid != "host") list.push_back({"pid", namespace_path(input, "pid", "pid")});
  if (spec.namespaces.ipc != "host") list.push_back({"ipc", namespace_path(input, "ipc", "ipc")});
  if (spec.namespaces.uts != "host") list.push_back({.type = "uts"});
  if (spec.namespaces.cgroup != "host") list.push_back({.type = "cgroup"});
  if (input.subid != 0) list.push_back({.type = "user"});
  return list;
}

Result<oci::Process> make_process(const SpecInput& input) {
  const auto& spec = input.plan->spec;
  oci::Process process;
  process.args = TRY(make_arguments(spec, input.image));
  if (spec.init) process.args.insert(process.args.begin(), {"/sbin/docker-init", "--"});
  process.terminal = spec.tty;
  process.user = {.uid = input.user.uid, .gid = input.user.gid, .additional_gids = input.user.groups};
  process.env = make_environment(input.image.env, spec.env, input.plan->hostname, spec.tty);
  process.cwd = !spec.working_dir.empty() ? spec.working_dir : input.image.working_dir.empty() ? "/" : input.image.working_dir;
  if (!process.cwd.starts_with('/')) process.cwd = "/" + process.cwd;
  process.capabilities = capability_sets(TRY(make_capabilities(spec.security, input.facts.capabilities)));
  process.rlimits = TRY(make_rlimits(spec.resources.ulimits));
  process.no_new_privileges = spec.security.no_new_privileges;
  process.oom_score_adj = spec.resources.oom_score_adj;
  if (spec.security.apparmor != "unconfined") process.apparmor_profile = spec.security.apparmor;
  return process;
}

Result<std::optional<oci::Seccomp>> seccomp(const api::Security& security, const std::vector<std::string>& capabilities) {
  if (security.seccomp == "unconfined" || (security.seccomp.empty() && security.privileged)) return std::optional<oci::Seccomp>();
  if (security.seccomp.empty()) return std::optional(runtime::default_seccomp(capabilities));
  return std::optional(TRY(oci::parse_seccomp(security.seccomp), "security.seccomp"));
}

// A mount that is to be seen outside needs a root that passes it on, as Docker has it.
std::string root_propagation(const std::vector<ResolvedMount>& mounts) {
  std::string word;
  for (const auto& mount : mounts) {
    if (mount.propagation.ends_with("shared")) return "shared";
    if (mount.propagation.ends_with("slave")) word = "rslave";
  }
  return word;
}

Result<oci::Linux> make_linux(const SpecInput& input, const oci::Process& process) {
  const auto& spec = input.plan->spec;
  const auto& security = spec.security;
  oci::Linux out;
  if (input.subid != 0) {
    out.uid_mappings = {{.container_id = 0, .host_id = input.subid, .size = input.subid_size}};
    out.gid_mappings = out.uid_mappings;
  }
  out.sysctl = security.sysctls;
  out.resources = TRY(make_resources(spec.resources, input.facts));
  auto devices = TRY(make_devices(spec));
  out.resources->devices = std::move(devices.rules);
  out.devices = std::move(devices.nodes);
  out.cgroups_path = input.cgroup;
  out.namespaces = namespaces(input);
  out.seccomp = TRY(seccomp(security, process.capabilities->bounding));
  out.rootfs_propagation = root_propagation(input.plan->mounts);
  if (!security.privileged) {
    out.masked_paths = security.masked_paths.value_or(kMasked);
    out.readonly_paths = security.readonly_paths.value_or(kReadOnly);
  }
  return out;
}

void check_namespaces(const api::WorkloadSpec& spec, schema::Violations& out) {
  const auto check = [&](const char* path, const std::string& mode, std::initializer_list<std::string_view> allowed, bool joinable) {
    if (std::ranges::find(allowed, mode) != allowed.end() || (joinable && joins(mode))) return;
    out.push_back({path, "\"" + mode + "\" is not a mode"});
  };
  check("namespaces.pid", spec.namespaces.pid, {"", "private", "host"}, true);
  check("namespaces.ipc", spec.namespaces.ipc, {"", "private", "host", "shareable", "none"}, true);
  check("namespaces.uts", spec.namespaces.uts, {"", "private", "host"}, false);
  check("namespaces.cgroup", spec.namespaces.cgroup, {"", "private", "host"}, false);
  if (spec.resources.shm_size && (spec.namespaces.ipc == "host" || spec.namespaces.ipc == "none" || spec.namespaces.ipc == "shareable" ||
                                  joins(spec.namespaces.ipc))) {
    out.push_back({"resources.shmSize", "needs namespaces.ipc: private, where /dev/shm is the workload's own"});
  }
  if (spec.namespaces.uts == "host" && (!spec.hostname.empty() || !spec.domainname.empty())) {
    out.push_back({"hostname", "cannot be set with namespaces.uts: host"});
  }
}

void check_sysctls(const api::WorkloadSpec& spec, schema::Violations& out) {
  for (const auto& [name, value] : spec.security.sysctls) {
    const auto path = "security.sysctls." + name;
    const bool ipc =
        name.starts_with("fs.mqueue.") || name.starts_with("kernel.shm") || name.starts_with("kernel.msg") || name == "kernel.sem";
    if (name.starts_with("net.")) {
      if (!own_namespace(spec.network)) out.push_back({path, "needs a network namespace of its own"});
    } else if (ipc) {
      if (!own_namespace(spec.namespaces.ipc)) out.push_back({path, "needs an IPC namespace of its own"});
    } else if (name != "kernel.domainname") {
      out.push_back({path, "would change the whole host: it belongs to no namespace"});
    }
  }
}

void check_security(const api::WorkloadSpec& spec, const MachineFacts& facts, schema::Violations& out) {
  const auto& security = spec.security;
  if (!security.apparmor.empty() && security.apparmor != "unconfined" && !facts.apparmor) {
    out.push_back({"security.apparmor", "this kernel has no AppArmor"});
  }
  for (const auto& label : security.selinux) {
    if (label != "disable") out.push_back({"security.selinux", "labels are not available here"});
  }
  const auto capabilities = make_capabilities(security, facts.capabilities);
  if (!capabilities) {
    out.push_back({"security.capAdd", capabilities.error().message});
    return;
  }
  for (const auto& name : *capabilities) {
    if (std::ranges::find(facts.capabilities, name) == facts.capabilities.end()) {
      out.push_back({"security.capAdd", name + " is not in this machine's bounding set"});
    }
  }
  if (!security.seccomp.empty() && security.seccomp != "unconfined") {
    const auto profile = oci::parse_seccomp(security.seccomp);
    if (!profile) out.push_back({"security.seccomp", profile.error().message});
  }
  const bool remapped = !security.userns.empty() && security.userns != "host";
  if (remapped && security.privileged) out.push_back({"security.userns", "a privileged workload cannot have a user namespace"});
  if (remapped && (joins(spec.network) || joins(spec.namespaces.pid) || joins(spec.namespaces.ipc))) {
    out.push_back({"security.userns", "cannot be combined with another workload's namespaces"});
  }
  if (remapped && (spec.network == "host" || spec.namespaces.pid == "host" || spec.namespaces.ipc == "host")) {
    out.push_back({"security.userns", "cannot be combined with the host's namespaces"});
  }
}

}  // namespace

bool joins(std::string_view mode) { return mode.starts_with("container:"); }

bool own_namespace(std::string_view mode) { return mode != "host" && !joins(mode); }

const std::vector<std::string>& default_masked_paths() { return kMasked; }

const std::vector<std::string>& default_readonly_paths() { return kReadOnly; }

schema::Violations check_spec(const api::WorkloadSpec& spec, const MachineFacts& facts) {
  schema::Violations out;
  check_namespaces(spec, out);
  check_sysctls(spec, out);
  check_security(spec, facts, out);
  check_rootless(spec, facts, out);
  const auto limits = make_resources(spec.resources, facts);
  if (!limits) out.push_back({"resources", limits.error().message});
  const auto rlimits = make_rlimits(spec.resources.ulimits);
  if (!rlimits) out.push_back({"resources.ulimits", rlimits.error().message});
  for (const auto& rule : spec.resources.device_cgroup_rules) {
    if (const auto parsed = parse_device_rule(rule); !parsed) out.push_back({"resources.deviceCgroupRules", parsed.error().message});
  }
  if (spec.resources.memory_swap && *spec.resources.memory_swap != "-1" && !facts.swap_accounting) {
    out.push_back({"resources.memorySwap", "this kernel cannot limit swap"});
  }
  return out;
}

Result<oci::Spec> make_spec(const SpecInput& input) {
  const auto& plan = *input.plan;
  oci::Spec spec;
  spec.oci_version = "1.0.2";
  spec.process = TRY(make_process(input));
  spec.root = oci::Root{.path = "rootfs", .readonly = plan.spec.security.read_only_root};
  if (plan.spec.namespaces.uts != "host") {
    spec.hostname = plan.hostname;
    spec.domainname = plan.spec.domainname;
  }
  spec.mounts = TRY(make_mounts(input));
  spec.annotations = plan.spec.annotations;
  auto layers = plan.layer_dirs;
  spec.annotations[runtime::kRootfsAnnotation] = rootfs_annotation(layers, input.upper, input.work);
  spec.linux = TRY(make_linux(input, *spec.process));
  return spec;
}

}  // namespace fulcrum::sandbox
