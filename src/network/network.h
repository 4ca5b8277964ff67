// Networks of containers and machines: bridges, addresses, names, published ports, and what the kernel must look like for them.
//
// Everything happens in the network namespace that the process was started in; nftables rules outside the engine's own table are
// never touched. Nothing is kept on disk here: a caller stores `Network` and `Endpoint` values with its own records and hands all of
// them back to `Manager::reconcile` after a start. An address, a port or a name is in use exactly when a known endpoint says so, so
// reservations cannot leak: forget the record, reconcile, and it is free.
//
// The crash-safe order of one attachment:   reserve() → store the Endpoint → create the sandbox → plug_veth() → … → detach() → forget.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/id.h"
#include "base/unique_fd.h"
#include "network/address.h"
#include "network/ports.h"

namespace fulcrum::network {

/// What a workload's `network` word means. Joining another container's namespace is the runtime's work.
struct Mode {
  enum class Kind : std::uint8_t { network, none, host, container };
  Kind kind = Kind::network;
  std::string target;  ///< name of the network, or the other container

  /// "none", "host", "container:<id>", anything else is a network's name. Error: invalid_argument.
  [[nodiscard]] static Result<Mode> parse(std::string_view text);
  std::string str() const;
  friend bool operator==(const Mode&, const Mode&) = default;
};

/// One subnet of a network. At most one for each family.
struct SubnetConfig {
  Prefix subnet;
  std::optional<IpAddress> gateway;                ///< unset: the first address
  std::optional<Prefix> ip_range;                  ///< automatic addresses come from here; unset: the whole subnet
  std::map<std::string, IpAddress> reserved = {};  ///< by name: addresses of other devices, never handed out

  friend bool operator==(const SubnetConfig&, const SubnetConfig&) = default;
};

/// A bridge network, as asked for.
struct NetworkConfig {
  std::string name;                   ///< [a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}, not "none", "host", "container"
  std::vector<SubnetConfig> subnets;  ///< no IPv4 entry: one is chosen from the pools that clashes with nothing on the host
  bool ipv6 = false;                  ///< an IPv6 subnet too, chosen when none is given
  bool internal = false;              ///< no way out of the network, not even to the host, except its name server
  bool isolated = true;               ///< false: may talk to other networks that are not isolated either
  bool inter_container = true;        ///< false: members reach the outside and published ports, but not each other
  bool masquerade = true;             ///< hide members behind the host's address on the way out
  bool dns = true;                    ///< run a name server on the gateway address
  unsigned mtu = 0;                   ///< 0: that of the host's default route, else 1500. 68 (1280 with IPv6) to 65535
  std::string bridge;                 ///< interface name of the bridge; empty: made from the name
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> options;  ///< foreign driver options. None is known: a non-empty map is refused by name

  friend bool operator==(const NetworkConfig&, const NetworkConfig&) = default;
};

/// A bridge network that exists: the config with every choice made. Store it.
using Network = NetworkConfig;

/// A wish to join a network.
struct AttachRequest {
  WorkloadId workload;
  std::string network;
  std::string ifname;                   ///< inside; empty: the first free of eth0, eth1, …
  std::optional<IpAddress> ipv4, ipv6;  ///< fixed addresses
  std::optional<MacAddress> mac;
  std::vector<std::string> names;     ///< host name, workload name and aliases, resolvable in this network
  std::vector<std::string> services;  ///< names shared with other endpoints; they answer while ready
  std::vector<PortSpec> ports;
  std::optional<bool> default_route;  ///< unset: yes for the first non-internal network of the workload
};

/// A workload's place in a network. Store it; everything can be rebuilt from it.
struct Endpoint {
  WorkloadId workload;
  std::string network;
  std::string ifname;       ///< inside: "eth0"
  std::string host_ifname;  ///< the host's end
  MacAddress mac;
  std::vector<Prefix> addresses;    ///< with the subnet's prefix length; one per family
  std::vector<IpAddress> gateways;  ///< default routes of this endpoint; empty: none through this network
  unsigned mtu = 1500;
  std::vector<std::string> names;
  std::vector<std::string> services;
  std::vector<PublishedPort> ports;
  bool ready = true;  ///< whether service names resolve to it

  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

/// Counters seen from the workload: rx is what it received.
struct EndpointStats {
  std::string network, ifname;
  std::uint64_t rx_bytes = 0, rx_packets = 0, rx_errors = 0, rx_dropped = 0;
  std::uint64_t tx_bytes = 0, tx_packets = 0, tx_errors = 0, tx_dropped = 0;
};

/// What reconcile found and did.
struct ReconcileReport {
  std::vector<std::pair<WorkloadId, std::string>>
      unplugged;                           ///< {workload, network}: its link is gone (the sandbox died with it): plug again or restart
  std::vector<std::string> removed_links;  ///< ours, wanted by nobody
  std::vector<Error> problems;             ///< for example a published port that somebody took meanwhile; each names the object
};

struct ManagerOptions {
  std::string instance;                          ///< distinguishes engines that share a network namespace: [a-z0-9]{1,16}; empty: "0"
  std::string resolv_conf = "/etc/resolv.conf";  ///< upstream name servers
  std::vector<Prefix> pools;      ///< IPv4 subnets of automatic networks are cut from these; empty: 172.28.0.0/14, 10.210.0.0/16
  std::uint8_t pool_prefix = 24;  ///< length of the pieces
};

/// Owns this engine's networks in this network namespace. Thread-safe: calls may come from any thread; I/O happens outside its lock.
class Manager {
 public:
  /// Makes the nftables table and starts the name server thread. Kernel state of an earlier process stays until reconcile().
  /// Errors: permission_denied (CAP_NET_ADMIN), unimplemented (no nftables in this kernel).
  [[nodiscard]] static Result<std::unique_ptr<Manager>> open(ManagerOptions options);
  /// Stops the name server. Networks, links and rules stay: workloads outlive the daemon.
  ~Manager();
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;

