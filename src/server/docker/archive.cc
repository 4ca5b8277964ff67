// Files in and out: archive, export, changes.
#include "server/docker/support.h"

namespace fulcrum::server::docker {

std::span<const Operation> archive_operations() { return {}; }

}  // namespace fulcrum::server::docker
