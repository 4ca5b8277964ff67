// Attach and exec: the client's connection goes to the sandbox, which speaks the frames of docs/streams.md itself.
#include <sys/socket.h>

#include "control/lifecycle.h"
#include "sandbox/stream/frame.h"
#include "server/hand_over.h"
#include "server/native/support.h"

namespace fulcrum::server::native {

namespace {

using http::Request;
using http::ResponseWriter;

constexpr std::string_view kProtocol = "fulcrum-stream";
constexpr std::string_view kType = "application/vnd.fulcrum.stream";

Result<> require_upgrade(const Request& request) {
  if (request.headers().has_token("Upgrade", kProtocol)) return {};
  return fail(Code::invalid_argument, "this call takes the connection over: send Connection: Upgrade and Upgrade: {}", kProtocol);
}

/// What could not be said by a status any more is said by the last frame.
void send_error_frame(int fd, const Error& error) {
  const auto frame = sandbox::make_frame(
      sandbox::FrameType::error, fmt::format(R"({{"code":"{}","message":{}}})", to_string(error.code), http::json_quote(error.message)));
  [[maybe_unused]] const auto sent = ::send(fd, frame.data(), frame.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

/// After the upgrade failures are frames.
Result<> give_away(Request& request, ResponseWriter& response, const sandbox::StreamFormat& format, const Give& give) {
  return hand_over(request, response, kProtocol, kType, format, give, send_error_frame);
}

Result<> attach(Api& api, Request& request, ResponseWriter& response) {
  const auto& query = request.query();
  TRY(only(query, {"start", "stdin", "stdout", "stderr", "logs", "detachKeys"}));
  TRY(require_upgrade(request));
  const sandbox::StreamFormat format{.stdin_open = TRY(query.boolean("stdin", false)),
                                     .stdout_open = TRY(query.boolean("stdout", true)),
                                     .stderr_open = TRY(query.boolean("stderr", true)),
                                     .logs = TRY(query.boolean("logs", false)),
                                     .detach_keys = std::string(query.get_or("detachKeys", "ctrl-p,ctrl-q"))};
  const auto give = [&](const api::Workload& workload) -> Result<> {
    return give_away(request, response, format, [&](UniqueFd fd, const sandbox::StreamFormat& f) {
      return api.engine.sandbox(workload).attach(WorkloadId(workload.metadata.uid), std::move(fd), f);
    });
  };
  if (TRY(query.boolean("start", false))) {
    StartCall call(request, response);
    const auto started = api.engine.start_attached(request.param("name"), call, give);
    if (!started) call.tell_exit_code();
    return started;
  }
  const auto workload = TRY(api.engine.objects().find(request.param("name")));
  if (!control::is_active(workload.status.phase)) return fail(Code::failed_precondition, "workload {} does not run", workload.spec.name);
  return give(workload);
}

Result<std::pair<std::uint16_t, std::uint16_t>> window(const http::Query& query) {
  TRY(only(query, {"height", "width"}));
  const auto height = TRY(query.integer("height", 0, 0, 65535));
  const auto width = TRY(query.integer("width", 0, 0, 65535));
  return std::pair(static_cast<std::uint16_t>(height), static_cast<std::uint16_t>(width));
}

Result<> resize(Api& api, Request& request, ResponseWriter& response) {
  const auto [height, width] = TRY(window(request.query()));
  const auto workload = TRY(api.engine.objects().find(request.param("name")));
  TRY(api.engine.sandbox(workload).resize(WorkloadId(workload.metadata.uid), height, width));
  return response.send_empty(204);
}

Result<> exec(Api& api, Request& request, ResponseWriter& response) {
  TRY(only(request.query(), {}));
  const auto spec = TRY(api::from_json<api::ExecSpec>(TRY(request.read_body())));
  const auto workload = TRY(api.engine.objects().find(request.param("name")));
  if (!spec.detach) TRY(require_upgrade(request));
  const auto exec = TRY(api.engine.create_exec(workload, spec));
  const sandbox::StreamFormat format{.stdin_open = spec.stdin_open,
                                     .stdout_open = spec.stdout_open,
                                     .stderr_open = spec.stderr_open,
                                     .detach_keys = spec.detach_keys.empty() ? "ctrl-p,ctrl-q" : spec.detach_keys};
  if (spec.detach) {
    TRY(api.engine.start_exec(exec.id, UniqueFd(), format));
    return response.send_json(201, fmt::format(R"({{"id":"{}"}})", exec.id));
  }
  response.headers().set("X-Fulcrum-Exec-Id", exec.id);
  return give_away(request, response, format,
                   [&](UniqueFd fd, const sandbox::StreamFormat& f) { return api.engine.start_exec(exec.id, std::move(fd), f); });
}

/// The exec of the path, which must be that workload's.
Result<api::Exec> find_exec(Api& api, const Request& request) {
  const auto workload = TRY(api.engine.objects().find(request.param("name")));
  auto exec = TRY(api.engine.exec(request.param("id")));
  if (exec.workload != workload.metadata.uid) return fail(Code::not_found, "no such exec: {}", exec.id);
  return exec;
}

Result<> exec_state(Api& api, Request& request, ResponseWriter& response) {
  TRY(only(request.query(), {}));
  const auto exec = TRY(find_exec(api, request));
  const auto exit_code = exec.exit_code ? fmt::format("{}", *exec.exit_code) : std::string("null");
  return response.send_json(200, fmt::format(R"({{"id":{},"pid":{},"running":{},"exitCode":{}}})", http::json_quote(exec.id), exec.pid,
                                             exec.started && !exec.exit_code, exit_code));
}

Result<> exec_resize(Api& api, Request& request, ResponseWriter& response) {
  const auto [height, width] = TRY(window(request.query()));
  const auto exec = TRY(find_exec(api, request));
  TRY(api.engine.resize_exec(exec.id, height, width));
  return response.send_empty(204);
}

}  // namespace

void add_stream_routes(http::Router& router, Api& api) {
  const auto on = [&](std::string_view method, std::string_view path, auto handler) { router.add(method, path, bind(api, handler)); };
  on("POST", "/v1/workloads/{name}/attach", attach);
  on("POST", "/v1/workloads/{name}/resize", resize);
  on("POST", "/v1/workloads/{name}/exec", exec);
  on("GET", "/v1/workloads/{name}/exec/{id}", exec_state);
  on("POST", "/v1/workloads/{name}/exec/{id}/resize", exec_resize);
}

}  // namespace fulcrum::server::native
