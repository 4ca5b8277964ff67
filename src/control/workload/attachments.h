// A workload's places in networks: reserved, stored, plugged, given back.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "control/workload/parts.h"
#include "sandbox/sandbox.h"

namespace fulcrum::control {

/// Makes sure that the network exists; the default network is made on first need. Errors: not_found.
[[nodiscard]] Result<api::Network> ensure_network(const Parts& parts, const std::string& name);
/// Makes a network: stored first, then made. Errors: already_exists, and those of network::Manager.
[[nodiscard]] Result<api::Network> create_network(const Parts& parts, const api::NetworkSpec& spec);
/// Errors: not_found; failed_precondition while workloads use it.
[[nodiscard]] Result<> remove_network(const Parts& parts, const std::string& name);
[[nodiscard]] Result<std::vector<std::string>> network_users(const Parts& parts, const std::string& name);
/// Removes the networks that nobody uses and that `chosen` wants gone; the default network stays. Returns their names.
[[nodiscard]] Result<std::vector<std::string>> prune_networks(const Parts& parts, const std::function<bool(const api::Network&)>& chosen);

/// Reserves a place in every network that the spec names and that the workload has none in yet. Nothing is stored. On an error what this
/// call reserved is given back.
[[nodiscard]] Result<std::vector<network::Endpoint>> reserve_endpoints(const Parts& parts, const api::Workload& workload,
                                                                       const oci::ImageConfig& image);
/// The ID of a workload's place in a network, 64 hex digits: the same as long as both exist.
std::string endpoint_id(const std::string& workload_uid, const std::string& network_uid);
/// Puts endpoints into the status and into the transaction, with an event for each network that was not joined before.
[[nodiscard]] Result<> store_endpoints(const Parts& parts, Edit& edit, const std::vector<network::Endpoint>& endpoints);
/// Plugs endpoints into a network namespace.
[[nodiscard]] Result<> plug_endpoints(const Parts& parts, const std::vector<network::Endpoint>& endpoints, int netns);
/// Leaves one network, or (empty name) all, in the kernel; then forget_endpoints() in the store.
[[nodiscard]] Result<> detach(const Parts& parts, const std::string& uid, const std::string& network);
/// Takes endpoints out of the status and the store, with an event for each; an empty name: all.
void forget_endpoints(const Parts& parts, Edit& edit, const std::string& network);

/// Host name, /etc/hosts and /etc/resolv.conf of the plan.
[[nodiscard]] Result<> fill_names(const Parts& parts, const api::Workload& workload, sandbox::Plan& plan);
/// Namespaces of other workloads that are joined. Errors: not_found, failed_precondition (it does not run).
[[nodiscard]] Result<std::vector<sandbox::Join>> resolve_joins(const Parts& parts, const api::Workload& workload);
std::string host_name(const api::Workload& workload);

}  // namespace fulcrum::control
