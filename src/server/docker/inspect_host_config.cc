// What it gets of its host.
#include <algorithm>
#include <cmath>

#include "base/units.h"
#include "sandbox/namespace/spec.h"
#include "server/docker/container_inspect.h"
#include "server/docker/notation.h"
#include "server/docker/runtimes.h"

namespace fulcrum::server::docker {

namespace {

namespace wire = api::docker;

std::vector<wire::ThrottleDevice> view_throttles(const std::vector<api::BlockDeviceLimit>& limits) {
  std::vector<wire::ThrottleDevice> out;
  for (const auto& limit : limits) out.push_back({.path = limit.path, .rate = limit.rate});
  return out;
}

void view_block_limits(const api::Resources& limits, wire::Resources& out) {
  out.blkio_weight = limits.blkio_weight.value_or(0);
  for (const auto& limit : limits.blkio_weight_device)
    out.blkio_weight_device.push_back({.path = limit.path, .weight = static_cast<std::uint16_t>(limit.rate)});
  out.blkio_device_read_bps = view_throttles(limits.device_read_bps);
  out.blkio_device_write_bps = view_throttles(limits.device_write_bps);
  out.blkio_device_read_iops = view_throttles(limits.device_read_iops);
  out.blkio_device_write_iops = view_throttles(limits.device_write_iops);
}

std::int64_t view_swap(const api::Resources& limits) {
  if (!limits.memory_swap) return limits.memory ? 2 * limits.memory->bytes : 0;
  if (*limits.memory_swap == "-1") return -1;
  return parse_size(*limits.memory_swap).value_or(0);
}

wire::Resources view_resources(const api::WorkloadSpec& spec) {
  const auto& limits = spec.resources;
  wire::Resources out;
  out.cpu_shares = static_cast<std::int64_t>(limits.cpu_shares.value_or(0));
  out.memory = limits.memory ? limits.memory->bytes : 0;
  out.nano_cpus = limits.cpus ? std::llround(*limits.cpus * 1e9) : 0;
  out.cgroup_parent = spec.cgroup_parent;
  view_block_limits(limits, out);
  out.cpu_period = static_cast<std::int64_t>(limits.cpu_period.value_or(0));
  out.cpu_quota = limits.cpu_quota.value_or(0);
  out.cpu_realtime_period = static_cast<std::int64_t>(limits.cpu_realtime_period.value_or(0));
  out.cpu_realtime_runtime = limits.cpu_realtime_runtime.value_or(0);
  out.cpuset_cpus = limits.cpuset_cpus;
  out.cpuset_mems = limits.cpuset_mems;
  for (const auto& device : spec.security.devices)
    out.devices.push_back({.path_on_host = device.source,
                           .path_in_container = device.target.empty() ? device.source : device.target,
                           .cgroup_permissions = device.permissions});
  out.device_cgroup_rules = limits.device_cgroup_rules;
  out.memory_reservation = limits.memory_reservation ? limits.memory_reservation->bytes : 0;
  out.memory_swap = view_swap(limits);
  out.memory_swappiness = limits.memory_swappiness;
  out.oom_kill_disable = limits.oom_kill_disable;
  if (limits.pids && *limits.pids > 0) out.pids_limit = limits.pids;
  for (const auto& [name, limit] : limits.ulimits) out.ulimits.push_back({.name = name, .soft = limit.soft, .hard = limit.hard});
  return out;
}

wire::PortMap view_bindings(const api::WorkloadSpec& spec) {
  wire::PortMap out;
  for (const auto& port : spec.ports)
    for (unsigned i = 0; i < port.count; ++i) {
      auto& list = out[fmt::format("{}/{}", port.port + i, port.protocol)];
      if (!list) list.emplace();
      list->push_back({.host_ip = port.host_ip, .host_port = port.host_port == 0 ? std::string() : fmt::format("{}", port.host_port + i)});
    }
  return out;
}

/// "source:target:options", for what -v makes: a bind whose source is made, or a named volume without options of its own.
std::optional<std::string> as_bind(const api::Mount& mount) {
  const bool bind = mount.type == "bind" && mount.create_source && !mount.non_recursive;
  const bool volume =
      mount.type == "volume" && !mount.source.empty() && mount.subpath.empty() && mount.labels.empty() && mount.driver_options.empty();
  if (!bind && !volume) return std::nullopt;
  std::string options;
  const auto add = [&](std::string_view word) { options += (options.empty() ? "" : ",") + std::string(word); };
  if (mount.read_only) add("ro");
  if (mount.no_copy) add("nocopy");
  if (!mount.propagation.empty()) add(mount.propagation);
  return mount.source + ":" + mount.target + (options.empty() ? "" : ":" + options);
}

wire::Mount view_mount(const api::Mount& mount) {
  wire::Mount out{.type = mount.type, .source = mount.source, .target = mount.target, .read_only = mount.read_only};
  if (mount.type == "bind") {
    const wire::BindOptions options{.propagation = mount.propagation,
                                    .non_recursive = mount.non_recursive,
                                    .create_mountpoint = mount.create_source,
                                    .read_only_non_recursive = mount.read_only && !mount.recursive_read_only};
    if (options != wire::BindOptions{}) out.bind_options = options;
  } else if (mount.type == "volume") {
    wire::VolumeOptions options{.no_copy = mount.no_copy, .labels = mount.labels, .subpath = mount.subpath};
    if (!mount.driver_options.empty()) options.driver_config = {.name = "local", .options = mount.driver_options};
    if (options != wire::VolumeOptions{}) out.volume_options = options;
  } else if (mount.type == "tmpfs") {
    wire::TmpfsOptions options{.size_bytes = mount.size ? mount.size->bytes : 0, .mode = mount.mode.value_or(0)};
    for (const auto& option : mount.options) options.options.push_back({option});
    if (options != wire::TmpfsOptions{}) out.tmpfs_options = options;
  } else if (mount.type == "image" && !mount.subpath.empty()) {
    out.image_options = wire::ImageOptions{.subpath = mount.subpath};
  }
  return out;
}

void view_volumes(const api::WorkloadSpec& spec, wire::HostConfig& out) {
  for (const auto& mount : spec.volumes) {
    if (auto bind = as_bind(mount)) {
      out.binds.push_back(std::move(*bind));
    } else if (mount.type != "volume" || !mount.source.empty()) {  // anonymous volumes stand in Config
      out.mounts.push_back(view_mount(mount));
    }
  }
}

std::vector<std::string> view_security_options(const api::Security& security) {
  std::vector<std::string> out;
  if (security.no_new_privileges) out.emplace_back("no-new-privileges");
  if (!security.seccomp.empty()) out.push_back("seccomp=" + security.seccomp);
  if (!security.apparmor.empty()) out.push_back("apparmor=" + security.apparmor);
  for (const auto& label : security.selinux) out.push_back("label=" + label);
  return out;
}

void view_security(const api::WorkloadSpec& spec, wire::HostConfig& out) {
  const auto& security = spec.security;
  out.cap_add = security.cap_add;
  out.cap_drop = security.cap_drop;
  out.privileged = security.privileged;
  out.readonly_rootfs = security.read_only_root;
  out.security_opt = view_security_options(security);
  out.sysctls = security.sysctls;
  out.userns_mode = security.userns;
  const std::vector<std::string> none;
  out.masked_paths = security.masked_paths.value_or(security.privileged ? none : sandbox::default_masked_paths());
  out.readonly_paths = security.readonly_paths.value_or(security.privileged ? none : sandbox::default_readonly_paths());
}

wire::LogConfig view_log(const api::LogOptions& log) {
  wire::LogConfig out{.type = log.driver};
  if (log.max_size) out.config["max-size"] = fmt::format("{}", log.max_size->bytes);
  if (log.max_files) out.config["max-file"] = fmt::format("{}", *log.max_files);
  return out;
}

}  // namespace

wire::HostConfig view_host_config(const api::Workload& workload) {
  const auto& spec = workload.spec;
  wire::HostConfig out;
  view_volumes(spec, out);
  out.log_config = view_log(spec.log);
  out.network_mode = network_mode(spec);
  out.port_bindings = view_bindings(spec);
  out.restart_policy = {.name = spec.restart.name, .maximum_retry_count = spec.restart.max_retries};
  out.auto_remove = spec.auto_remove;
  for (const auto& [name, value] : spec.annotations)
    if (name != kNotationKey) out.annotations[name] = value;
  view_security(spec, out);
  out.cgroupns_mode = spec.namespaces.cgroup.empty() ? "private" : spec.namespaces.cgroup;
  out.dns = spec.dns;
  out.dns_options = spec.dns_options;
  out.dns_search = spec.dns_search;
  for (const auto& [name, address] : spec.extra_hosts) out.extra_hosts.push_back(name + ":" + address);
  out.group_add = spec.groups;
  out.ipc_mode = spec.namespaces.ipc.empty() ? "private" : spec.namespaces.ipc;
  out.oom_score_adj = spec.resources.oom_score_adj.value_or(0);
  out.pid_mode = spec.namespaces.pid == "private" ? std::string() : spec.namespaces.pid;
  out.publish_all_ports = spec.publish_all;
  out.uts_mode = spec.namespaces.uts == "private" ? std::string() : spec.namespaces.uts;
  out.shm_size = spec.resources.shm_size ? spec.resources.shm_size->bytes : 64 << 20;
  out.runtime = runtime_name(spec.topology);
  out.resources = view_resources(spec);
  if (spec.init) out.init = true;
  return out;
}

}  // namespace fulcrum::server::docker
