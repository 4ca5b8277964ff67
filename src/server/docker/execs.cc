// Execs: POST /containers/{id}/exec, and what can be done with one.
#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "api/docker/exec.h"
#include "sandbox/stream/detach_keys.h"
#include "server/docker/container_errors.h"
#include "server/docker/container_state.h"
#include "server/docker/exec_translation.h"
#include "server/docker/hijack.h"

namespace fulcrum::server::docker {

namespace {

constexpr ApiVersion kConsoleSizeSince{1, 42};

/// Errors: 409 in Docker's words when nothing can be started in it now.
Result<> check_running(const api::Workload& container, std::string_view reference) {
  const auto state = docker_status(container.status);
  if (state == "paused") return fail(Code::failed_precondition, "Container {} is paused, unpause the container before exec", reference);
  if (state == "restarting") return std::unexpected(is_restarting(container));
  if (state != "running") return std::unexpected(not_running(container));
  return {};
}

Result<api::Exec> find_exec(Api& api, const std::string& id) {
  auto found = api.native.engine.exec(id);
  if (!found && found.error().code == Code::not_found) return fail(Code::not_found, "No such exec instance: {}", id);
  return found;
}

Result<> create(Api& api, Request& request, ResponseWriter& response) {
  auto config = TRY(schema::decode_text<api::docker::ExecConfig>(TRY(request.read_body()), schema::UnknownFields::reject_set,
                                                                 schema::MemberNames::any_case));
  if (version_of(request) < kConsoleSizeSince) config.console_size.reset();
  const auto spec = TRY(exec_spec(config));
  const auto container = TRY(find_container(api, request.param("id")));
  TRY(check_running(container, request.param("id")));
  const auto exec = TRY(api.native.engine.create_exec(container, spec));
  return response.send_json(201, schema::encode_text(api::docker::ExecCreated{.id = exec.id}));
}

/// The stream is open already: the error is the last thing in it, as output.
void tell_failure(int client, bool framed, const Error& error) {
  const auto text = exec_failure(error).message + "\r\n";
  const auto bytes = framed ? sandbox::make_frame(sandbox::FrameType::output, text) : text;
  [[maybe_unused]] const auto sent = ::send(client, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

Result<> start(Api& api, Request& request, ResponseWriter& response) {
  const auto body = TRY(request.read_body());
  auto config = TRY(schema::decode_text<api::docker::ExecStartConfig>(body.empty() ? "{}" : body, schema::UnknownFields::reject_set,
                                                                      schema::MemberNames::any_case));
  if (version_of(request) < kConsoleSizeSince || !config.tty) config.console_size.reset();
  const auto size = TRY(console_size(config.console_size));
  const auto exec = TRY(find_exec(api, request.param("id")));
  const auto container = TRY(find_container(api, exec.workload));
  TRY(check_running(container, container.metadata.uid));
  if (exec.exit_code) return fail(Code::failed_precondition, "exec command {} has already run", exec.id);
  if (exec.started) return fail(Code::failed_precondition, "exec command {} is already running", exec.id);
  auto format = TRY(stream_format(config.tty, exec.spec.detach_keys));
  format.stdin_open = exec.spec.stdin_open;
  format.stdout_open = exec.spec.stdout_open;
  format.stderr_open = exec.spec.stderr_open;
  if (config.detach) {
    if (const auto started = api.native.engine.start_exec(exec.id, UniqueFd(), format, size); !started)
      return std::unexpected(exec_failure(started.error()));
    return response.send_empty(200);
  }
  const auto give = [&](UniqueFd client, const sandbox::StreamFormat& f) {
    return api.native.engine.start_exec(exec.id, std::move(client), f, size);
  };
  return hijack(request, response, format, give, [&](int client, const Error& error) { tell_failure(client, !config.tty, error); });
}

Result<> resize(Api& api, Request& request, ResponseWriter& response) {
  const auto [height, width] = TRY(window_size(request.query()));
  const auto exec = TRY(find_exec(api, request.param("id")));
  const auto container = TRY(find_container(api, exec.workload));
  TRY(check_running(container, container.metadata.uid));
  if (exec.pid == 0 || exec.exit_code) return fail(Code::invalid_argument, "exec process is not started");
  TRY(api.native.engine.resize_exec(exec.id, height, width));
  return response.send_empty(200);
}

Result<> inspect(Api& api, Request& request, ResponseWriter& response) {
  const auto exec = TRY(find_exec(api, request.param("id")));
  return response.send_json(200, schema::encode_text(exec_inspect(exec)));
}

constexpr std::array kOperations{
    Operation{"POST", "/containers/{id}/exec", create},
    Operation{"POST", "/exec/{id}/start", start},
    Operation{"POST", "/exec/{id}/resize", resize},
    Operation{"GET", "/exec/{id}/json", inspect},
};

}  // namespace

std::span<const Operation> exec_operations() { return kOperations; }

}  // namespace fulcrum::server::docker
