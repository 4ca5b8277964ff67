// A container's place in a network, as the Engine API says it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace fulcrum::api::docker {

/// Wishes for addresses.
struct EndpointIpamConfig {
  std::string ipv4_address;
  std::string ipv6_address;
  std::vector<std::string> link_local_ips;
  friend bool operator==(const EndpointIpamConfig&, const EndpointIpamConfig&) = default;
};

/// Wishes (create, connect) and what became of them (inspect).
struct EndpointSettings {
  std::optional<EndpointIpamConfig> ipam_config;
  std::optional<std::vector<std::string>> links;
  std::optional<std::vector<std::string>> aliases;
  std::string mac_address;
  std::optional<std::map<std::string, std::string>> driver_opts;
  std::int64_t gw_priority = 0;  ///< from 1.48
  std::string network_id;
  std::string endpoint_id;
  std::string gateway;
  std::string ip_address;
  std::int64_t ip_prefix_len = 0;
  std::string ipv6_gateway;
  std::string global_ipv6_address;
  std::int64_t global_ipv6_prefix_len = 0;
  std::optional<std::vector<std::string>> dns_names;
  friend bool operator==(const EndpointSettings&, const EndpointSettings&) = default;
};

struct NetworkingConfig {
  std::map<std::string, std::optional<EndpointSettings>> endpoints_config;
  friend bool operator==(const NetworkingConfig&, const NetworkingConfig&) = default;
};

}  // namespace fulcrum::api::docker
