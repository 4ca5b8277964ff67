// What a workload printed: frames of docs/streams.md, from files that outlive it and the daemon.
#include "control/lifecycle.h"
#include "control/logs/log_reader.h"
#include "sandbox/stream/frame.h"
#include "server/native/support.h"

namespace fulcrum::server::native {

namespace {

using http::Request;
using http::ResponseWriter;

constexpr std::size_t kFlush = 64 << 10;

Result<control::LogSelection> selection(const http::Query& query, Time now) {
  control::LogSelection selected{.since = TRY(time_parameter(query, "since", now)),
                                 .until = TRY(time_parameter(query, "until", now)),
                                 .output = TRY(query.boolean("stdout", true)),
                                 .error_output = TRY(query.boolean("stderr", true))};
  if (query.get_or("tail", "all") != "all") selected.tail = static_cast<std::uint64_t>(TRY(query.integer("tail", 0, 0)));
  return selected;
}

/// Sends what is there now.
Result<> drain(control::LogReader& reader, ResponseWriter& response, bool timestamps, bool (&continued)[2]) {
  std::string out;
  while (const auto record = TRY(reader.next())) {
    std::string text;
    if (timestamps && !continued[record->error_output]) text = format_time(record->time) + " ";
    text += record->text;
    if (!record->partial) text += '\n';
    continued[record->error_output] = record->partial;
    out += sandbox::make_frame(record->error_output ? sandbox::FrameType::error_output : sandbox::FrameType::output, text);
    if (out.size() < kFlush) continue;
    TRY(response.write(out));
    out.clear();
  }
  return out.empty() ? Result<>() : response.write(out);
}

bool has_ended(const api::Workload& workload) {
  switch (workload.status.phase) {
    case api::Phase::stopped:
    case api::Phase::failed:
    case api::Phase::removing: return true;
    case api::Phase::pending:
    case api::Phase::creating:
    case api::Phase::created:
    case api::Phase::starting:
    case api::Phase::running:
    case api::Phase::paused:
    case api::Phase::stopping:
    case api::Phase::restarting: return false;
  }
  return false;
}

Result<> logs(Api& api, Request& request, ResponseWriter& response) {
  const auto& query = request.query();
  TRY(only(query, {"follow", "since", "until", "tail", "timestamps", "stdout", "stderr"}));
  const bool follow = TRY(query.boolean("follow", false));
  const bool timestamps = TRY(query.boolean("timestamps", false));
  auto& objects = api.engine.objects();
  const auto selected = TRY(selection(query, objects.clock().now()));
  auto workload = TRY(objects.find(request.param("name")));
  if (workload.spec.log.driver == "none")
    return fail(Code::failed_precondition, "workload {} keeps no log (log.driver is none)", workload.spec.name);
  const auto key = control::workload_key(workload.metadata.uid);
  const auto watch = TRY(objects.store().watch(key, workload.metadata.revision + 1));
  auto reader = TRY(control::LogReader::open(api.engine.sandbox(workload).log_directory(WorkloadId(workload.metadata.uid)), selected));
  TRY(response.begin(200, "application/vnd.fulcrum.stream"));
  bool continued[2] = {false, false};
  bool ended = has_ended(workload);
  for (;;) {
    TRY(drain(reader, response, timestamps, continued));
    if (!follow || ended || reader.past_until()) return {};
    const auto ready = wait_any(request.stop(), Deadline::never(), {{reader.fd(), POLLIN}, {watch->fd(), POLLIN}, response.client_gone()});
    if (!ready || *ready == 2) return {};
    TRY(reader.changed());
    if (*ready == 1)
      for (const auto& event : TRY(watch->next())) {
        workload = TRY(control::decode_workload(event.record));
        ended = event.type == store::Event::Type::removed || has_ended(workload);
      }
  }
}

}  // namespace

void add_log_routes(http::Router& router, Api& api) { router.add("GET", "/v1/workloads/{name}/logs", bind(api, logs)); }

}  // namespace fulcrum::server::native
