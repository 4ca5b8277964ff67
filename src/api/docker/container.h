// Bodies of create, and the answers of create, inspect and update.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "api/docker/container_config.h"
#include "api/docker/endpoint.h"
#include "api/docker/host_config.h"
#include "api/docker/mount_point.h"

namespace fulcrum::api::docker {

/// Body of POST /containers/create.
struct CreateBody {
  ContainerConfig config;
  HostConfig host_config;
  NetworkingConfig networking_config;
  friend bool operator==(const CreateBody&, const CreateBody&) = default;
};

struct CreateAnswer {
  std::string id;
  std::vector<std::string> warnings;
};

struct UpdateAnswer {
  std::vector<std::string> warnings;
};

struct HealthcheckResult {
  std::string start;
  std::string end;
  std::int64_t exit_code = 0;
  std::string output;
  friend bool operator==(const HealthcheckResult&, const HealthcheckResult&) = default;
};

struct HealthState {
  std::string status;
  std::int64_t failing_streak = 0;
  std::vector<HealthcheckResult> log;
  friend bool operator==(const HealthState&, const HealthState&) = default;
};

struct ContainerState {
  std::string status;
  bool running = false;
  bool paused = false;
  bool restarting = false;
  bool oom_killed = false;
  bool dead = false;
  std::int64_t pid = 0;
  std::int64_t exit_code = 0;
  std::string error;
  std::string started_at;
  std::string finished_at;
  std::optional<HealthState> health;
  friend bool operator==(const ContainerState&, const ContainerState&) = default;
};

/// Where the root file system lies.
struct GraphDriver {
  std::map<std::string, std::string> data;
  std::string name;
  friend bool operator==(const GraphDriver&, const GraphDriver&) = default;
};

/// The members that repeat the default network's are older than networks; clients still read them.
struct NetworkSettings {
  std::string bridge;
  std::string sandbox_id;
  std::string sandbox_key;
  PortMap ports;
  bool hairpin_mode = false;
  std::string link_local_ipv6_address;
  std::int64_t link_local_ipv6_prefix_len = 0;
  std::optional<std::vector<std::string>> secondary_ip_addresses;
  std::optional<std::vector<std::string>> secondary_ipv6_addresses;
  std::string endpoint_id;
  std::string gateway;
  std::string global_ipv6_address;
  std::int64_t global_ipv6_prefix_len = 0;
  std::string ip_address;
  std::int64_t ip_prefix_len = 0;
  std::string ipv6_gateway;
  std::string mac_address;
  std::map<std::string, EndpointSettings> networks;
  friend bool operator==(const NetworkSettings&, const NetworkSettings&) = default;
};

/// Answer of GET /containers/{id}/json.
struct ContainerInspect {
  std::string id;
  std::string created;
  std::string path;
  std::vector<std::string> args;
  ContainerState state;
  std::string image;
  std::string resolv_conf_path;
  std::string hostname_path;
  std::string hosts_path;
  std::string log_path;
  std::string name;
  std::int64_t restart_count = 0;
  std::string driver;
  std::string platform;
  std::string mount_label;
  std::string process_label;
  std::string app_armor_profile;
  std::optional<std::vector<std::string>> exec_ids;
  HostConfig host_config;
  GraphDriver graph_driver;
  std::optional<std::int64_t> size_rw;
  std::optional<std::int64_t> size_root_fs;
  std::vector<MountPoint> mounts;
  ContainerConfig config;
  NetworkSettings network_settings;
  friend bool operator==(const ContainerInspect&, const ContainerInspect&) = default;
};

}  // namespace fulcrum::api::docker
