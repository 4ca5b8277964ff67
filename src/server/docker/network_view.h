// Networks between Docker's words and the engine's: pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/docker/network.h"
#include "api/workload/workload.h"
#include "base/error.h"
#include "server/docker/support.h"

namespace fulcrum::server::docker {

/// Docker's name of the driver: bridge, host, null.
std::string network_driver(const api::Network& network);
/// Whether this is one of bridge, host and none, which are always there.
bool is_predefined_network(std::string_view engine_name);

/// The network as clients see it. With `members`: who of these workloads is in it now.
api::docker::NetworkResource network_view(const api::Network& network, const std::vector<api::Workload>* members);
/// The workloads that are in a network now.
bool is_member(const api::Workload& workload, const api::Network& network);

/// What a client wants, as the engine says it. Errors in Docker's words: invalid_argument, permission_denied (predefined names, several
/// subnets), not_found (drivers), unimplemented, each naming the field.
[[nodiscard]] Result<api::NetworkSpec> network_spec(const api::docker::NetworkCreate& wish);

/// What a container wishes of its place in a network, by the engine's name of that network. Errors: invalid_argument, unimplemented.
[[nodiscard]] Result<api::NetworkAttachment> network_attachment(const std::string& network, const api::docker::EndpointSettings& wish);

/// The network that a client names by name, ID or unique prefix of its ID. Errors: not_found, invalid_argument (ambiguous).
[[nodiscard]] Result<api::Network> pick_network(const std::vector<api::Network>& networks, std::string_view reference);

/// GET /networks: which of them a client wants to see. Errors: invalid_argument.
[[nodiscard]] Result<std::vector<api::Network>> filter_networks(std::vector<api::Network> networks, const Filters& filters,
                                                                const std::vector<api::Workload>& workloads);

}  // namespace fulcrum::server::docker
