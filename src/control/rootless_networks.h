// Networks of a rootless engine: the same bridges, inside its own network namespace, and ports that are opened on the real host as well.
#pragma once

#include <memory>

#include "control/mechanisms.h"
#include "network/host_forwards.h"

namespace fulcrum::control {

/// Wraps `inner`. A published port is open on every address of the namespace, whatever host address it names, and on that host address
/// through `forwards`; none: inside only. A port is opened on the host when it is reserved, and closed with the endpoint; reconcile() makes
/// the host's list equal to the endpoints'.
std::unique_ptr<Networks> make_rootless_networks(std::unique_ptr<Networks> inner, std::optional<network::HostForwards> forwards);

/// The host addresses of `wishes`, put onto the ports that were reserved for them without.
std::vector<network::PublishedPort> with_host_addresses(std::vector<network::PublishedPort> ports,
                                                        std::span<const network::PortSpec> wishes);

}  // namespace fulcrum::control
