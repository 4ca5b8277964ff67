// Logs, in Docker's two framings.
#include "server/docker/support.h"

namespace fulcrum::server::docker {

std::span<const Operation> log_operations() { return {}; }

}  // namespace fulcrum::server::docker
