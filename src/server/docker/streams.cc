// Attach, over a hijacked connection or a WebSocket.
#include "server/docker/support.h"

namespace fulcrum::server::docker {

std::span<const Operation> stream_operations() { return {}; }

}  // namespace fulcrum::server::docker
