// Execs in Docker's terms and in the engine's: pure functions.
#pragma once

#include "api/docker/exec.h"
#include "api/workload/workload.h"
#include "base/error.h"

namespace fulcrum::server::docker {

/// Errors: invalid_argument for what cannot be an exec (no command, keys that are none, a folder that is not absolute).
[[nodiscard]] Result<api::ExecSpec> exec_spec(const api::docker::ExecConfig& config);
/// Height and width, or nothing. Errors: invalid_argument when they are not two numbers.
[[nodiscard]] Result<std::vector<std::uint16_t>> console_size(const std::optional<std::vector<std::uint16_t>>& given);
api::docker::ExecInspect exec_inspect(const api::Exec& exec);
/// Why an exec could not be started, in the words by which Docker's clients know it.
Error exec_failure(Error error);

}  // namespace fulcrum::server::docker
