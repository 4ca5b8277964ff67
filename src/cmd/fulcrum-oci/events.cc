#include <poll.h>

#include <boost/json.hpp>

#include "base/process.h"
#include "base/units.h"
#include "commands.h"

namespace fulcrum::oci_cli {
namespace {

namespace json = boost::json;

json::object memory_entry(std::uint64_t limit, std::uint64_t usage, std::uint64_t max, std::uint64_t failures) {
  return {{"limit", limit}, {"usage", usage}, {"max", max}, {"failcnt", failures}};
}

/// No limit is the largest number there.
std::uint64_t limit_or_max(const std::optional<std::uint64_t>& limit) { return limit.value_or(std::numeric_limits<std::uint64_t>::max()); }

json::object pressure_line(const PressureLine& line) {
  return {{"avg10", line.avg10}, {"avg60", line.avg60}, {"avg300", line.avg300}, {"total", line.total_usec}};
}
void add_pressure(json::object& to, const std::optional<Pressure>& pressure) {
  if (pressure) to["psi"] = json::object{{"some", pressure_line(pressure->some)}, {"full", pressure_line(pressure->full)}};
}

json::object cpu(const CgroupStats& stats) {
  json::object result;
  if (stats.cpu) {
    const auto& cpu = *stats.cpu;
    json::object usage{{"total", cpu.usage_ns}, {"kernel", cpu.system_ns}, {"user", cpu.user_ns}};
    if (!cpu.per_cpu_ns.empty()) usage["percpu"] = json::array(cpu.per_cpu_ns.begin(), cpu.per_cpu_ns.end());
    result["usage"] = std::move(usage);
    result["throttling"] =
        json::object{{"periods", cpu.periods}, {"throttledPeriods", cpu.throttled_periods}, {"throttledTime", cpu.throttled_ns}};
  }
  add_pressure(result, stats.cpu_pressure);
  return result;
}

json::object memory(const CgroupStats& stats) {
  json::object result;
  if (stats.memory) {
    const auto& m = *stats.memory;
    // As runc prints it, swap is memory and swap together, on both versions of cgroups.
    const std::uint64_t swap = m.swap_usage.value_or(0) + (m.swap_is_total ? 0 : m.usage);
    result["cache"] = m.cache;
    result["usage"] = memory_entry(limit_or_max(m.limit), m.usage, m.peak, m.failures);
    result["swap"] = memory_entry(limit_or_max(m.swap_limit), swap, m.swap_peak, m.swap_failures);
    result["kernel"] = memory_entry(limit_or_max(m.kernel_limit), m.kernel_usage.value_or(0), m.kernel_peak, m.kernel_failures);
    result["kernelTCP"] =
        memory_entry(limit_or_max(m.kernel_tcp_limit), m.kernel_tcp_usage.value_or(0), m.kernel_tcp_peak, m.kernel_tcp_failures);
    json::object raw;
    for (const auto& [key, value] : m.raw) raw[key] = value;
    result["raw"] = std::move(raw);
  }
  add_pressure(result, stats.memory_pressure);
  return result;
}

json::object block_io(const CgroupStats& stats) {
  json::array bytes;
  json::array operations;
  for (const auto& device : stats.io) {
    const auto add = [&](json::array& to, const char* op, std::uint64_t value) {
      to.push_back(json::object{{"major", device.major}, {"minor", device.minor}, {"op", op}, {"value", value}});
    };
    add(bytes, "Read", device.read_bytes);
    add(bytes, "Write", device.write_bytes);
    add(operations, "Read", device.read_ops);
    add(operations, "Write", device.write_ops);
  }
  json::object result;
  if (!bytes.empty()) result["ioServiceBytesRecursive"] = std::move(bytes);
  if (!operations.empty()) result["ioServicedRecursive"] = std::move(operations);
  add_pressure(result, stats.io_pressure);
  return result;
}

json::object stats_data(const CgroupStats& stats) {
  json::object pids;
  if (stats.pids) {
    pids["current"] = stats.pids->current;
    if (stats.pids->limit) pids["limit"] = *stats.pids->limit;
  }
  json::object hugetlb;
  for (const auto& [size, h] : stats.hugetlb)
    hugetlb[size] = json::object{{"usage", h.usage}, {"max", h.max_usage}, {"failcnt", h.failures}};
  return {{"cpu", cpu(stats)},
          {"memory", memory(stats)},
          {"pids", std::move(pids)},
          {"blkio", block_io(stats)},
          {"hugetlb", std::move(hugetlb)},
          {"intel_rdt", json::object()},
          {"network_interfaces", nullptr}};
}

Result<> print_event(const std::string& type, const std::string& id, std::optional<json::object> data) {
  json::object event{{"type", type}, {"id", id}};
  if (data) event["data"] = std::move(*data);
  return print(json::serialize(event) + "\n");
}

/// Statistics at each interval and OOM kills as they happen, until the container ends.
Result<> follow(const runtime::Container& container, const Cgroup& cgroup, std::chrono::nanoseconds interval) {
  auto oom = cgroup.watch_oom();
  auto pidfd = TRY(open_pidfd(container.pid()));
  std::uint64_t seen = cgroup.oom_kills().value_or(0);
  auto next = Deadline::in(interval);
  const auto& id = container.state().id;
  const auto report_oom = [&]() -> Result<bool> {
    const auto kills = oom->take();
    if (!kills) return false;
    for (; seen < *kills; ++seen) TRY(print_event("oom", id, {}));
    return true;
  };
  for (;;) {
    auto ready = wait_any(StopSource::never(), next, {Interest{oom ? oom->fd() : -1, POLLIN}, Interest{pidfd.get(), POLLIN}});
    if (!ready && ready.error().code != Code::deadline_exceeded) return std::unexpected(std::move(ready).error());
    if (!ready) {
      if (const auto stats = cgroup.stats()) TRY(print_event("stats", id, stats_data(*stats)));
      next = Deadline::in(interval);
    } else if (*ready == 0) {
      if (!TRY(report_oom())) return {};
    } else {
      // The last kill may be what ended the container.
      if (oom) {
        const auto kills = cgroup.oom_kills().value_or(seen);
        for (; seen < kills; ++seen) TRY(print_event("oom", id, {}));
      }
      return {};
    }
  }
}

}  // namespace

Result<int> events_command(Session& session, const Args& args) {
  auto container = TRY(runtime::Container::open(session.root, args.positional[0]));
  const auto interval =
      args.has("interval") ? TRY(parse_duration(args.text("interval"))) : std::chrono::nanoseconds(std::chrono::seconds(5));
  if (interval <= std::chrono::nanoseconds(0)) return fail(Code::invalid_argument, "duration interval must be greater than 0");
  if (TRY(container.status()) == runtime::Status::stopped) {
    return fail(Code::failed_precondition, "container with id {} is not running", container.state().id);
  }
  const auto cgroup = TRY(container.cgroup());
  if (!cgroup) return fail(Code::unimplemented, "events: the container has no cgroup");
  if (args.flag("stats")) {
    TRY(print_event("stats", container.state().id, stats_data(TRY(cgroup->stats()))));
    return 0;
  }
  TRY(follow(container, *cgroup, interval));
  return 0;
}

}  // namespace fulcrum::oci_cli
