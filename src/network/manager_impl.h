// The state behind Manager, shared by manager.cc (networks), endpoints.cc (attachments) and reconcile.cc.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "network/dns/server.h"
#include "network/ipam.h"
#include "network/link_reaper.h"
#include "network/links.h"
#include "network/network.h"
#include "network/nftables.h"
#include "network/port_table.h"
#include "network/ruleset.h"

namespace fulcrum::network {

struct NetworkState {
  Network config;
  std::optional<AddressPool> v4, v6;
};

using EndpointKey = std::pair<std::string, std::string>;  // {workload, network}

struct EndpointState {
  Endpoint endpoint;
  bool plugged = false;
};

struct Manager::Impl {
  ManagerOptions options;
  std::string instance;
  std::string table;
  std::unique_ptr<TableElements> rules;
  std::unique_ptr<dns::Server> dns;
  LinkReaper reaper;

  /// Guards the tables below. Held for look-ups and reservations (which bind sockets but never wait), not while the kernel builds links
  /// or rules. Two calls about the same workload or the same network are the caller's to order.
  mutable std::mutex mutex;
  std::map<std::string, NetworkState, std::less<>> networks;
  std::map<EndpointKey, EndpointState> endpoints;
  PortTable ports;

  // Under the mutex.
  Result<NetworkState*> find_network(std::string_view name);
  Result<EndpointState*> find_endpoint(const WorkloadId& workload, std::string_view network);
  Result<> check_request(const AttachRequest& request) const;
  std::string choose_ifname(const AttachRequest& request) const;
  Result<std::vector<Prefix>> take_addresses(NetworkState& network, const AttachRequest& request);
  void release(const Endpoint& endpoint);

  // Without the mutex.
  /// Adds a planned network to the table; false when another call was faster with its name, bridge or subnet.
  bool enter_network(const Network& network);
  Result<Network> plan(const NetworkConfig& config) const;
  Result<> build_network(const Network& network);
  Result<> prepare_host(const Network& network) const;
  Result<> serve_names(const Network& network);
  /// Closes ports and forgets names; then the link goes, now or in the background; then address and ports are free.
  enum class Removal { now, background };
  Result<> take_out(const WorkloadId& workload, std::string_view network, Removal removal);
  Result<Network> network_copy(std::string_view name) const;
  PortSettings port_settings(const Network& network, const Endpoint& endpoint) const;
  void announce(const Endpoint& endpoint);
  void load_networks(std::span<const Network> records, ReconcileReport& report);
  void load_endpoints(std::span<const Endpoint> records, ReconcileReport& report);
  Result<> sweep_links(ReconcileReport& report);
  Result<> adopt_links(ReconcileReport& report);
  std::vector<Element> all_elements() const;
  void announce_all();
  Result<> open_ports(const Endpoint& endpoint, const std::vector<PublishedPort>& published);
  Result<> close_ports(const Endpoint& endpoint, const std::vector<PublishedPort>& published);
};

/// What the name server should know of an endpoint.
dns::Host dns_host(const Endpoint& endpoint);
/// The gateway addresses of a network with their subnets' lengths: what its bridge has.
std::vector<Prefix> gateway_prefixes(const Network& network);
/// The elements of all ports.
std::vector<Element> elements_of_ports(const Endpoint& endpoint, const std::vector<PublishedPort>& published);

}  // namespace fulcrum::network
