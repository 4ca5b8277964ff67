// Secrets and configs become files of one run folder, which the sandbox binds into the workload.
#pragma once

#include <vector>

#include "control/workload/parts.h"
#include "sandbox/sandbox.h"

namespace fulcrum::control {

inline constexpr std::size_t kMaxFileReferences = 256;  ///< secrets plus configs of one workload

/// Writes the files of a workload's secrets and configs and returns the mounts for them.
/// Errors: not_found (names the secret), invalid_argument.
[[nodiscard]] Result<std::vector<sandbox::ResolvedMount>> write_files(const Parts& parts, const api::Workload& workload);

/// Bytes from standard base64 with padding. Errors: invalid_argument.
[[nodiscard]] Result<std::string> decode_base64(std::string_view text);

}  // namespace fulcrum::control
