// Volumes.
#include "server/docker/support.h"

namespace fulcrum::server::docker {

std::span<const Operation> volume_operations() { return {}; }

}  // namespace fulcrum::server::docker
