// Swarm: answered as an engine outside a swarm answers.
#include "server/docker/support.h"

namespace fulcrum::server::docker {

std::span<const Operation> swarm_operations() { return {}; }

}  // namespace fulcrum::server::docker
