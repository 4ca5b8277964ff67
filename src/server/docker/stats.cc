// Usage: stats and top.
#include "server/docker/stats.h"

#include <charconv>

#include "api/docker/stats_schema.h"
#include "base/sys.h"
#include "control/lifecycle.h"
#include "server/docker/container_errors.h"
#include "server/docker/container_state.h"
#include "server/native/process_table.h"

namespace fulcrum::server::docker {

using api::docker::ContainerStats;

namespace {

/// user, nice, system, idle, iowait, irq, softirq: what Docker adds up.
constexpr int kCountedTimes = 7;
constexpr std::uint64_t kTick = 1'000'000'000 / 100;  // USER_HZ is 100 on every architecture that Linux has

std::uint64_t sum_of_times(std::string_view line) {
  std::uint64_t ticks = 0;
  for (int i = 0; i < kCountedTimes; ++i) {
    line.remove_prefix(std::min(line.find_first_of("0123456789"), line.size()));
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value);
    if (error == std::errc()) ticks += value;
    line.remove_prefix(static_cast<std::size_t>(end - line.data()));
  }
  return ticks * kTick;
}

}  // namespace

MachineCpu machine_cpu(std::string_view proc_stat) {
  MachineCpu cpu;
  while (proc_stat.starts_with("cpu")) {
    const auto line = proc_stat.substr(0, proc_stat.find('\n'));
    if (line.starts_with("cpu "))
      cpu.total_ns = sum_of_times(line.substr(4));
    else
      ++cpu.online;
    proc_stat.remove_prefix(std::min(line.size() + 1, proc_stat.size()));
  }
  return cpu;
}

ContainerStats container_stats(const sandbox::Usage& usage, std::span<const network::EndpointStats> networks, const MachineCpu& machine) {
  ContainerStats stats;
  stats.read = format_time(usage.time);
  stats.cpu_stats = {
      .cpu_usage = {.total_usage = usage.cpu_ns,
                    .percpu_usage = usage.cpu_per_cpu_ns,
                    .usage_in_kernelmode = usage.cpu_system_ns,
                    .usage_in_usermode = usage.cpu_user_ns},
      .system_cpu_usage = machine.total_ns,
      .online_cpus = machine.online,
      .throttling_data = {
          .periods = usage.cpu_periods, .throttled_periods = usage.cpu_throttled_periods, .throttled_time = usage.cpu_throttled_ns}};
  stats.memory_stats = {.usage = usage.memory_total,
                        .max_usage = usage.memory_peak,
                        .stats = usage.memory_stat,
                        .failcnt = usage.memory_failures,
                        .limit = usage.memory_limit};
  stats.pids_stats = {.current = usage.pids, .limit = usage.pids_limit};
  for (const auto& device : usage.devices) {
    const auto entry = [&](auto& list, const char* op, std::uint64_t value) {
      if (!list) list.emplace();
      list->push_back({.major = device.major, .minor = device.minor, .op = op, .value = value});
    };
    entry(stats.blkio_stats.service_bytes, "read", device.read_bytes);
    entry(stats.blkio_stats.service_bytes, "write", device.write_bytes);
    entry(stats.blkio_stats.serviced, "read", device.reads);
    entry(stats.blkio_stats.serviced, "write", device.writes);
  }
  for (const auto& n : networks)
    stats.networks[n.ifname] = {.rx_bytes = n.rx_bytes,
                                .rx_packets = n.rx_packets,
                                .rx_errors = n.rx_errors,
                                .rx_dropped = n.rx_dropped,
                                .tx_bytes = n.tx_bytes,
                                .tx_packets = n.tx_packets,
                                .tx_errors = n.tx_errors,
                                .tx_dropped = n.tx_dropped};
  return stats;
}

namespace {

/// The workload whose interfaces a container uses.
WorkloadId network_owner(Api& api, const api::Workload& container) {
  constexpr std::string_view kJoined = "container:";
  if (container.spec.network.starts_with(kJoined))
    if (const auto owner = find_container(api, std::string_view(container.spec.network).substr(kJoined.size())))
      return WorkloadId(owner->metadata.uid);
  return WorkloadId(container.metadata.uid);
}

/// Samples of one container, each with the CPU counters of the one before.
class Sampler {
 public:
  Sampler(Api& api, api::Workload container) : api_(api), container_(std::move(container)) {}

