// The stream of events.
#include "server/docker/support.h"

namespace fulcrum::server::docker {

std::span<const Operation> event_operations() { return {}; }

}  // namespace fulcrum::server::docker
