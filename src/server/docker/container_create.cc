// POST /containers/create: from Docker's Config, HostConfig and NetworkingConfig to a WorkloadSpec.
#include "server/docker/support.h"

namespace fulcrum::server::docker {

std::span<const Operation> container_create_operations() { return {}; }

}  // namespace fulcrum::server::docker
