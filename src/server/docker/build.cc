// The classic builder: POST /build.
#include "server/docker/support.h"

namespace fulcrum::server::docker {

std::span<const Operation> build_operations() { return {}; }

}  // namespace fulcrum::server::docker
