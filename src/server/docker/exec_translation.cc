#include "server/docker/exec_translation.h"

#include <fmt/format.h>

#include "image/registry/credentials.h"
#include "sandbox/stream/detach_keys.h"

namespace fulcrum::server::docker {

Result<std::vector<std::uint16_t>> console_size(const std::optional<std::vector<std::uint16_t>>& given) {
  if (!given || given->empty()) return std::vector<std::uint16_t>();
  if (given->size() != 2) return fail(Code::invalid_argument, "ConsoleSize: height and width are needed");
  return *given;
}

Result<api::ExecSpec> exec_spec(const api::docker::ExecConfig& config) {
  if (config.cmd.empty()) return fail(Code::invalid_argument, "No exec command specified");
  if (!sandbox::DetachKeys::parse(config.detach_keys))
    return fail(Code::invalid_argument, "Invalid escape keys ({}) provided", config.detach_keys);
  if (!config.working_dir.empty() && !config.working_dir.starts_with('/'))
    return fail(Code::invalid_argument, "WorkingDir: \"{}\" is not an absolute path", config.working_dir);
  const auto size =
      TRY(console_size(config.console_size));  // not below: GCC 12 forgets what a braced list holds when it is left in the middle
  api::ExecSpec spec{.command = {config.cmd},
                     .working_dir = config.working_dir,
                     .user = config.user,
                     .tty = config.tty,
                     .stdin_open = config.attach_stdin,
                     .stdout_open = config.attach_stdout,
                     .stderr_open = config.attach_stderr,
                     .privileged = config.privileged,
                     .console_size = size,
                     .detach_keys = config.detach_keys};
  for (const auto& variable : config.env) {
    const auto equals = variable.find('=');
    if (equals == 0) return fail(Code::invalid_argument, "invalid environment variable: {}", variable);
    spec.env.variables.emplace_back(variable.substr(0, equals), equals == std::string::npos ? std::optional<std::string>()
                                                                                            : std::optional(variable.substr(equals + 1)));
  }
  return spec;
}

api::docker::ExecInspect exec_inspect(const api::Exec& exec) {
  const auto& words = exec.spec.command.words;
  const auto keys = sandbox::DetachKeys::parse(exec.spec.detach_keys);
  return {.id = exec.id,
          .running = exec.started && !exec.exit_code,
          .exit_code = exec.exit_code,
          .process_config = {.tty = exec.spec.tty,
                             .entrypoint = words.empty() ? std::string() : words.front(),
                             .arguments = {words.begin() + (words.empty() ? 0 : 1), words.end()},
                             .privileged = exec.spec.privileged,
                             .user = exec.spec.user},
          .open_stdin = exec.spec.stdin_open,
          .open_stderr = exec.spec.stderr_open,
          .open_stdout = exec.spec.stdout_open,
          .can_remove = exec.exit_code.has_value(),
          .container_id = exec.workload,
          .detach_keys = keys ? image::registry::encode_base64(keys->bytes()) : std::string(),
          .pid = exec.pid};
}

Error exec_failure(Error error) {
  error.message = fmt::format("OCI runtime exec failed: exec failed: unable to start container process: {}: unknown", error.message);
  // A program that is not there, or is none, is the client's mistake.
  if (error.code == Code::not_found || error.code == Code::permission_denied) error.code = Code::invalid_argument;
  return error;
}

}  // namespace fulcrum::server::docker
