// Docker's words for what goes wrong with a container: clients match on them.
#pragma once

#include "server/docker/support.h"

namespace fulcrum::server::docker {

/// 409 "container <id> is not running".
Error not_running(const api::Workload& container);
/// 409 "Container <id> is restarting, wait until the container is running".
Error is_restarting(const api::Workload& container);
/// Why a container could not be started. `exit_code` is that of the failed start (0: it was not even tried, the error stays): by status
/// and words the command line exits with 127 (400, "no such file or directory"), 126 (400, "permission denied") or 125 (500).
Error start_failure(Error error, int exit_code);
/// 409, or nothing when it may be removed without force.
std::optional<Error> why_not_removable(const api::Workload& container);

}  // namespace fulcrum::server::docker
