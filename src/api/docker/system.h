// What the Engine API says of the engine itself.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace fulcrum::api::docker {

struct Platform {
  std::string name;
  friend bool operator==(const Platform&, const Platform&) = default;
};

struct ComponentVersion {
  std::string name;
  std::string version;
  std::map<std::string, std::string> details;
  friend bool operator==(const ComponentVersion&, const ComponentVersion&) = default;
};

/// GET /version
struct SystemVersion {
  Platform platform;
  std::vector<ComponentVersion> components;
  std::string version;
  std::string api_version;
  std::string min_api_version;
  std::string git_commit;
  std::string go_version;
  std::string os;
  std::string arch;
  std::string kernel_version;
  bool experimental = false;
  std::string build_time;
};

struct PluginsInfo {
  std::vector<std::string> volume;
  std::vector<std::string> network;
  std::optional<std::vector<std::string>> authorization;
  std::vector<std::string> log;
  friend bool operator==(const PluginsInfo&, const PluginsInfo&) = default;
};

struct IndexInfo {
  std::string name;
  std::vector<std::string> mirrors;
  bool secure = true;
  bool official = false;
  friend bool operator==(const IndexInfo&, const IndexInfo&) = default;
};

struct RegistryServiceConfig {
  std::optional<std::vector<std::string>> allow_nondistributable_cidrs;      ///< long gone; null
  std::optional<std::vector<std::string>> allow_nondistributable_hostnames;  ///< long gone; null
  std::vector<std::string> insecure_cidrs;
  std::map<std::string, IndexInfo> index_configs;
  std::vector<std::string> mirrors;
  friend bool operator==(const RegistryServiceConfig&, const RegistryServiceConfig&) = default;
};

struct Runtime {
  std::string path;
  std::optional<std::map<std::string, std::string>> status;
  friend bool operator==(const Runtime&, const Runtime&) = default;
};

struct Commit {
  std::string id;
  std::string expected;
  friend bool operator==(const Commit&, const Commit&) = default;
};

/// An engine that is in no swarm.
struct SwarmInfo {
  std::string node_id;
  std::string node_addr;
  std::string local_node_state = "inactive";
  bool control_available = false;
  std::string error;
  std::optional<std::vector<std::string>> remote_managers;
  friend bool operator==(const SwarmInfo&, const SwarmInfo&) = default;
};

struct AddressPool {
  std::string base;
  std::int64_t size = 0;
  friend bool operator==(const AddressPool&, const AddressPool&) = default;
};

/// GET /info
struct SystemInfo {
  std::string id;
  std::int64_t containers = 0, containers_running = 0, containers_paused = 0, containers_stopped = 0;
  std::int64_t images = 0;
  std::string driver;
  std::vector<std::vector<std::string>> driver_status;
  PluginsInfo plugins;
  bool memory_limit = false, swap_limit = false, cpu_cfs_period = false, cpu_cfs_quota = false, cpu_shares = false, cpu_set = false,
       pids_limit = false, oom_kill_disable = false, ipv4_forwarding = false, bridge_nf_iptables = false, bridge_nf_ip6tables = false;
  bool debug = false;
  std::int64_t fds = 0, threads = 0;
  std::string system_time;
  std::string logging_driver;
  std::string cgroup_driver;
  std::string cgroup_version;
  std::int64_t events_listeners = 0;
  std::string kernel_version;
  std::string operating_system;
  std::string os_version;
  std::string os_type;
  std::string architecture;
  std::string index_server_address;
  RegistryServiceConfig registry_config;
  std::int64_t cpus = 0;
  std::int64_t memory = 0;
  std::optional<std::vector<std::string>> generic_resources;
  std::string root_dir;
  std::string http_proxy, https_proxy, no_proxy;
  std::string name;
  std::vector<std::string> labels;
  bool experimental_build = false;
  std::string server_version;
  std::map<std::string, Runtime> runtimes;
  std::string default_runtime;
  SwarmInfo swarm;
  bool live_restore_enabled = false;
  std::string isolation;
  std::string init_binary;
  Commit containerd_commit, runc_commit, init_commit;
  std::vector<std::string> security_options;
  std::vector<AddressPool> default_address_pools;
  std::optional<std::vector<std::string>> cdi_spec_dirs;  ///< since 1.44
  std::vector<std::string> warnings;
};

/// Body of POST /auth, and of the X-Registry-Auth header.
struct AuthConfig {
  std::string username, password, auth, email, server_address, identity_token, registry_token;
};

/// Answer of POST /auth.
struct AuthAnswer {
  std::string status;
  std::string identity_token;
};

}  // namespace fulcrum::api::docker
