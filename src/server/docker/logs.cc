// GET /containers/{id}/logs.
#include <array>
#include <charconv>

#include "server/docker/hijack.h"
#include "server/log_stream.h"

namespace fulcrum::server::docker {

namespace {

constexpr ApiVersion kTypedSince{1, 42};  // whose answers say which kind of stream they are

Result<LogRequest> parse_logs(const http::Query& query) {
  LogRequest wanted{
      .selection = {.since = TRY(unix_time(query, "since")), .output = flag(query, "stdout"), .error_output = flag(query, "stderr")},
      .format = {.timestamps = flag(query, "timestamps"), .details = flag(query, "details")},
      .follow = flag(query, "follow")};
  if (!wanted.selection.output && !wanted.selection.error_output)
    return fail(Code::invalid_argument, "Bad parameters: you must choose at least one stream");
  if (query.get_or("until", "0") != "0") wanted.selection.until = TRY(unix_time(query, "until"));
  // What is no number means all of it: "all", and whatever else clients send.
  const auto tail = query.get_or("tail", "");
  std::int64_t lines = -1;
  const auto [end, error] = std::from_chars(tail.data(), tail.data() + tail.size(), lines);
  if (error == std::errc() && end == tail.data() + tail.size() && lines >= 0) wanted.selection.tail = static_cast<std::uint64_t>(lines);
  return wanted;
}

/// A log that nothing is added to: the container does not run.
bool at_rest(api::Phase phase) { return phase == api::Phase::pending || phase == api::Phase::creating || phase == api::Phase::created; }

Result<> logs(Api& api, Request& request, ResponseWriter& response) {
  auto wanted = TRY(parse_logs(request.query()));
  const auto workload = TRY(find_container(api, request.param("id")));
  if (workload.metadata.deleting)
    return fail(Code::failed_precondition, "can not get logs from container which is dead or marked for removal");
  if (workload.spec.log.driver == "none") return fail(Code::unimplemented, "configured logging driver does not support reading");
  wanted.format.framed = !workload.spec.tty;
  wanted.follow = wanted.follow && !at_rest(workload.status.phase);
  auto stream = TRY(LogStream::open(api.native.engine, workload, wanted));
  const bool multiplexed = wanted.format.framed && version_of(request) >= kTypedSince;
  TRY(response.begin(200, multiplexed ? kMultiplexedStream : kRawStream));
  return stream.run(request.stop(), response.client_gone(), [&](std::string_view data) { return response.write(data); });
}

constexpr std::array kOperations{Operation{"GET", "/containers/{id}/logs", logs}};

}  // namespace

std::span<const Operation> log_operations() { return kOperations; }

}  // namespace fulcrum::server::docker
