// What a workload printed: frames of docs/streams.md, from files that outlive it and the daemon.
#include "server/log_stream.h"
#include "server/native/support.h"

namespace fulcrum::server::native {

namespace {

using http::Request;
using http::ResponseWriter;

Result<control::LogSelection> selection(const http::Query& query, Time now) {
  control::LogSelection selected{.since = TRY(time_parameter(query, "since", now)),
                                 .until = TRY(time_parameter(query, "until", now)),
                                 .output = TRY(query.boolean("stdout", true)),
                                 .error_output = TRY(query.boolean("stderr", true))};
  if (query.get_or("tail", "all") != "all") selected.tail = static_cast<std::uint64_t>(TRY(query.integer("tail", 0, 0)));
  return selected;
}

Result<> logs(Api& api, Request& request, ResponseWriter& response) {
  const auto& query = request.query();
  TRY(only(query, {"follow", "since", "until", "tail", "timestamps", "stdout", "stderr"}));
  const LogRequest wanted{.selection = TRY(selection(query, api.engine.objects().clock().now())),
                          .format = {.timestamps = TRY(query.boolean("timestamps", false))},
                          .follow = TRY(query.boolean("follow", false))};
  const auto workload = TRY(api.engine.objects().find(request.param("name")));
  if (workload.spec.log.driver == "none")
    return fail(Code::failed_precondition, "workload {} keeps no log (log.driver is none)", workload.spec.name);
  auto stream = TRY(LogStream::open(api.engine, workload, wanted));
  TRY(response.begin(200, "application/vnd.fulcrum.stream"));
  return stream.run(request.stop(), response.client_gone(), [&](std::string_view data) { return response.write(data); });
}

}  // namespace

void add_log_routes(http::Router& router, Api& api) { router.add("GET", "/v1/workloads/{name}/logs", bind(api, logs)); }

}  // namespace fulcrum::server::native
