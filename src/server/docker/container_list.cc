// Lists of containers, filters, sizes, prune.
#include "server/docker/support.h"

namespace fulcrum::server::docker {

std::span<const Operation> container_list_operations() { return {}; }

}  // namespace fulcrum::server::docker
