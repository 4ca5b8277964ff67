// Flows that the kernel remembers.
#pragma once

#include <vector>

#include "base/error.h"
#include "network/ports.h"

namespace fulcrum::network {

/// Deletes remembered UDP flows to these host ports, so that a rule that is new or gone takes effect for peers that keep sending.
[[nodiscard]] Result<> forget_udp_flows(const std::vector<PublishedPort>& ports);

}  // namespace fulcrum::network
