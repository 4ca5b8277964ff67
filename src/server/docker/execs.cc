// Exec: create, start, resize, inspect.
#include "server/docker/support.h"

namespace fulcrum::server::docker {

std::span<const Operation> exec_operations() { return {}; }

}  // namespace fulcrum::server::docker
