// Containers: inspect, and the verbs that change them.
#include "server/docker/support.h"

namespace fulcrum::server::docker {

std::span<const Operation> container_operations() { return {}; }

}  // namespace fulcrum::server::docker
