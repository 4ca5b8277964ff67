#include "server/docker/container_errors.h"

#include "server/docker/container_state.h"

namespace fulcrum::server::docker {

Error not_running(const api::Workload& container) {
  return {Code::failed_precondition, fmt::format("container {} is not running", container.metadata.uid)};
}

Error is_restarting(const api::Workload& container) {
  return {Code::failed_precondition,
          fmt::format("Container {} is restarting, wait until the container is running", container.metadata.uid)};
}

Error start_failure(Error error, int exit_code) {
  if (exit_code == 0) return error;
  const auto says = [&](std::string_view words) { return error.message.find(words) != std::string::npos; };
  error.message = "failed to create task for container: " + error.message;
  error.code = exit_code == 127 || exit_code == 126 ? Code::invalid_argument : Code::internal;
  if (exit_code == 127 && !says("executable file not found") && !says("no such file or directory"))
    error.message += ": no such file or directory";
  if (exit_code == 126 && !says("permission denied")) error.message += ": permission denied";
  return error;
}

std::optional<Error> why_not_removable(const api::Workload& container) {
  const auto state = docker_status(container.status);
  if (state == "paused") return Error{Code::failed_precondition, "container is paused and must be unpaused first"};
  if (docker_running(container.status))
    return Error{Code::failed_precondition, fmt::format("container is {}: stop the container before removing or force remove", state)};
  return std::nullopt;
}

}  // namespace fulcrum::server::docker
