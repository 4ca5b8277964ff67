#include <array>
#include <set>

#include "api/oci/checker.h"

namespace fulcrum::oci {
namespace {

constexpr auto kNamespaces = std::to_array<std::string_view>({"pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time"});
constexpr auto kPropagations =
    std::to_array<std::string_view>({"", "shared", "rshared", "slave", "rslave", "private", "rprivate", "unbindable", "runbindable"});
constexpr auto kMemoryModes = std::to_array<std::string_view>(
    {"MPOL_DEFAULT", "MPOL_BIND", "MPOL_INTERLEAVE", "MPOL_WEIGHTED_INTERLEAVE", "MPOL_PREFERRED", "MPOL_PREFERRED_MANY", "MPOL_LOCAL"});
constexpr auto kMemoryFlags = std::to_array<std::string_view>({"MPOL_F_NUMA_BALANCING", "MPOL_F_RELATIVE_NODES", "MPOL_F_STATIC_NODES"});

void check_namespaces(Checker& c, const Linux& linux) {
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < linux.namespaces.size(); ++i) {
    const auto& entry = linux.namespaces[i];
    const auto path = at("linux.namespaces", i);
    c.one_of(path + ".type", entry.type, kNamespaces);
    if (!seen.insert(entry.type).second) c.add(path + ".type", "duplicated ns \"{}\"", entry.type);
    if (!entry.path.empty()) c.absolute(path + ".path", entry.path);
  }
  const bool mapped = !linux.uid_mappings.empty() || !linux.gid_mappings.empty();
  const auto* user = linux.find_namespace("user");
  if (user == nullptr && mapped)
    c.add("linux.uidMappings", "user namespace mappings specified, but user namespace isn't enabled in the config");
  if (user != nullptr && user->path.empty() && !mapped) {
    c.add("linux.namespaces", "user namespaces enabled, but no namespace path to join nor mappings to apply specified");
  }
  check_mappings(c, linux.uid_mappings, "linux.uidMappings");
  check_mappings(c, linux.gid_mappings, "linux.gidMappings");
}

void check_time(Checker& c, const Linux& linux) {
  if (linux.time_offsets.empty()) return;
  const auto* time = linux.find_namespace("time");
  if (time == nullptr) {
    c.add("linux.timeOffsets", "time namespace offsets specified, but time namespace isn't enabled in the config");
  } else if (!time->path.empty()) {
    c.add("linux.timeOffsets", "time namespace enabled, but both namespace path and time offsets specified -- you may only provide one");
  }
  for (const auto& [clock, offset] : linux.time_offsets) {
    c.one_of("linux.timeOffsets." + clock, clock, std::to_array<std::string_view>({"monotonic", "boottime"}));
    if (offset.nanosecs >= 1'000'000'000) c.add("linux.timeOffsets." + clock + ".nanosecs", "{} is a second or more", offset.nanosecs);
  }
}

/// "net/ipv4/conf/eth0.100/x" and "net.ipv4.conf.eth0/100.x" name the same: dots are returned as separators.
std::string dotted(std::string_view key) {
  const auto first = key.find_first_of("./");
  std::string out(key);
  if (first == std::string_view::npos || key[first] == '.') return out;
  for (auto& ch : out) ch = ch == '.' ? '/' : ch == '/' ? '.' : ch;
  return out;
}

/// A kernel parameter may be set only where a namespace keeps it from the host.
void check_sysctl(Checker& c, const Linux& linux) {
  constexpr auto kIpc = std::to_array<std::string_view>({"kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall",
                                                         "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced"});
  const auto has = [&](std::string_view type) { return linux.find_namespace(type) != nullptr; };
  for (const auto& [raw, value] : linux.sysctl) {
    const auto key = dotted(raw);
    const auto path = "linux.sysctl." + raw;
    c.no_nul(path, raw);
    c.no_nul(path, value);
    if (key.empty() || key.find("..") != std::string::npos || key.starts_with('/')) {
      c.add(path, "is not a kernel parameter");
    } else if (key.starts_with("fs.mqueue.") || std::find(kIpc.begin(), kIpc.end(), key) != kIpc.end()) {
      if (!has("ipc")) c.add(path, "sysctl \"{}\" is not allowed in the hosts ipc namespace", key);
    } else if (key.starts_with("net.")) {
      if (!has("network")) c.add(path, "sysctl \"{}\" not allowed in host network namespace", key);
    } else if (key == "kernel.hostname" && has("uts")) {
      c.add(path, "sysctl \"{}\" is not allowed as it conflicts with the OCI \"hostname\" field", key);
    } else if (key == "kernel.domainname" && has("uts")) {
      continue;
    } else if (key.starts_with("user.")) {
      if (!has("user")) c.add(path, "setting ucounts without a user namespace not allowed: {}", key);
    } else {
      c.add(path, "sysctl \"{}\" is not in a separate kernel namespace", key);
    }
  }
}

bool valid_interface(std::string_view name) {
  return !name.empty() && name.size() <= 15 && name != "." && name != ".." &&
         name.find_first_of(std::string_view("/: \t\n\0", 6)) == name.npos;
}

void check_devices(Checker& c, const Linux& linux) {
  for (std::size_t i = 0; i < linux.devices.size(); ++i) {
    const auto& device = linux.devices[i];
    const auto path = at("linux.devices", i);
    c.absolute(path + ".path", device.path);
    c.one_of(path + ".type", device.type, std::to_array<std::string_view>({"c", "u", "b", "p"}));
    if (device.type != "p" && (device.major < 0 || device.minor < 0 || device.major > 0xfff || device.minor > 0xfffff)) {
      c.add(path, "{}:{} is not a device number", device.major, device.minor);
    }
    if (device.file_mode && *device.file_mode > 0177777) c.add(path + ".fileMode", "{} is not a file mode", *device.file_mode);
  }
  if (!linux.net_devices.empty() && linux.find_namespace("network") == nullptr) {
    c.add("linux.netDevices", "unable to move network devices without a NET namespace");
  }
  for (const auto& [host, device] : linux.net_devices) {
    if (!valid_interface(host) || (!device.name.empty() && !valid_interface(device.name))) {
      c.add("linux.netDevices." + host, "invalid network device name");
    }
  }
}

void check_paths(Checker& c, const Linux& linux) {
  const std::pair<std::string_view, const std::vector<std::string>*> lists[] = {{"linux.maskedPaths", &linux.masked_paths},
                                                                                {"linux.readonlyPaths", &linux.readonly_paths}};
  for (const auto& [name, paths] : lists) {
    for (std::size_t i = 0; i < paths->size(); ++i) c.absolute(at(name, i), (*paths)[i]);
    if (!paths->empty() && linux.find_namespace("mount") == nullptr) {
      c.add(std::string(name), "unable to restrict sys entries without a private MNT namespace");
    }
  }
  c.one_of("linux.rootfsPropagation", linux.rootfs_propagation, kPropagations);
  c.no_nul("linux.cgroupsPath", linux.cgroups_path);
  c.no_nul("linux.mountLabel", linux.mount_label);
}

void check_memory_policy(Checker& c, const MemoryPolicy& policy) {
  c.one_of("linux.memoryPolicy.mode", policy.mode, kMemoryModes);
  for (const auto& flag : policy.flags) c.one_of("linux.memoryPolicy.flags", flag, kMemoryFlags);
  const bool none = policy.mode == "MPOL_DEFAULT" || policy.mode == "MPOL_LOCAL";
  if (none && !policy.nodes.empty()) c.add("linux.memoryPolicy.nodes", "must be empty for {}", policy.mode);
  if (!none && policy.nodes.empty() && policy.mode != "MPOL_PREFERRED")
    c.add("linux.memoryPolicy.nodes", "is required for {}", policy.mode);
  if (!policy.nodes.empty() && !valid_number_list(policy.nodes))
    c.add("linux.memoryPolicy.nodes", "\"{}\" is not a node list", policy.nodes);
}

void check_intel_rdt(Checker& c, const IntelRdt& rdt) {
  const auto& id = rdt.clos_id;
  if (id == "." || id == ".." || (id.size() > 1 && id.find('/') != std::string::npos)) {
    c.add("linux.intelRdt.closID", "\"{}\" is not a folder name", id);
  }
  c.no_nul("linux.intelRdt.closID", id);
  if (rdt.l3_cache_schema.find('\n') != std::string::npos) c.add("linux.intelRdt.l3CacheSchema", "must be one line");
  if (rdt.mem_bw_schema.find('\n') != std::string::npos) c.add("linux.intelRdt.memBwSchema", "must be one line");
}

}  // namespace

void check_seccomp(Checker& c, const Seccomp& seccomp, const std::string& path) {
  const auto check_errno = [&](const std::string& here, std::string_view action, const std::optional<std::uint32_t>& value) {
    if (value && action != "SCMP_ACT_ERRNO" && action != "SCMP_ACT_TRACE") c.add(here, "is not supported by {}", action);
    if (value && *value > 0xffff) c.add(here, "{} does not fit into 16 bits", *value);
  };
  c.one_of(path + ".defaultAction", seccomp.default_action, kSeccompActions);
  check_errno(path + ".defaultErrnoRet", seccomp.default_action, seccomp.default_errno_ret);
  if (seccomp.default_action == "SCMP_ACT_NOTIFY") c.add(path + ".defaultAction", "SCMP_ACT_NOTIFY cannot be used as default action");
  for (const auto& flag : seccomp.flags.value_or(std::vector<std::string>())) c.one_of(path + ".flags", flag, kSeccompFlags);
  bool notify = false;
  for (std::size_t i = 0; i < seccomp.syscalls.size(); ++i) {
    const auto& rule = seccomp.syscalls[i];
    const auto here = at(path + ".syscalls", i);
    if (rule.names.empty()) c.add(here + ".names", "must not be empty");
    for (const auto& name : rule.names) c.no_nul(here + ".names", name);
    c.one_of(here + ".action", rule.action, kSeccompActions);
    check_errno(here + ".errnoRet", rule.action, rule.errno_ret);
    if (rule.action == "SCMP_ACT_NOTIFY") {
      notify = true;
      if (std::find(rule.names.begin(), rule.names.end(), "write") != rule.names.end()) {
        c.add(here, "SCMP_ACT_NOTIFY cannot be used for the write syscall");
      }
    }
    for (std::size_t a = 0; a < rule.args.size(); ++a) {
      if (rule.args[a].index > 5) c.add(at(here + ".args", a) + ".index", "{} is not in 0..5", rule.args[a].index);
      c.one_of(at(here + ".args", a) + ".op", rule.args[a].op, kSeccompOperators);
    }
  }
  if (notify && seccomp.listener_path.empty()) c.add(path + ".listenerPath", "is required for SCMP_ACT_NOTIFY");
  if (!seccomp.listener_path.empty()) c.absolute(path + ".listenerPath", seccomp.listener_path);
  if (seccomp.listener_path.empty() && !seccomp.listener_metadata.empty()) c.add(path + ".listenerMetadata", "needs listenerPath");
}

void check_linux(Checker& c, const Spec& spec) {
  if (!spec.linux) return;
  const auto& linux = *spec.linux;
  check_namespaces(c, linux);
  check_time(c, linux);
  check_sysctl(c, linux);
  if (linux.resources) check_resources(c, *linux.resources, "linux.resources");
  check_devices(c, linux);
  check_paths(c, linux);
  if (linux.seccomp) check_seccomp(c, *linux.seccomp, "linux.seccomp");
  if (linux.memory_policy) check_memory_policy(c, *linux.memory_policy);
  if (linux.intel_rdt) check_intel_rdt(c, *linux.intel_rdt);
  if (linux.personality) {
    c.one_of("linux.personality.domain", linux.personality->domain, std::to_array<std::string_view>({"LINUX", "LINUX32"}));
    if (!linux.personality->flags.empty()) c.add("linux.personality.flags", "no flag is defined");
  }
}

}  // namespace fulcrum::oci
