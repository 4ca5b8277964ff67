// Attach, over a hijacked connection or a WebSocket, and the size of a terminal.
#include <sys/socket.h>

#include <array>

#include "base/log.h"
#include "base/sys.h"
#include "control/lifecycle.h"
#include "server/docker/hijack.h"
#include "server/log_stream.h"

namespace fulcrum::server::docker {

namespace {

constexpr std::chrono::seconds kPatience{60};
constexpr ApiVersion kSocketStreamsSince{1, 42};  // whose WebSockets choose their streams
constexpr ApiVersion kBinarySince{1, 28};

/// What an attach asks for.
struct AttachRequest {
  sandbox::StreamFormat format;
  bool logs = false;
  bool stream = false;
};

Result<AttachRequest> parse_attach(const http::Query& query, const api::Workload& workload) {
  AttachRequest wanted{.format = TRY(stream_format(workload.spec.tty, query.get_or("detachKeys", ""))),
                       .logs = flag(query, "logs"),
                       .stream = flag(query, "stream")};
  wanted.format.stdin_open = flag(query, "stdin");
  wanted.format.stdout_open = flag(query, "stdout");
  wanted.format.stderr_open = flag(query, "stderr");
  return wanted;
}

Result<api::Workload> find_attachable(Api& api, std::string_view reference) {
  auto workload = TRY(find_container(api, reference));
  if (workload.status.phase == api::Phase::paused)
    return fail(Code::failed_precondition, "container {} is paused, unpause the container before attach", reference);
  if (workload.status.phase == api::Phase::restarting)
    return fail(Code::failed_precondition, "container {} is restarting, wait until the container is running", reference);
  return workload;
}

/// As Docker's engine says it when the connection is a stream already.
void tell_error(int client, const Error& error) {
  const auto text = fmt::format("Error attaching: {}\n", error.message);
  [[maybe_unused]] const auto sent = ::send(client, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

/// Everything that was logged so far, before the streams.
Result<> send_logged(Api& api, const api::Workload& workload, const sandbox::StreamFormat& format, int client, const StopSource& stop) {
  if (workload.spec.log.driver == "none") return fail(Code::unimplemented, "configured logging driver does not support reading");
  auto stream = TRY(LogStream::open(
      api.native.engine, workload,
      {.selection = {.output = format.stdout_open, .error_output = format.stderr_open}, .format = {.framed = format.framed_output}}));
  const auto to = TRY(http::make_stream(TRY(sys::duplicate(client))));
  return stream.run(stop, {.fd = -1, .events = 0}, [&](std::string_view data) { return to->write(data, stop, Deadline::in(kPatience)); });
}

/// Logs, then streams. While it runs, the sandbox does both, so that nothing is missed or seen twice between them.
Give connect(Api& api, const api::Workload& workload, const AttachRequest& wanted, const StopSource& stop) {
  return [&](UniqueFd client, const sandbox::StreamFormat& format) -> Result<> {
    auto streams = format;
    streams.logs = wanted.logs && wanted.stream && control::is_active(workload.status.phase) && workload.spec.log.driver != "none";
    if (wanted.logs && !streams.logs) TRY(send_logged(api, workload, format, client.get(), stop));
    if (const auto told = api.native.engine.objects().record({api.native.engine.objects().event(workload, "attach")}); !told)
      log::warning("an event is lost", {{"event", "attach"}, {"error", told.error().message}});
    return wanted.stream ? api.native.engine.attach(workload, std::move(client), streams) : Result<>();
  };
}

Result<> attach(Api& api, Request& request, ResponseWriter& response) {
  const auto workload = TRY(find_attachable(api, request.param("id")));
  const auto wanted = TRY(parse_attach(request.query(), workload));
  return hijack(request, response, wanted.format, connect(api, workload, wanted, request.stop()), tell_error);
}

Result<> attach_websocket(Api& api, Request& request, ResponseWriter& response) {
  const auto workload = TRY(find_attachable(api, request.param("id")));
  auto wanted = TRY(parse_attach(request.query(), workload));
  wanted.format.framed_output = false;
  if (version_of(request) < kSocketStreamsSince) wanted.format.stdin_open = wanted.format.stdout_open = wanted.format.stderr_open = true;
  return hand_over_websocket(request, response, version_of(request) < kBinarySince, wanted.format,
                             connect(api, workload, wanted, request.stop()), tell_error);
}

Result<> resize(Api& api, Request& request, ResponseWriter& response) {
  const auto [height, width] = TRY(window_size(request.query()));
  const auto workload = TRY(find_container(api, request.param("id")));
  if (!control::is_active(workload.status.phase) && workload.status.phase != api::Phase::starting)
    return fail(Code::failed_precondition, "container {} is not running", workload.metadata.uid);
  TRY(api.native.engine.sandbox(workload).resize(WorkloadId(workload.metadata.uid), height, width));
  auto& objects = api.native.engine.objects();
  TRY(objects.record({objects.event(workload, "resize", {{"height", fmt::format("{}", height)}, {"width", fmt::format("{}", width)}})}));
  return response.send_empty(200);
}

constexpr std::array kOperations{
    Operation{"POST", "/containers/{id}/attach", attach},
    Operation{"GET", "/containers/{id}/attach/ws", attach_websocket},
    Operation{"POST", "/containers/{id}/resize", resize},
};

}  // namespace

std::span<const Operation> stream_operations() { return kOperations; }

}  // namespace fulcrum::server::docker
