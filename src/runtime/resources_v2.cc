#include <cerrno>
#include <charconv>

#include "runtime/resources_files.h"

namespace fulcrum::runtime {
namespace {

/// -1 is "max" here.
std::string text(std::int64_t value) { return value < 0 ? "max" : fmt::format("{}", value); }

Result<> refuse(std::string_view limit, std::string_view instead) {
  return fail(Code::unimplemented, "{}: cgroup v2 has no such setting{}{}", limit, instead.empty() ? "" : "; ", instead);
}

/// OCI counts memory plus swap, as v1 does; memory.swap.max counts swap alone. Nothing: leave it.
Result<std::optional<std::int64_t>> swap_alone(std::int64_t swap, std::int64_t limit) {
  if (limit == -1 && swap == 0) return -1;  // "unlimited" means both
  if (swap == 0) return std::nullopt;
  if (swap == -1 || limit == -1) return swap;
  if (limit == 0) return fail(Code::invalid_argument, "unable to set swap limit without memory limit");
  if (swap < limit) return fail(Code::invalid_argument, "memory+swap limit should be >= memory limit");
  return swap - limit;
}

Result<> check_usage(const Cgroup& cgroup, std::int64_t limit) {
  const auto content = TRY(cgroup.read("memory", "memory.current"));
  std::int64_t usage = 0;
  std::from_chars(content.data(), content.data() + content.size(), usage);
  if (limit > 0 && usage > limit) return fail(Code::resource_exhausted, "memory limit {} is below the current usage {}", limit, usage);
  return {};
}

Result<> apply_memory(const Cgroup& cgroup, const oci::MemoryLimits& memory) {
  if (given(memory.kernel) && *memory.kernel != -1) return refuse("kernel memory limit", "memory.limit counts kernel memory");
  if (given(memory.kernel_tcp) && *memory.kernel_tcp != -1) return refuse("kernel TCP memory limit", "memory.limit counts it");
  if (memory.swappiness) return refuse("memory swappiness", "");
  if (memory.disable_oom_killer.value_or(false)) return refuse("memory disableOOMKiller", "memory.high throttles instead of killing");
  if (!memory.use_hierarchy.value_or(true)) return refuse("memory useHierarchy false", "");
  const auto limit = memory.limit.value_or(0);
  const auto swap = TRY(swap_alone(memory.swap.value_or(0), limit));
  if (limit == 0 && !swap && !given(memory.reservation)) return {};
  TRY(need_controller(cgroup, "memory", "memory limit"));
  if (memory.check_before_update.value_or(false)) TRY(check_usage(cgroup, limit));
  if (swap) {
    const bool accounted = cgroup.has_file("memory", "memory.swap.max");
    if (accounted) TRY(set(cgroup, "memory", "memory.swap.max", text(*swap), "memory swap limit"));
    if (!accounted && *swap > 0) return fail(Code::unimplemented, "memory swap limit: this kernel does not account swap");
  }
  if (limit != 0) TRY(set(cgroup, "memory", "memory.max", text(limit), "memory limit"));
  if (given(memory.reservation)) TRY(set(cgroup, "memory", "memory.low", text(*memory.reservation), "memory reservation"));
  return {};
}

/// Period given alone keeps the quota that is in force.
Result<std::string> cpu_max(const Cgroup& cgroup, const oci::CpuLimits& cpu) {
  auto now = TRY(cgroup.read("cpu", "cpu.max"));  // "max 100000"
  while (!now.empty() && now.back() == '\n') now.pop_back();
  const auto blank = std::min(now.find(' '), now.size());
  const auto quota = given(cpu.quota) ? text(*cpu.quota) : now.substr(0, blank);
  const auto period = given(cpu.period) ? fmt::format("{}", *cpu.period) : now.substr(std::min(blank + 1, now.size()));
  return period.empty() ? quota : quota + " " + period;
}

Result<> apply_cpu(const Cgroup& cgroup, const oci::CpuLimits& cpu) {
  if (given(cpu.realtime_runtime) || given(cpu.realtime_period)) return refuse("cpu realtime limit", "");
  if (!given(cpu.shares) && !given(cpu.quota) && !given(cpu.period) && !cpu.burst && !cpu.idle) return {};
  TRY(need_controller(cgroup, "cpu", "cpu limit"));
  if (cpu.idle && (*cpu.idle != 0 || cgroup.has_file("cpu", "cpu.idle"))) TRY(set(cgroup, "cpu", "cpu.idle", text(*cpu.idle), "cpu idle"));
  if (given(cpu.shares) && cpu.idle.value_or(0) == 0) {
    TRY(set(cgroup, "cpu", "cpu.weight", fmt::format("{}", cpu_weight_from_shares(*cpu.shares)), "cpu shares"));
  }
  // The burst must fit the quota at any time: lowered before it, raised after it.
  if (cpu.burst && cgroup.has_file("cpu", "cpu.max.burst")) TRY(set(cgroup, "cpu", "cpu.max.burst", "0", "cpu burst"));
  if (given(cpu.quota) || given(cpu.period)) TRY(set(cgroup, "cpu", "cpu.max", TRY(cpu_max(cgroup, cpu)), "cpu quota"));
  if (given(cpu.burst)) TRY(set(cgroup, "cpu", "cpu.max.burst", fmt::format("{}", *cpu.burst), "cpu burst"));
  return {};
}

Result<> set_weights(const Cgroup& cgroup, const oci::BlockIoLimits& io) {
  const bool bfq = cgroup.has_file("io", "io.bfq.weight");
  const auto set_weight = [&](const std::string& who, std::uint16_t weight) -> Result<> {
    if (bfq) return set(cgroup, "io", "io.bfq.weight", fmt::format("{}{}", who, weight), "io weight");
    return set(cgroup, "io", "io.weight", fmt::format("{}{}", who, io_weight_from_blkio(weight)), "io weight");
  };
  if (given(io.weight)) TRY(set_weight("", *io.weight));
  for (const auto& d : io.weight_device) {
    if (given(d.leaf_weight)) return refuse("blockIO device leafWeight", "");
    if (given(d.weight)) TRY(set_weight(fmt::format("{}:{} ", d.major, d.minor), *d.weight));
  }
  return {};
}

Result<> apply_block_io(const Cgroup& cgroup, const oci::BlockIoLimits& io) {
  if (given(io.leaf_weight)) return refuse("blockIO leafWeight", "");
  const std::pair<std::string_view, const std::vector<oci::ThrottleDevice>*> throttles[] = {{"rbps", &io.throttle_read_bps_device},
                                                                                            {"wbps", &io.throttle_write_bps_device},
                                                                                            {"riops", &io.throttle_read_iops_device},
                                                                                            {"wiops", &io.throttle_write_iops_device}};
  bool any = given(io.weight) || !io.weight_device.empty();
  for (const auto& [key, list] : throttles) any = any || !list->empty();
  if (!any) return {};
  TRY(need_controller(cgroup, "io", "block I/O limit"));
  TRY(set_weights(cgroup, io));
  for (const auto& [key, list] : throttles) {
    for (const auto& d : *list) {
      const auto rate = d.rate == 0 ? std::string("max") : fmt::format("{}", d.rate);
      TRY(set(cgroup, "io", "io.max", fmt::format("{}:{} {}={}", d.major, d.minor, key, rate), "block I/O throttle"));
    }
  }
  return {};
}

}  // namespace

Result<> apply_v2(const Cgroup& cgroup, const oci::Resources& resources) {
  if (resources.memory) TRY(apply_memory(cgroup, *resources.memory));
  if (resources.cpu) TRY(apply_cpu(cgroup, *resources.cpu));
  if (resources.block_io) TRY(apply_block_io(cgroup, *resources.block_io));
  if (resources.network) {
    if (given(resources.network->class_id)) return refuse("network classID", "eBPF programs do that there");
    if (!resources.network->priorities.empty()) return refuse("network priorities", "eBPF programs do that there");
  }
  return {};
}

}  // namespace fulcrum::runtime
