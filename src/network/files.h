// The files that tell a container's C library about names: resolv.conf, hosts, hostname.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "network/network.h"

namespace fulcrum::network {

/// What a container's /etc/resolv.conf says. Lists that are set replace what is derived.
struct ResolvConfig {
  std::vector<std::string> servers;  ///< addresses; set: used instead of the network's own name server
  std::vector<std::string> search;
  std::vector<std::string> options;  ///< "ndots:2"
};

/// The content of /etc/resolv.conf for a workload on these endpoints: name servers are the gateways of networks with dns = true.
/// Without any (mode none) only what `config` says. Errors: invalid_argument for a server that is no address, a word with white space,
/// more than 3 servers, 6 search domains or 16 options.
[[nodiscard]] Result<std::string> resolv_conf(const ResolvConfig& config, const std::vector<Network>& networks);
/// The same for mode host: the host's file with `config` laid over it. Loopback servers are kept, they are reachable there.
[[nodiscard]] Result<std::string> resolv_conf_of_host(const ResolvConfig& config, std::string_view host_file);

/// The content of /etc/hosts: localhost, the workload's own addresses, and `extra` pairs {name, address}, where the address
/// "host-gateway" stands for the gateway of the first endpoint's network. Errors: invalid_argument (names the pair).
[[nodiscard]] Result<std::string> hosts_file(std::string_view hostname, const std::vector<Endpoint>& endpoints,
                                             const std::vector<Network>& networks,
                                             const std::vector<std::pair<std::string, std::string>>& extra);

}  // namespace fulcrum::network
