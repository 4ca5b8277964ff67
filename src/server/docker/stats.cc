// Usage: stats and top.
#include "server/docker/support.h"

namespace fulcrum::server::docker {

std::span<const Operation> stats_operations() { return {}; }

}  // namespace fulcrum::server::docker
