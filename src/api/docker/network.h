// Networks, as the Engine API says them.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "api/docker/endpoint.h"

namespace fulcrum::api::docker {

using Words = std::map<std::string, std::string>;

struct IpamConfig {
  std::string subnet;
  std::string ip_range;
  std::string gateway;
  std::optional<Words> auxiliary_addresses;
  friend bool operator==(const IpamConfig&, const IpamConfig&) = default;
};
struct Ipam {
  std::string driver;
  std::optional<Words> options;
  std::vector<IpamConfig> config;
  friend bool operator==(const Ipam&, const Ipam&) = default;
};

struct ConfigReference {
  std::string network;
  friend bool operator==(const ConfigReference&, const ConfigReference&) = default;
};

/// A container as a network shows it.
struct EndpointResource {
  std::string name;
  std::string endpoint_id;
  std::string mac_address;
  std::string ipv4_address;  ///< with prefix length
  std::string ipv6_address;
  friend bool operator==(const EndpointResource&, const EndpointResource&) = default;
};

struct NetworkResource {
  std::string name;
  std::string id;
  std::string created;
  std::string scope = "local";
  std::string driver;
  bool enable_ipv6 = false;
  Ipam ipam;
  bool internal = false;
  bool attachable = false;
  bool ingress = false;
  ConfigReference config_from;
  bool config_only = false;
  std::map<std::string, EndpointResource> containers;  ///< by ID
  Words options;
  Words labels;
  friend bool operator==(const NetworkResource&, const NetworkResource&) = default;
};

struct NetworkCreate {
  std::string name;
  bool check_duplicate = false;
  std::string driver;
  std::string scope;
  std::optional<bool> enable_ipv4;
  std::optional<bool> enable_ipv6;
  std::optional<Ipam> ipam;
  bool internal = false;
  bool attachable = false;
  bool ingress = false;
  bool config_only = false;
  std::optional<ConfigReference> config_from;
  std::optional<Words> options;
  std::optional<Words> labels;
  friend bool operator==(const NetworkCreate&, const NetworkCreate&) = default;
};
struct NetworkCreated {
  std::string id;
  std::string warning;
  friend bool operator==(const NetworkCreated&, const NetworkCreated&) = default;
};

struct NetworkConnect {
  std::string container;
  std::optional<EndpointSettings> endpoint_config;
  friend bool operator==(const NetworkConnect&, const NetworkConnect&) = default;
};
struct NetworkDisconnect {
  std::string container;
  bool force = false;
  friend bool operator==(const NetworkDisconnect&, const NetworkDisconnect&) = default;
};

struct NetworksPruned {
  std::vector<std::string> networks_deleted;
  friend bool operator==(const NetworksPruned&, const NetworksPruned&) = default;
};

}  // namespace fulcrum::api::docker