  bool runs() const { return control::is_active(container_.status.phase); }
  void changed(api::Workload container) { container_ = std::move(container); }

  /// All zero when it does not run.
  ContainerStats next() {
    ContainerStats stats;
    if (runs())
      if (const auto usage = api_.native.engine.sandbox(container_).usage(WorkloadId(container_.metadata.uid))) {
        const auto networks = api_.native.engine.parts().networks.stats(network_owner(api_, container_));
        stats = container_stats(*usage, networks ? *networks : std::vector<network::EndpointStats>(),
                                machine_cpu(sys::read_file("/proc/stat", 1 << 22).value_or("")));
      }
    stats.id = container_.metadata.uid;
    stats.name = "/" + container_.spec.name;
    stats.preread = before_.read;
    stats.precpu_stats = before_.cpu_stats;
    before_ = stats;
    return stats;
  }

 private:
  Api& api_;
  api::Workload container_;
  ContainerStats before_;
};

/// Waits for the next second, and follows the container meanwhile. False when there is no more to tell.
Result<bool> next_second(const Request& request, ResponseWriter& response, const UniqueFd& timer, store::Watch& watch, Sampler& sampler) {
  for (;;) {
    const auto ready = wait_any(request.stop(), Deadline::never(), {response.client_gone(), {watch.fd(), POLLIN}, {timer.get(), POLLIN}});
    if (!ready || *ready == 0) return false;
    std::uint64_t ticks = 0;
    if (*ready == 2 && ::read(timer.get(), &ticks, sizeof ticks) == sizeof ticks) return true;
    if (*ready != 1) continue;
    for (const auto& event : TRY(watch.next())) {
      if (event.type == store::Event::Type::removed) return false;
      sampler.changed(TRY(control::decode_workload(event.record)));
    }
  }
}

Result<> stats(Api& api, Request& request, ResponseWriter& response) {
  const bool stream = TRY(request.query().boolean("stream", true));
  const bool one_shot = TRY(request.query().boolean("one-shot", false));
  auto container = TRY(find_container(api, request.param("id")));
  const auto watch =
      TRY(api.native.engine.objects().store().watch(control::workload_key(container.metadata.uid), container.metadata.revision + 1));
  Sampler sampler(api, std::move(container));
  const auto timer = TRY(native::every_second());
  if (!stream) {
    if (sampler.runs() && !one_shot) {
      sampler.next();
      TRY(next_second(request, response, timer, *watch, sampler));
    }
    return response.send_json(200, schema::encode_text(sampler.next()) + "\n");
  }
  TRY(response.begin(200, "application/json"));
  do {
    TRY(response.write_line(schema::encode_text(sampler.next())));
  } while (TRY(next_second(request, response, timer, *watch, sampler)));
  return {};
}

Result<> top(Api& api, Request& request, ResponseWriter& response) {
  auto columns = native::parse_ps_arguments(request.query().get_or("ps_args", ""));
  if (!columns) return fail(Code::invalid_argument, "ps_{}", columns.error().message);
  const auto container = TRY(find_container(api, request.param("id")));
  const auto state = docker_status(container.status);
  if (state == "restarting") return std::unexpected(is_restarting(container));
  if (!docker_running(container.status)) return std::unexpected(not_running(container));
  const auto pids = TRY(api.native.engine.sandbox(container).processes(WorkloadId(container.metadata.uid)));
  auto table = native::process_table(pids, *columns);
  auto& objects = api.native.engine.objects();
  TRY(objects.record({objects.event(container, "top")}));
  return response.send_json(
      200, schema::encode_text(api::docker::TopResponse{.titles = std::move(table.titles), .processes = std::move(table.rows)}));
}

constexpr std::array kOperations{
    Operation{.method = "GET", .path = "/containers/{id}/stats", .handle = stats},
    Operation{.method = "GET",
              .path = "/containers/{id}/top",
              .handle = top,
              .standing = Standing::degrades,
              .note =
                  "ps_args: -ef, aux, or -o with columns out of uid, user, pid, ppid, c, pcpu, pmem, stat, stime, tty, time, rss, vsz, ni, "
                  "nlwp, comm, args, cmd; others are refused by name"},
};

}  // namespace

std::span<const Operation> stats_operations() { return kOperations; }

}  // namespace fulcrum::server::docker
