#include <cerrno>
#include <charconv>

#include "runtime/resources_files.h"

namespace fulcrum::runtime {
namespace {

std::string text(std::int64_t value) { return fmt::format("{}", value); }

Result<std::uint64_t> read_number(const Cgroup& cgroup, std::string_view controller, std::string_view file) {
  const auto content = TRY(cgroup.read(controller, file));
  std::uint64_t out = 0;
  std::from_chars(content.data(), content.data() + content.size(), out);
  return out;
}

Result<> set_memory_limit(const Cgroup& cgroup, std::int64_t limit) {
  const auto done = set(cgroup, "memory", "memory.limit_in_bytes", text(limit), "memory limit");
  if (done || done.error().sys_errno != EBUSY) return done;
  return fail(Code::resource_exhausted, "unable to set memory limit to {} (current usage: {}, peak usage: {})", limit,
              read_number(cgroup, "memory", "memory.usage_in_bytes").value_or(0),
              read_number(cgroup, "memory", "memory.max_usage_in_bytes").value_or(0));
}

/// The kernel insists on limit <= memory+swap after each write: growing sets the sum first, shrinking the limit first.
Result<> set_limit_and_swap(const Cgroup& cgroup, const oci::MemoryLimits& memory) {
  const auto limit = memory.limit.value_or(0);
  auto swap = memory.swap.value_or(0);
  const bool accounted = cgroup.has_file("memory", "memory.memsw.limit_in_bytes");
  if (!accounted && swap > 0) return fail(Code::unimplemented, "memory swap limit: this kernel does not account swap");
  if (limit == -1 && swap == 0) swap = -1;  // "unlimited" means both
  const auto set_swap = [&]() -> Result<> {
    if (swap == 0 || !accounted) return {};
    return set(cgroup, "memory", "memory.memsw.limit_in_bytes", text(swap), "memory swap limit");
  };
  if (limit == 0) return set_swap();
  if (swap == 0) return set_memory_limit(cgroup, limit);
  const auto now = TRY(read_number(cgroup, "memory", "memory.limit_in_bytes"));
  if (swap == -1 || now < static_cast<std::uint64_t>(swap)) {
    TRY(set_swap());
    return set_memory_limit(cgroup, limit);
  }
  TRY(set_memory_limit(cgroup, limit));
  return set_swap();
}

/// Kernels since 5.16 refuse kernel memory limits; asking for none is always met.
Result<> set_kernel_memory(const Cgroup& cgroup, const std::optional<std::int64_t>& value, std::string_view file, std::string_view what) {
  if (!given(value) || *value == -1) return {};
  const auto done = set(cgroup, "memory", file, text(*value), what);
  constexpr int kNotSupported = 524;  // ENOTSUPP, which only the kernel knows
  if (!done && (done.error().sys_errno == kNotSupported || done.error().sys_errno == EOPNOTSUPP)) {
    return fail(Code::unimplemented, "{}: this kernel no longer has such a limit", what);
  }
  return done;
}

Result<> apply_memory(const Cgroup& cgroup, const oci::MemoryLimits& memory) {
  const bool any = given(memory.limit) || given(memory.swap) || given(memory.reservation) || given(memory.kernel) ||
                   given(memory.kernel_tcp) || memory.swappiness || memory.disable_oom_killer || memory.use_hierarchy;
  if (!any) return {};
  const bool harmless = !given(memory.limit) && !given(memory.swap) && !given(memory.reservation) && !given(memory.kernel) &&
                        !given(memory.kernel_tcp) && !memory.swappiness && !memory.disable_oom_killer.value_or(false);
  if (harmless && !cgroup.has("memory")) return {};
  TRY(need_controller(cgroup, "memory", "memory limit"));
  if (memory.use_hierarchy) {
    const auto now = TRY(read_number(cgroup, "memory", "memory.use_hierarchy"));
    if ((now != 0) != *memory.use_hierarchy) {
      TRY(set(cgroup, "memory", "memory.use_hierarchy", *memory.use_hierarchy ? "1" : "0", "memory useHierarchy"));
    }
  }
  if (memory.check_before_update.value_or(false) && memory.limit.value_or(0) > 0) {
    const auto usage = TRY(read_number(cgroup, "memory", "memory.usage_in_bytes"));
    if (usage > static_cast<std::uint64_t>(*memory.limit)) {
      return fail(Code::resource_exhausted, "memory limit {} is below the current usage {}", *memory.limit, usage);
    }
  }
  TRY(set_limit_and_swap(cgroup, memory));
  TRY(set_kernel_memory(cgroup, memory.kernel, "memory.kmem.limit_in_bytes", "kernel memory limit"));
  TRY(set_kernel_memory(cgroup, memory.kernel_tcp, "memory.kmem.tcp.limit_in_bytes", "kernel TCP memory limit"));
  if (given(memory.reservation)) {
    TRY(set(cgroup, "memory", "memory.soft_limit_in_bytes", text(*memory.reservation), "memory reservation"));
  }
  if (memory.disable_oom_killer) {
    TRY(set(cgroup, "memory", "memory.oom_control", *memory.disable_oom_killer ? "1" : "0", "memory disableOOMKiller"));
  }
  if (memory.swappiness) TRY(set(cgroup, "memory", "memory.swappiness", fmt::format("{}", *memory.swappiness), "memory swappiness"));
  return {};
}

/// Period and runtime (or quota) check each other: when the first is refused with EINVAL it is tried again after the second.
Result<> set_pair(const Cgroup& cgroup, std::string_view first, std::optional<std::string> first_value, std::string_view second,
                  std::optional<std::string> second_value, std::string_view what) {
  if (first_value) {
    const auto done = set(cgroup, "cpu", first, *first_value, what);
    if (done) {
      first_value.reset();
    } else if (done.error().sys_errno != EINVAL || !second_value) {
      return done;
    }
  }
  if (second_value) TRY(set(cgroup, "cpu", second, *second_value, what));
  if (first_value) TRY(set(cgroup, "cpu", first, *first_value, what));
  return {};
}

Result<> set_shares(const Cgroup& cgroup, std::uint64_t shares) {
  TRY(set(cgroup, "cpu", "cpu.shares", fmt::format("{}", shares), "cpu shares"));
  const auto now = TRY(read_number(cgroup, "cpu", "cpu.shares"));  // the kernel cuts silently
  if (shares > now) return fail(Code::invalid_argument, "the maximum allowed cpu-shares is {}", now);
  if (shares < now) return fail(Code::invalid_argument, "the minimum allowed cpu-shares is {}", now);
  return {};
}

Result<> apply_cpu(const Cgroup& cgroup, const oci::CpuLimits& cpu) {
  const auto maybe = [](const auto& value) { return given(value) ? std::optional(fmt::format("{}", *value)) : std::nullopt; };
  const bool any = given(cpu.shares) || given(cpu.quota) || given(cpu.period) || cpu.burst || given(cpu.realtime_period) ||
                   given(cpu.realtime_runtime) || cpu.idle;
  if (!any) return {};
  TRY(need_controller(cgroup, "cpu", "cpu limit"));
  TRY(set_pair(cgroup, "cpu.rt_period_us", maybe(cpu.realtime_period), "cpu.rt_runtime_us", maybe(cpu.realtime_runtime),
               "cpu realtime limit"));
  if (given(cpu.shares)) TRY(set_shares(cgroup, *cpu.shares));
  // The burst must fit the quota at any time: lowered before it, raised after it.
  if (cpu.burst && cgroup.has_file("cpu", "cpu.cfs_burst_us")) TRY(set(cgroup, "cpu", "cpu.cfs_burst_us", "0", "cpu burst"));
  TRY(set_pair(cgroup, "cpu.cfs_period_us", maybe(cpu.period), "cpu.cfs_quota_us", maybe(cpu.quota), "cpu quota"));
  if (given(cpu.burst)) TRY(set(cgroup, "cpu", "cpu.cfs_burst_us", fmt::format("{}", *cpu.burst), "cpu burst"));
  if (cpu.idle && (*cpu.idle != 0 || cgroup.has_file("cpu", "cpu.idle"))) TRY(set(cgroup, "cpu", "cpu.idle", text(*cpu.idle), "cpu idle"));
  return {};
}

Result<> set_weights(const Cgroup& cgroup, const oci::BlockIoLimits& io) {
  const std::string_view prefix = cgroup.has_file("blkio", "blkio.weight") ? "blkio." : "blkio.bfq.";
  const auto file = [&](std::string_view name) { return std::string(prefix) + std::string(name); };
  if (given(io.weight)) TRY(set(cgroup, "blkio", file("weight"), text(*io.weight), "blkio weight"));
  if (given(io.leaf_weight)) TRY(set(cgroup, "blkio", "blkio.leaf_weight", text(*io.leaf_weight), "blkio leaf weight"));
  for (const auto& d : io.weight_device) {
    if (given(d.weight)) {
      TRY(set(cgroup, "blkio", file("weight_device"), fmt::format("{}:{} {}", d.major, d.minor, *d.weight), "blkio device weight"));
    }
    if (given(d.leaf_weight)) {
      TRY(set(cgroup, "blkio", "blkio.leaf_weight_device", fmt::format("{}:{} {}", d.major, d.minor, *d.leaf_weight),
              "blkio device leaf weight"));
    }
  }
  return {};
}

Result<> apply_block_io(const Cgroup& cgroup, const oci::BlockIoLimits& io) {
  const std::pair<std::string_view, const std::vector<oci::ThrottleDevice>*> throttles[] = {
      {"blkio.throttle.read_bps_device", &io.throttle_read_bps_device},
      {"blkio.throttle.write_bps_device", &io.throttle_write_bps_device},
      {"blkio.throttle.read_iops_device", &io.throttle_read_iops_device},
      {"blkio.throttle.write_iops_device", &io.throttle_write_iops_device}};
  bool any = given(io.weight) || given(io.leaf_weight) || !io.weight_device.empty();
  for (const auto& [file, list] : throttles) any = any || !list->empty();
  if (!any) return {};
  TRY(need_controller(cgroup, "blkio", "block I/O limit"));
  TRY(set_weights(cgroup, io));
  for (const auto& [file, list] : throttles) {
    for (const auto& d : *list) TRY(set(cgroup, "blkio", file, fmt::format("{}:{} {}", d.major, d.minor, d.rate), "block I/O throttle"));
  }
  return {};
}

Result<> apply_network(const Cgroup& cgroup, const oci::NetworkLimits& network) {
  if (given(network.class_id)) {
    TRY(need_controller(cgroup, "net_cls", "network classID"));
    TRY(set(cgroup, "net_cls", "net_cls.classid", fmt::format("{}", *network.class_id), "network classID"));
  }
  for (const auto& entry : network.priorities) {
    TRY(need_controller(cgroup, "net_prio", "network priority"));
    TRY(set(cgroup, "net_prio", "net_prio.ifpriomap", fmt::format("{} {}", entry.name, entry.priority), "network priority"));
  }
  return {};
}

}  // namespace

Result<> apply_v1(const Cgroup& cgroup, const oci::Resources& resources) {
  if (resources.memory) TRY(apply_memory(cgroup, *resources.memory));
  if (resources.cpu) TRY(apply_cpu(cgroup, *resources.cpu));
  if (resources.block_io) TRY(apply_block_io(cgroup, *resources.block_io));
  if (resources.network) TRY(apply_network(cgroup, *resources.network));
  return {};
}

}  // namespace fulcrum::runtime
