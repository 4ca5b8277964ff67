// Workloads as objects: create, apply, list, watch, inspect, remove, wait.
#include <algorithm>

#include "control/lifecycle.h"
#include "server/native/support.h"

namespace fulcrum::server::native {

namespace {

using http::Request;
using http::ResponseWriter;

Result<> create(Api& api, Request& request, ResponseWriter& response) {
  TRY(only(request.query(), {"start"}));
  const bool start = TRY(request.query().boolean("start", false));
  const auto spec = TRY(api::from_json<api::WorkloadSpec>(TRY(request.read_body())));
  StartCall call(request, response);
  const auto workload = api.engine.create(spec, start, call);
  if (!workload) call.tell_exit_code();
  return response.send_json(201, api::to_json(TRY(workload)));
}

Result<> apply(Api& api, Request& request, ResponseWriter& response) {
  TRY(only(request.query(), {"dryRun"}));
  const bool dry_run = TRY(request.query().boolean("dryRun", false));
  auto spec = TRY(api::from_json<api::WorkloadSpec>(TRY(request.read_body())));
  if (spec.name.empty()) spec.name = request.param("name");
  if (spec.name != request.param("name"))
    return fail(Code::invalid_argument, "name: \"{}\" is not \"{}\" of the path", spec.name, request.param("name"));
  const auto applied = TRY(api.engine.apply(spec, dry_run, call_of(request, response)));
  std::string changes;
  for (const auto& change : applied.changes)
    changes += fmt::format("{}{{\"path\":{},\"from\":{},\"to\":{}}}", changes.empty() ? "" : ",", http::json_quote(change.path),
                           change.from.empty() ? "null" : change.from, change.to.empty() ? "null" : change.to);
  return response.send_json(
      200, fmt::format("{{\"action\":\"{}\",\"changes\":[{}],\"workload\":{}}}", applied.action, changes, api::to_json(applied.workload)));
}

/// The query of a list or watch.
struct Filter {
  bool all = false;
  std::vector<std::string> labels, names, phases;

  static Result<Filter> parse(const http::Query& query) {
    Filter filter{
        .all = TRY(query.boolean("all", false)), .labels = query.all("label"), .names = query.all("name"), .phases = query.all("phase")};
    for (const auto& phase : filter.phases)
      if (std::none_of(control::kPhases.begin(), control::kPhases.end(), [&](auto p) { return api::to_string(p) == phase; }))
        return fail(Code::invalid_argument, "query: phase: there is no phase \"{}\"", phase);
    return filter;
  }
  bool operator()(const api::Workload& w) const {
    const auto phase = api::to_string(w.status.phase);
    const bool runs =
        control::is_active(w.status.phase) || w.status.phase == api::Phase::restarting || w.status.phase == api::Phase::starting;
    if (!all && phases.empty() && !runs) return false;
    if (!phases.empty() && std::find(phases.begin(), phases.end(), phase) == phases.end()) return false;
    if (!names.empty() && std::find(names.begin(), names.end(), w.spec.name) == names.end()) return false;
    return labels_match(w.spec.labels, labels);
  }
};

Result<> watch(Api& api, Request& request, ResponseWriter& response, const Filter& filter) {
  auto& store = api.engine.objects().store();
  const auto from = TRY(request.query().integer("revision", 0, 0));
  const auto watch = TRY(store.watch(control::kWorkloads, from == 0 ? 0 : from + 1));
  TRY(response.begin(200, "application/x-ndjson"));
  return follow(*watch, request, response, [&](const store::Event& event) -> Result<> {
    const auto workload = TRY(control::decode_workload(event.record));
    if (!filter(workload)) return {};
    const bool removed = event.type == store::Event::Type::removed;
    return response.write_line(fmt::format("{{\"type\":\"{}\",\"object\":{},\"revision\":{}}}", removed ? "removed" : "put",
                                           api::to_json(workload), event.record.revision));
  });
}

Result<> list(Api& api, Request& request, ResponseWriter& response) {
  TRY(only(request.query(), {"all", "label", "name", "phase", "watch", "revision"}));
  auto filter = TRY(Filter::parse(request.query()));
  if (TRY(request.query().boolean("watch", false))) {
    filter.all = true;
    return watch(api, request, response, filter);
  }
  auto listed = TRY(api.engine.objects().workloads());
  std::erase_if(listed.items, [&](const auto& w) { return !filter(w); });
  std::sort(listed.items.begin(), listed.items.end(), [](const auto& a, const auto& b) { return a.metadata.created > b.metadata.created; });
  return response.send_json(200, list_json(listed.items, listed.revision));
}

Result<> inspect(Api& api, Request& request, ResponseWriter& response) {
  TRY(only(request.query(), {}));
  return response.send_json(200, api::to_json(TRY(api.engine.objects().find(request.param("name")))));
}

Result<> remove(Api& api, Request& request, ResponseWriter& response) {
  TRY(only(request.query(), {"force", "volumes"}));
  TRY(api.engine.remove(request.param("name"), TRY(request.query().boolean("force", false)), TRY(request.query().boolean("volumes", false)),
                        call_of(request, response)));
  return response.send_empty(204);
}

Result<> wait(Api& api, Request& request, ResponseWriter& response) {
  TRY(only(request.query(), {"condition", "timeout"}));
  auto call = call_of(request, response);
  if (const auto timeout = TRY(duration_parameter(request.query(), "timeout"))) call.deadline = Deadline::in(timeout->ns);
  const std::string condition(request.query().get_or("condition", "stopped"));
  const auto w = TRY(api.engine.wait_condition(request.param("name"), condition, call));
  return response.send_json(
      200, fmt::format(R"({{"exitCode":{},"oomKilled":{},"phase":"{}","message":{}}})", w.status.exit_code.value_or(0), w.status.oom_killed,
                       api::to_string(w.status.phase), http::json_quote(w.status.message)));
}

}  // namespace

void add_workload_routes(http::Router& router, Api& api) {
  const auto on = [&](std::string_view method, std::string_view path, auto handler) { router.add(method, path, bind(api, handler)); };
  on("POST", "/v1/workloads", create);
  on("GET", "/v1/workloads", list);
  on("PUT", "/v1/workloads/{name}", apply);
  on("GET", "/v1/workloads/{name}", inspect);
  on("DELETE", "/v1/workloads/{name}", remove);
  on("GET", "/v1/workloads/{name}/wait", wait);
}

}  // namespace fulcrum::server::native
