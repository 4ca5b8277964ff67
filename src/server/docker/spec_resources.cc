// Limits and devices, for create and update.
#include <algorithm>

#include "base/units.h"
#include "sandbox/namespace/spec.h"
#include "server/docker/spec_parts.h"

namespace fulcrum::server::docker {

namespace {

using api::docker::Resources;

constexpr std::int64_t kLeastMemory = 6 << 20;

Result<> check_memory(const Resources& r, bool update) {
  if (r.memory != 0 && r.memory < kLeastMemory) return invalid("Minimum memory limit allowed is 6MB");
  if (r.memory_swap < -1) return invalid("MemorySwap {} is not -1 or more", r.memory_swap);
  if (r.memory > 0 && r.memory_swap > 0 && r.memory_swap < r.memory)
    return invalid("Minimum memoryswap limit should be larger than memory limit, see usage");
  if (r.memory == 0 && r.memory_swap > 0 && !update)
    return invalid("You should always set the Memory limit when using Memoryswap limit, see usage");
  if (r.memory_swappiness && (*r.memory_swappiness < -1 || *r.memory_swappiness > 100))
    return invalid("Invalid value: {}, valid memory swappiness range is 0-100", *r.memory_swappiness);
  if (r.memory_reservation != 0 && r.memory_reservation < kLeastMemory) return invalid("Minimum memory reservation allowed is 6MB");
  if (r.memory > 0 && r.memory_reservation > r.memory)
    return invalid("Minimum memory limit can not be less than memory reservation limit, see usage");
  return {};
}

Result<> check_cpu(const Resources& r, unsigned cpus) {
  if (r.nano_cpus > 0 && r.cpu_period > 0) return invalid("Conflicting options: Nano CPUs and CPU Period cannot both be set");
  if (r.nano_cpus > 0 && r.cpu_quota > 0) return invalid("Conflicting options: Nano CPUs and CPU Quota cannot both be set");
  if (r.nano_cpus != 0 && (r.nano_cpus < 10'000'000 || r.nano_cpus > static_cast<std::int64_t>(cpus) * 1'000'000'000))
    return invalid("range of CPUs is from 0.01 to {}.00, as there are only {} CPUs available", cpus, cpus);
  if (r.cpu_shares < 0) return invalid("invalid CPU shares ({}): value must be a positive integer", r.cpu_shares);
  if (r.cpu_period != 0 && (r.cpu_period < 1000 || r.cpu_period > 1'000'000))
    return invalid("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)");
  if (r.cpu_quota > 0 && r.cpu_quota < 1000) return invalid("CPU cfs quota can not be less than 1ms (i.e. 1000)");
  if (r.cpu_realtime_period < 0 || r.cpu_realtime_runtime < 0) return invalid("CpuRealtimePeriod and CpuRealtimeRuntime are not negative");
  if (r.cpu_realtime_period != 0 && r.cpu_realtime_runtime > r.cpu_realtime_period)
    return invalid("cpu real-time runtime cannot be higher than cpu real-time period");
  return {};
}

Result<> check_blkio(const Resources& r) {
  if (r.blkio_weight != 0 && (r.blkio_weight < 10 || r.blkio_weight > 1000)) return invalid("Range of blkio weight is from 10 to 1000");
  return {};
}

Result<> check_elsewhere(const Resources& r) {
  if (r.cpu_count != 0) return refused("CpuCount: is for Windows only");
  if (r.cpu_percent != 0) return refused("CpuPercent: is for Windows only");
  if (r.io_maximum_iops != 0) return refused("IOMaximumIOps: is for Windows only");
  if (r.io_maximum_bandwidth != 0) return refused("IOMaximumBandwidth: is for Windows only");
  if (r.kernel_memory != 0) return refused("KernelMemory: kernels do not limit it on its own any more; set Memory");
  if (r.kernel_memory_tcp != 0) return refused("KernelMemoryTCP: is not supported; set Memory");
  return {};
}

std::vector<api::BlockDeviceLimit> block_limits(const std::vector<api::docker::ThrottleDevice>& given) {
  std::vector<api::BlockDeviceLimit> limits;
  for (const auto& device : given) limits.push_back({.path = device.path, .rate = device.rate});
  return limits;
}

void lay_over_block(const Resources& r, api::Resources& limits) {
  if (r.blkio_weight != 0) limits.blkio_weight = r.blkio_weight;
  if (!r.blkio_weight_device.empty()) {
    limits.blkio_weight_device.clear();
    for (const auto& device : r.blkio_weight_device) limits.blkio_weight_device.push_back({.path = device.path, .rate = device.weight});
  }
  const auto put = [](const std::vector<api::docker::ThrottleDevice>& given, std::vector<api::BlockDeviceLimit>& out) {
    if (!given.empty()) out = block_limits(given);
  };
  put(r.blkio_device_read_bps, limits.device_read_bps);
  put(r.blkio_device_write_bps, limits.device_write_bps);
  put(r.blkio_device_read_iops, limits.device_read_iops);
  put(r.blkio_device_write_iops, limits.device_write_iops);
}

Result<> lay_over_cpu(const Resources& r, api::Resources& limits) {
  if (r.nano_cpus > 0 && limits.cpu_period)
    return invalid("Conflicting options: Nano CPUs cannot be updated as CPU Period has already been set");
  if (r.nano_cpus > 0 && limits.cpu_quota)
    return invalid("Conflicting options: Nano CPUs cannot be updated as CPU Quota has already been set");
  if (r.cpu_period > 0 && limits.cpus) return invalid("Conflicting options: CPU Period cannot be updated as NanoCPUs has already been set");
  if (r.cpu_quota > 0 && limits.cpus) return invalid("Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set");
  if (r.nano_cpus != 0) limits.cpus = static_cast<double>(r.nano_cpus) / 1e9;
  if (r.cpu_shares != 0) limits.cpu_shares = static_cast<std::uint64_t>(r.cpu_shares);
  if (r.cpu_period != 0) limits.cpu_period = static_cast<std::uint64_t>(r.cpu_period);
  if (r.cpu_quota != 0) limits.cpu_quota = r.cpu_quota;
  if (r.cpu_realtime_period != 0) limits.cpu_realtime_period = static_cast<std::uint64_t>(r.cpu_realtime_period);
  if (r.cpu_realtime_runtime != 0) limits.cpu_realtime_runtime = r.cpu_realtime_runtime;
  if (!r.cpuset_cpus.empty()) limits.cpuset_cpus = r.cpuset_cpus;
  if (!r.cpuset_mems.empty()) limits.cpuset_mems = r.cpuset_mems;
  return {};
}

Result<> lay_over_memory(const Resources& r, api::Resources& limits) {
  if (r.memory != 0) {
    const bool swap_stays = r.memory_swap == 0 && limits.memory_swap && *limits.memory_swap != "-1";
    if (swap_stays && r.memory > TRY(parse_size(*limits.memory_swap)))
      return invalid("Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time");
    limits.memory = Size{r.memory};
  }
  if (r.memory_swap != 0) limits.memory_swap = fmt::format("{}", r.memory_swap);
  if (r.memory_reservation != 0) limits.memory_reservation = Size{r.memory_reservation};
  if (r.memory_swappiness && *r.memory_swappiness >= 0) limits.memory_swappiness = r.memory_swappiness;
  if (r.oom_kill_disable) limits.oom_kill_disable = *r.oom_kill_disable;
  return {};
}

Result<> put_devices(SpecWork& work) {
  const auto& r = work.host().resources;
  if (!r.device_requests.empty())
    return refused("DeviceRequests: could not select device driver \"{}\": no driver for devices is installed; give the nodes as Devices",
                   r.device_requests.front().driver);
  for (const auto& device : r.devices) {
    if (!device.path_on_host.starts_with('/')) return invalid("Devices: \"{}\" is not an absolute path", device.path_on_host);
    if (!device.path_in_container.empty() && !device.path_in_container.starts_with('/'))
      return invalid("Devices: \"{}\" is not an absolute path", device.path_in_container);
    if (device.cgroup_permissions.find_first_not_of("rwm") != std::string::npos)
      return invalid("Devices: \"{}\" is no permission (some of r, w, m)", device.cgroup_permissions);
    work.spec.security.devices.push_back({.source = device.path_on_host,
                                          .target = device.path_in_container,
                                          .permissions = device.cgroup_permissions.empty() ? "rwm" : device.cgroup_permissions});
  }
  work.spec.resources.device_cgroup_rules = r.device_cgroup_rules;
  return {};
}

}  // namespace

Result<> check_limits(const Resources& given, unsigned cpus, bool update) {
  TRY(check_elsewhere(given));
  TRY(check_memory(given, update));
  TRY(check_cpu(given, cpus));
  return check_blkio(given);
}

Result<> lay_over(const Resources& given, api::Resources& limits) {
  TRY(lay_over_memory(given, limits));
  TRY(lay_over_cpu(given, limits));
  lay_over_block(given, limits);
  if (given.pids_limit) limits.pids = *given.pids_limit > 0 ? *given.pids_limit : -1;
  return {};
}

Result<> put_resources(SpecWork& work) {
  const auto& given = work.host().resources;
  auto& limits = work.spec.resources;
  TRY(check_limits(given, work.around.cpus(), false));
  TRY(lay_over(given, limits));
  if (limits.pids == -1) limits.pids.reset();
  for (const auto& limit : given.ulimits) {
    if (limit.name.empty()) return invalid("Ulimits: a limit has no name");
    if (!limits.ulimits.emplace(limit.name, api::Ulimit{.soft = limit.soft, .hard = limit.hard}).second)
      return invalid("Ulimits: {} stands twice", limit.name);
  }
  if (const auto known = sandbox::make_rlimits(limits.ulimits); !known) return invalid("invalid ulimit: {}", known.error().message);
  for (const auto& rule : given.device_cgroup_rules)
    if (const auto parsed = sandbox::parse_device_rule(rule); !parsed)
      return invalid("invalid device cgroup rule: {}", parsed.error().message);
  work.spec.cgroup_parent = given.cgroup_parent;
  if (limits.oom_kill_disable && !limits.memory)
    work.warnings.emplace_back(
        "OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.");
  return put_devices(work);
}

}  // namespace fulcrum::server::docker
