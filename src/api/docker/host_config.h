// What a container gets of its host, as the Engine API says it: HostConfig of create and inspect, and the body of update.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace fulcrum::api::docker {

struct WeightDevice {
  std::string path;
  std::uint16_t weight = 0;
  friend bool operator==(const WeightDevice&, const WeightDevice&) = default;
};

struct ThrottleDevice {
  std::string path;
  std::uint64_t rate = 0;
  friend bool operator==(const ThrottleDevice&, const ThrottleDevice&) = default;
};

struct DeviceMapping {
  std::string path_on_host;
  std::string path_in_container;
  std::string cgroup_permissions;
  friend bool operator==(const DeviceMapping&, const DeviceMapping&) = default;
};

struct DeviceRequest {
  std::string driver;
  std::int64_t count = 0;
  std::vector<std::string> device_ids;
  std::vector<std::vector<std::string>> capabilities;
  std::map<std::string, std::string> options;
  friend bool operator==(const DeviceRequest&, const DeviceRequest&) = default;
};

struct Ulimit {
  std::string name;
  std::int64_t soft = 0;
  std::int64_t hard = 0;
  friend bool operator==(const Ulimit&, const Ulimit&) = default;
};

/// Limits. 0 and the empty string: none.
struct Resources {
  std::int64_t cpu_shares = 0;
  std::int64_t memory = 0;
  std::int64_t nano_cpus = 0;
  std::string cgroup_parent;
  std::uint16_t blkio_weight = 0;
  std::vector<WeightDevice> blkio_weight_device;
  std::vector<ThrottleDevice> blkio_device_read_bps;
  std::vector<ThrottleDevice> blkio_device_write_bps;
  std::vector<ThrottleDevice> blkio_device_read_iops;
  std::vector<ThrottleDevice> blkio_device_write_iops;
  std::int64_t cpu_period = 0;
  std::int64_t cpu_quota = 0;
  std::int64_t cpu_realtime_period = 0;
  std::int64_t cpu_realtime_runtime = 0;
  std::string cpuset_cpus;
  std::string cpuset_mems;
  std::vector<DeviceMapping> devices;
  std::vector<std::string> device_cgroup_rules;
  std::vector<DeviceRequest> device_requests;
  std::int64_t kernel_memory = 0;      ///< before 1.42
  std::int64_t kernel_memory_tcp = 0;  ///< before 1.42
  std::int64_t memory_reservation = 0;
  std::int64_t memory_swap = 0;  ///< memory and swap; -1: unlimited
  std::optional<std::int64_t> memory_swappiness;
  std::optional<bool> oom_kill_disable;
  std::optional<std::int64_t> pids_limit;  ///< 0 and -1: unlimited
  std::vector<Ulimit> ulimits;
  std::int64_t cpu_count = 0;              ///< Windows
  std::int64_t cpu_percent = 0;            ///< Windows
  std::uint64_t io_maximum_iops = 0;       ///< Windows
  std::uint64_t io_maximum_bandwidth = 0;  ///< Windows
  friend bool operator==(const Resources&, const Resources&) = default;
};

struct RestartPolicy {
  std::string name;  ///< empty: no
  std::int64_t maximum_retry_count = 0;
  friend bool operator==(const RestartPolicy&, const RestartPolicy&) = default;
};

struct LogConfig {
  std::string type;  ///< empty: json-file
  std::map<std::string, std::string> config;
  friend bool operator==(const LogConfig&, const LogConfig&) = default;
};

struct PortBinding {
  std::string host_ip;
  std::string host_port;  ///< a number, a range, or empty: chosen
  friend bool operator==(const PortBinding&, const PortBinding&) = default;
};
/// "80/tcp" → where it is published; null: not at all.
using PortMap = std::map<std::string, std::optional<std::vector<PortBinding>>>;

struct BindOptions {
  std::string propagation;
  bool non_recursive = false;
  bool create_mountpoint = false;
  bool read_only_non_recursive = false;
  bool read_only_force_recursive = false;
  friend bool operator==(const BindOptions&, const BindOptions&) = default;
};

struct VolumeDriver {
  std::string name;
  std::map<std::string, std::string> options;
  friend bool operator==(const VolumeDriver&, const VolumeDriver&) = default;
};

struct VolumeOptions {
  bool no_copy = false;
  std::map<std::string, std::string> labels;
  std::optional<VolumeDriver> driver_config;
  std::string subpath;
  friend bool operator==(const VolumeOptions&, const VolumeOptions&) = default;
};

struct TmpfsOptions {
  std::int64_t size_bytes = 0;
  std::uint32_t mode = 0;
  std::vector<std::vector<std::string>> options;  ///< {"exec"}, {"uid", "1000"}
  friend bool operator==(const TmpfsOptions&, const TmpfsOptions&) = default;
};

struct ImageOptions {
  std::string subpath;
  friend bool operator==(const ImageOptions&, const ImageOptions&) = default;
};

struct Mount {
  std::string type;  ///< bind, volume, tmpfs, image
  std::string source;
  std::string target;
  bool read_only = false;
  std::string consistency;  ///< macOS's; means nothing elsewhere
  std::optional<BindOptions> bind_options;
  std::optional<VolumeOptions> volume_options;
  std::optional<TmpfsOptions> tmpfs_options;
  std::optional<ImageOptions> image_options;
  friend bool operator==(const Mount&, const Mount&) = default;
};

struct HostConfig {
  std::vector<std::string> binds;
  std::string container_id_file;
  LogConfig log_config;
  std::string network_mode;
  PortMap port_bindings;
  RestartPolicy restart_policy;
  bool auto_remove = false;
  std::string volume_driver;
  std::vector<std::string> volumes_from;
  std::vector<std::uint32_t> console_size;  ///< height, width
  std::map<std::string, std::string> annotations;
  std::vector<std::string> cap_add;
  std::vector<std::string> cap_drop;
  std::string cgroupns_mode;
  std::vector<std::string> dns;
  std::vector<std::string> dns_options;
  std::vector<std::string> dns_search;
  std::vector<std::string> extra_hosts;
  std::vector<std::string> group_add;
  std::string ipc_mode;
  std::string cgroup;
  std::vector<std::string> links;
  std::int64_t oom_score_adj = 0;
  std::string pid_mode;
  bool privileged = false;
  bool publish_all_ports = false;
  bool readonly_rootfs = false;
  std::vector<std::string> security_opt;
  std::map<std::string, std::string> storage_opt;
  std::map<std::string, std::string> tmpfs;
  std::string uts_mode;
  std::string userns_mode;
  std::int64_t shm_size = 0;
  std::map<std::string, std::string> sysctls;
  std::string runtime;
  std::string isolation;
  Resources resources;
  std::vector<Mount> mounts;
  std::optional<std::vector<std::string>> masked_paths;    ///< absent: the default list
  std::optional<std::vector<std::string>> readonly_paths;  ///< absent: the default list
  std::optional<bool> init;
  friend bool operator==(const HostConfig&, const HostConfig&) = default;
};

/// Body of POST /containers/{id}/update: what is 0, empty or absent stays.
struct UpdateConfig {
  Resources resources;
  RestartPolicy restart_policy;
  friend bool operator==(const UpdateConfig&, const UpdateConfig&) = default;
};

}  // namespace fulcrum::api::docker
