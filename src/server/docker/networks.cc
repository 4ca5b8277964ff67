// Networks.
#include "server/docker/support.h"

namespace fulcrum::server::docker {

std::span<const Operation> network_operations() { return {}; }

}  // namespace fulcrum::server::docker
