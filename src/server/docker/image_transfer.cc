// Images that come and go: pull, push, load, save, import, distribution.
#include "server/docker/support.h"

namespace fulcrum::server::docker {

std::span<const Operation> image_transfer_operations() { return {}; }

}  // namespace fulcrum::server::docker
