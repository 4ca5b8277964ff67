// One container of GET /containers/json.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "api/docker/endpoint.h"
#include "api/docker/mount_point.h"

namespace fulcrum::api::docker {

struct Port {
  std::string ip;
  std::uint16_t private_port = 0;
  std::uint16_t public_port = 0;  ///< 0: not published
  std::string type = "tcp";
  friend auto operator<=>(const Port&, const Port&) = default;
};

struct SummaryHostConfig {
  std::string network_mode;
  std::map<std::string, std::string> annotations;  ///< from 1.46
  friend bool operator==(const SummaryHostConfig&, const SummaryHostConfig&) = default;
};

struct SummaryNetworkSettings {
  std::map<std::string, EndpointSettings> networks;
  friend bool operator==(const SummaryNetworkSettings&, const SummaryNetworkSettings&) = default;
};

struct ContainerSummary {
  std::string id;
  std::vector<std::string> names;
  std::string image;
  std::string image_id;
  std::string command;
  std::int64_t created = 0;  ///< seconds since the epoch
  std::vector<Port> ports;
  std::optional<std::int64_t> size_rw;
  std::optional<std::int64_t> size_root_fs;
  std::map<std::string, std::string> labels;
  std::string state;
  std::string status;
  SummaryHostConfig host_config;
  SummaryNetworkSettings network_settings;
  std::vector<MountPoint> mounts;
  friend bool operator==(const ContainerSummary&, const ContainerSummary&) = default;
};

}  // namespace fulcrum::api::docker
