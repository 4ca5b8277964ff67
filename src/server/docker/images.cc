// Images: list, inspect, history, tag, remove, prune, commit.
#include "server/docker/support.h"

namespace fulcrum::server::docker {

std::span<const Operation> image_operations() { return {}; }

}  // namespace fulcrum::server::docker