  /// Fills every choice in without touching the kernel, so that the result can be stored before create_network(). The subnets that it chose
  /// are not reserved. Errors: invalid_argument, already_exists (name, subnet clash), resource_exhausted (pools).
  [[nodiscard]] Result<Network> plan_network(const NetworkConfig& config) const;
  /// Plans and makes the bridge, its rules and name server. The same network again is success. Errors: as plan_network, and the kernel's.
  [[nodiscard]] Result<Network> create_network(const NetworkConfig& config);
  /// Errors: failed_precondition while endpoints exist. An unknown network is success.
  [[nodiscard]] Result<> remove_network(std::string_view name);
  std::vector<Network> networks() const;
  /// Error: not_found.
  [[nodiscard]] Result<Network> network(std::string_view name) const;

  /// Reserves addresses, names and ports; nothing is visible in the network yet. Host ports are held by bound sockets from here on.
  /// Errors: not_found (network), already_exists (the workload is in it; address or port in use, and by whom), resource_exhausted (subnet
  /// full), invalid_argument.
  [[nodiscard]] Result<Endpoint> reserve(const AttachRequest& request);
  /// Makes the link into the namespace (a descriptor of /proc/PID/ns/net), with address, routes and lo up; opens ports; names resolve.
  /// On an error the reservation stays: call again or detach.
  [[nodiscard]] Result<> plug_veth(const Endpoint& endpoint, int netns_fd);
  /// Makes a tap device in the bridge and returns its descriptor (for a machine's network card); it lives as long as the descriptor.
  [[nodiscard]] Result<UniqueFd> plug_tap(const Endpoint& endpoint);
  /// reserve + plug_veth; on an error nothing stays.
  [[nodiscard]] Result<Endpoint> attach(const AttachRequest& request, int netns_fd);
  /// Takes the workload out of the network and gives everything back. Absence is success.
  [[nodiscard]] Result<> detach(const WorkloadId& workload, std::string_view network);
  /// Takes a workload whose sandbox has ended out of all its networks. Its links are removed in the background (the kernel needs tens of
  /// milliseconds for each); they are gone when the manager is destroyed or reconciled.
  [[nodiscard]] Result<> detach_all(const WorkloadId& workload);
  std::vector<Endpoint> endpoints(const WorkloadId& workload) const;
  std::vector<Endpoint> endpoints() const;

  /// Opens further ports on an endpoint; all or none. Returns the endpoint's whole list. Errors as reserve.
  [[nodiscard]] Result<std::vector<PublishedPort>> publish(const WorkloadId& workload, std::string_view network,
                                                           std::span<const PortSpec> ports);
  /// Closes ports. Those that are not open are passed over.
  [[nodiscard]] Result<> unpublish(const WorkloadId& workload, std::string_view network, std::span<const PublishedPort> ports);
  /// Service names resolve to ready endpoints only.
  void set_ready(const WorkloadId& workload, bool ready);
  /// Replaces an endpoint's names and services. Error: not_found.
  [[nodiscard]] Result<> set_names(const WorkloadId& workload, std::string_view network, std::vector<std::string> names,
                                   std::vector<std::string> services);
  /// Counters of every plugged endpoint of the workload. Error: not_found when it has no endpoint.
  [[nodiscard]] Result<std::vector<EndpointStats>> stats(const WorkloadId& workload) const;

  /// Makes the kernel equal to the records, in one nftables transaction, and forgets everything else: call once after open() with all
  /// that the store knows, and whenever in doubt. Idempotent. Running workloads do not notice.
  [[nodiscard]] Result<ReconcileReport> reconcile(std::span<const Network> networks, std::span<const Endpoint> endpoints);
  /// Removes every link and rule of this instance from the kernel (uninstall).
  [[nodiscard]] Result<> purge();

 private:
  struct Impl;
  explicit Manager(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace fulcrum::network
