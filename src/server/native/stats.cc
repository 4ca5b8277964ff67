// Counters and processes of a workload.
#include <boost/json.hpp>
#include <map>
#include <mutex>

#include "base/sys.h"
#include "control/lifecycle.h"
#include "server/native/process_table.h"
#include "server/native/support.h"

namespace fulcrum::server::native {

namespace json = boost::json;

namespace {

using http::Request;
using http::ResponseWriter;

json::array networks_json(Api& api, const WorkloadId& id) {
  json::array networks;
  const auto stats = api.engine.parts().networks.stats(id);
  if (!stats) return networks;
  for (const auto& n : *stats)
    networks.push_back({{"network", n.network},
                        {"interface", n.ifname},
                        {"rxBytes", n.rx_bytes},
                        {"rxPackets", n.rx_packets},
                        {"rxErrors", n.rx_errors},
                        {"rxDropped", n.rx_dropped},
                        {"txBytes", n.tx_bytes},
                        {"txPackets", n.tx_packets},
                        {"txErrors", n.tx_errors},
                        {"txDropped", n.tx_dropped}});
  return networks;
}

json::object usage_json(const sandbox::Usage& u) {
  json::object memory_stat;
  for (const auto& [name, value] : u.memory_stat) memory_stat[name] = value;
  json::array per_cpu(u.cpu_per_cpu_ns.begin(), u.cpu_per_cpu_ns.end());
  return {{"time", format_time(u.time)},
          {"cpuNs", u.cpu_ns},
          {"cpuUserNs", u.cpu_user_ns},
          {"cpuSystemNs", u.cpu_system_ns},
          {"cpuPerCpuNs", std::move(per_cpu)},
          {"cpuPeriods", u.cpu_periods},
          {"cpuThrottledPeriods", u.cpu_throttled_periods},
          {"cpuThrottledNs", u.cpu_throttled_ns},
          {"memory", u.memory},
          {"memoryTotal", u.memory_total},
          {"memoryLimit", u.memory_limit},
          {"memoryPeak", u.memory_peak},
          {"memoryStat", std::move(memory_stat)},
          {"pids", u.pids},
          {"pidsLimit", u.pids_limit},
          {"ioReadBytes", u.io_read_bytes},
          {"ioWriteBytes", u.io_write_bytes},
          {"ioReads", u.io_reads},
          {"ioWrites", u.io_writes},
          {"oomKills", u.oom_kills}};
}

Result<std::string> sample(Api& api, const api::Workload& workload, std::optional<sandbox::Usage>& previous) {
  const WorkloadId id(workload.metadata.uid);
  const auto usage = TRY(api.engine.sandbox(workload).usage(id));
  auto object = usage_json(usage);
  object["name"] = workload.spec.name;
  object["id"] = workload.metadata.uid;
  object["networks"] = networks_json(api, id);
  if (previous) object["previous"] = json::object{{"time", format_time(previous->time)}, {"cpuNs", previous->cpu_ns}};
  previous = usage;
  return json::serialize(object);
}

Result<> stats(Api& api, Request& request, ResponseWriter& response) {
  TRY(only(request.query(), {"stream"}));
  auto workload = TRY(api.engine.objects().find(request.param("name")));
  if (!control::is_active(workload.status.phase)) return fail(Code::failed_precondition, "workload {} does not run", workload.spec.name);
  std::optional<sandbox::Usage> previous;
  if (!TRY(request.query().boolean("stream", false))) {
    return response.send_json(200, TRY(sample(api, workload, previous)));
  }
  const auto watch = TRY(api.engine.objects().store().watch(control::workload_key(workload.metadata.uid), workload.metadata.revision + 1));
  const auto timer = TRY(every_second());
  TRY(response.begin(200, "application/x-ndjson"));
  for (;;) {
    const auto line = sample(api, workload, previous);
    if (!line) return {};  // it ended
    TRY(response.write_line(*line));
    for (bool waiting = true; waiting;) {
      const auto ready =
          wait_any(request.stop(), Deadline::never(), {response.client_gone(), {watch->fd(), POLLIN}, {timer.get(), POLLIN}});
      if (!ready || *ready == 0) return {};
      if (*ready == 1)
        for (const auto& event : TRY(watch->next())) {
          if (event.type == store::Event::Type::removed) return {};
          workload = TRY(control::decode_workload(event.record));
          if (!control::is_active(workload.status.phase)) return {};
        }
      std::uint64_t ticks = 0;
      if (*ready == 2) waiting = ::read(timer.get(), &ticks, sizeof ticks) != sizeof ticks;
    }
  }
}

Result<> top(Api& api, Request& request, ResponseWriter& response) {
  TRY(only(request.query(), {"args"}));
  const auto workload = TRY(api.engine.objects().find(request.param("name")));
  if (!control::is_active(workload.status.phase)) return fail(Code::failed_precondition, "workload {} does not run", workload.spec.name);
  const auto columns = TRY(parse_ps_arguments(request.query().get_or("args", "")));
  const auto pids = TRY(api.engine.sandbox(workload).processes(WorkloadId(workload.metadata.uid)));
  const auto table = process_table(pids, columns);
  json::array titles(table.titles.begin(), table.titles.end());
  json::array rows;
  for (const auto& row : table.rows) rows.push_back(json::array(row.begin(), row.end()));
  return response.send_json(200, json::serialize(json::object{{"titles", std::move(titles)}, {"processes", std::move(rows)}}));
}

}  // namespace

void add_stats_routes(http::Router& router, Api& api) {
  router.add("GET", "/v1/workloads/{name}/stats", bind(api, stats));
  router.add("GET", "/v1/workloads/{name}/top", bind(api, top));
}

}  // namespace fulcrum::server::native
