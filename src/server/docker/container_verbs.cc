// The verbs on one container: start, stop, restart, kill, pause, unpause, rename, wait, remove.
#include <csignal>
#include <limits>

#include "api/docker/wait.h"
#include "control/workload/parts.h"
#include "server/docker/container_errors.h"
#include "server/docker/container_state.h"

namespace fulcrum::server::docker {

namespace {

/// A stop timeout below zero: it is never killed.
constexpr Duration kNever{std::chrono::hours(24 * 365 * 100)};
/// How long a kill waits for the end that must follow.
constexpr std::chrono::seconds kKillWait{12};
constexpr ApiVersion kStopSignalSince{1, 42};
constexpr ApiVersion kWaitConditionSince{1, 30};

struct StopOptions {
  std::string signal;
  std::optional<Duration> timeout;
};

Result<int> parse_signal(std::string_view text) {
  const auto signo = control::parse_signal(text);
  if (!signo) return fail(Code::invalid_argument, "invalid signal: {}", text);
  return signo;
}

Result<StopOptions> stop_options(const Request& request) {
  StopOptions options;
  if (version_of(request) >= kStopSignalSince) options.signal = request.query().get_or("signal", "");
  if (!options.signal.empty()) TRY(parse_signal(options.signal));
  if (request.query().get_or("t", "").empty()) return options;
  const auto seconds = TRY(request.query().integer("t", 0, std::numeric_limits<std::int32_t>::min(), 1'000'000'000));
  options.timeout = seconds < 0 ? kNever : Duration{std::chrono::seconds(seconds)};
  return options;
}

bool is_starting(const api::Workload& container) { return container.status.phase == api::Phase::starting; }

Result<> start(Api& api, Request& request, ResponseWriter& response) {
  const auto& query = request.query();
  if (!query.get_or("checkpoint", "").empty() || !query.get_or("checkpoint-dir", "").empty())
    return fail(Code::invalid_argument, "checkpoint is not supported: nothing here can restore processes");
  if (const auto body = TRY(request.read_body()); body.size() > 7)
    return fail(Code::invalid_argument,
                "starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24");
  const auto container = TRY(find_container(api, request.param("id")));
  if (container.status.phase == api::Phase::paused)
    return fail(Code::failed_precondition, "cannot start a paused container, try unpause instead");
  if (docker_running(container.status)) return response.send_empty(304);
  if (container.metadata.deleting) return fail(Code::failed_precondition, "container is marked for removal and cannot be started");
  auto call = call_of(request, response);
  int exit_code = 0;
  call.exit_code = &exit_code;
  if (const auto started = api.native.engine.start(container.metadata.uid, call); !started)
    return std::unexpected(start_failure(started.error(), exit_code));
  return response.send_empty(204);
}

Result<> stop(Api& api, Request& request, ResponseWriter& response) {
  const auto options = TRY(stop_options(request));
  const auto container = TRY(find_container(api, request.param("id")));
  if (!docker_running(container.status) && !is_starting(container)) return response.send_empty(304);
  TRY(api.native.engine.stop(container.metadata.uid, options.signal, options.timeout, call_of(request, response)),
      "cannot stop container: {}", request.param("id"));
  return response.send_empty(204);
}

Result<> restart(Api& api, Request& request, ResponseWriter& response) {
  const auto options = TRY(stop_options(request));
  const auto container = TRY(find_container(api, request.param("id")));
  auto call = call_of(request, response);
  int exit_code = 0;
  call.exit_code = &exit_code;
  if (const auto restarted = api.native.engine.restart(container.metadata.uid, options.signal, options.timeout, call); !restarted)
    return std::unexpected(with_context(start_failure(restarted.error(), exit_code), "Cannot restart container " + request.param("id")));
  return response.send_empty(204);
}

/// What is waiting to be restarted has no process that could hear a signal: it stays down, which is what the signal was for.
Result<> cancel_restart(Api& api, const api::Workload& container, const control::Call& call) {
  TRY(api.native.engine.stop(container.metadata.uid, "", std::nullopt, call));
  return {};
}

Result<> kill_container(Api& api, const api::Workload& container, int signo, control::Call call) {
  auto& engine = api.native.engine;
  const auto& uid = container.metadata.uid;
  if (container.status.phase == api::Phase::restarting) return cancel_restart(api, container, call);
  const auto killed = engine.kill(uid, fmt::format("{}", signo), call);
  if (!killed && killed.error().code == Code::failed_precondition) return std::unexpected(not_running(container));
  TRY(killed);
  if (signo == SIGKILL) {
    call.deadline = Deadline::in(kKillWait);
    const auto run = container.status.run;
    TRY(engine.wait(uid, call, [&](const api::Workload& w, bool removed) {
      return removed || w.status.run != run || !control::is_active(w.status.phase);
    }));
    return {};
  }
  // A frozen process hears its stop signal once it is thawed.
  const bool thaw = container.status.phase == api::Phase::paused && killed->intent.state == "stopped";
  if (thaw) TRY(engine.resume(uid, call));
  return {};
}

Result<> kill(Api& api, Request& request, ResponseWriter& response) {
  const auto& reference = request.param("id");
  const auto signal = request.query().get_or("signal", "");
  const int signo = signal.empty() ? SIGKILL : TRY(parse_signal(signal), "cannot kill container: {}", reference);
  const auto container = TRY(find_container(api, reference), "cannot kill container: {}", reference);
  TRY(kill_container(api, container, signo, call_of(request, response)), "cannot kill container: {}", reference);
  return response.send_empty(204);
}

Result<> pause(Api& api, Request& request, ResponseWriter& response) {
  const auto container = TRY(find_container(api, request.param("id")));
  const auto state = docker_status(container.status);
  if (state == "paused") return fail(Code::failed_precondition, "container {} is already paused", container.metadata.uid);
  if (state == "restarting") return std::unexpected(is_restarting(container));
  if (state != "running") return std::unexpected(not_running(container));
  TRY(api.native.engine.pause(container.metadata.uid, call_of(request, response)), "cannot pause container {}", container.metadata.uid);
  return response.send_empty(204);
}

Result<> unpause(Api& api, Request& request, ResponseWriter& response) {
  const auto container = TRY(find_container(api, request.param("id")));
  if (docker_status(container.status) != "paused")  // Docker answers 500 here
    return fail(Code::internal, "Container {} is not paused", container.metadata.uid);
  TRY(api.native.engine.resume(container.metadata.uid, call_of(request, response)), "Cannot unpause container {}", container.metadata.uid);
  return response.send_empty(204);
}

Result<> rename(Api& api, Request& request, ResponseWriter& response) {
  auto name = request.query().get_or("name", "");
  if (name.starts_with('/')) name.remove_prefix(1);
  if (name.empty()) return fail(Code::invalid_argument, "Neither old nor new names may be empty");
  const auto container = TRY(find_container(api, request.param("id")));
  if (container.spec.name == name) return fail(Code::invalid_argument, "Renaming a container with the same name as its current name");
  const auto renamed = api.native.engine.rename(container.metadata.uid, std::string(name));
  if (!renamed && renamed.error().code == Code::already_exists) {
    const auto holder = TRY(find_container(api, name));
    return fail(Code::already_exists,
                "Conflict. The container name \"/{}\" is already in use by container \"{}\". You have to remove (or rename) that container "
                "to be able to reuse that name.",
                name, holder.metadata.uid);
  }
  if (!renamed && renamed.error().code == Code::invalid_argument)
    return fail(Code::invalid_argument, "Invalid container name ({}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed", name);
  TRY(renamed);
  return response.send_empty(204);
}

Result<std::string> wait_condition(const Request& request) {
  const auto condition = request.query().get_or("condition", "");
  if (condition.empty() || version_of(request) < kWaitConditionSince) return "not-running";
  if (condition != "not-running" && condition != "next-exit" && condition != "removed")
    return fail(Code::invalid_argument, "invalid condition: \"{}\"", condition);
  return std::string(condition);
}

Result<> wait(Api& api, Request& request, ResponseWriter& response) {
  const auto condition = TRY(wait_condition(request));
  const auto container = TRY(find_container(api, request.param("id")));
  auto waiting = TRY(api.native.engine.begin_wait(container.metadata.uid, condition));
  // The header says that the wait has begun: who starts the container only then misses nothing.
  const bool at_once = version_of(request) >= kWaitConditionSince;
  if (at_once) TRY(response.begin(200, "application/json"));
  const auto after = TRY(api.native.engine.finish_wait(std::move(waiting), call_of(request, response)));
  api::docker::WaitResponse answer{.status_code = after.status.exit_code.value_or(0), .error = std::nullopt};
  if (after.status.phase == api::Phase::failed) answer.error = {.message = after.status.message};
  const auto text = schema::encode_text(answer);
  return at_once ? response.write(text + "\n") : response.send_json(200, text);
}

Result<> remove(Api& api, Request& request, ResponseWriter& response) {
  const auto& query = request.query();
  const auto& reference = request.param("id");
  const bool force = TRY(query.boolean("force", false));
  const bool volumes = TRY(query.boolean("v", false));
  if (TRY(query.boolean("link", false))) return fail(Code::invalid_argument, "link: there are no links here; use networks and their names");
  const auto container = TRY(find_container(api, reference));
  if (!force && !container.metadata.deleting)
    if (auto why = why_not_removable(container))
      return std::unexpected(with_context(std::move(*why), fmt::format("cannot remove container \"{}\"", reference)));
  TRY(api.native.engine.remove(container.metadata.uid, force, volumes, call_of(request, response)), "cannot remove container \"{}\"",
      reference);
  return response.send_empty(204);
}

constexpr std::array kOperations{
    Operation{.method = "POST", .path = "/containers/{id}/start", .handle = start},
    Operation{.method = "POST", .path = "/containers/{id}/stop", .handle = stop},
    Operation{.method = "POST", .path = "/containers/{id}/restart", .handle = restart},
    Operation{.method = "POST", .path = "/containers/{id}/kill", .handle = kill},
    Operation{.method = "POST", .path = "/containers/{id}/pause", .handle = pause},
    Operation{.method = "POST", .path = "/containers/{id}/unpause", .handle = unpause},
    Operation{.method = "POST", .path = "/containers/{id}/rename", .handle = rename},
    Operation{.method = "POST", .path = "/containers/{id}/wait", .handle = wait},
    Operation{.method = "DELETE", .path = "/containers/{id}", .handle = remove},
};

}  // namespace

std::span<const Operation> container_verb_operations() { return kOperations; }

}  // namespace fulcrum::server::docker
