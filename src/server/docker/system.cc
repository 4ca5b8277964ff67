// The engine: ping, version, info, disk usage, registry log-in, sessions, plugins.
#include "server/docker/support.h"

namespace fulcrum::server::docker {

std::span<const Operation> system_operations() { return {}; }

}  // namespace fulcrum::server::docker
