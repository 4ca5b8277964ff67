// OCI runtime specification, `linux.resources`: cgroup limits.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace fulcrum::oci {

/// `devices[]`: one allow or deny rule. Unset or -1 numbers match any device.
struct DeviceRule {
  bool allow = false;
  std::string type;  ///< "a" (all), "b", "c"; empty means "a"
  std::optional<std::int64_t> major;
  std::optional<std::int64_t> minor;
  std::string access;  ///< of "rwm"; empty means all
  friend bool operator==(const DeviceRule&, const DeviceRule&) = default;
};

/// `memory`, bytes. -1 means no limit. `swap` is memory plus swap, as in cgroup v1.
struct MemoryLimits {
  std::optional<std::int64_t> limit;
  std::optional<std::int64_t> reservation;
  std::optional<std::int64_t> swap;
  std::optional<std::int64_t> kernel;
  std::optional<std::int64_t> kernel_tcp;
  std::optional<std::uint64_t> swappiness;
  std::optional<bool> disable_oom_killer;
  std::optional<bool> use_hierarchy;
  std::optional<bool> check_before_update;  ///< refuse a limit below the current usage
  friend bool operator==(const MemoryLimits&, const MemoryLimits&) = default;
};

/// `cpu`. Times are microseconds.
struct CpuLimits {
  std::optional<std::uint64_t> shares;
  std::optional<std::int64_t> quota;  ///< -1: none
  std::optional<std::uint64_t> burst;
  std::optional<std::uint64_t> period;
  std::optional<std::int64_t> realtime_runtime;
  std::optional<std::uint64_t> realtime_period;
  std::string cpus;  ///< list, "0-3,7"
  std::string mems;
  std::optional<std::int64_t> idle;
  friend bool operator==(const CpuLimits&, const CpuLimits&) = default;
};

/// `pids`. 0 or less means no limit.
struct PidsLimits {
  std::optional<std::int64_t> limit;
  friend bool operator==(const PidsLimits&, const PidsLimits&) = default;
};

/// `blockIO.weightDevice[]`.
struct WeightDevice {
  std::int64_t major = 0;
  std::int64_t minor = 0;
  std::optional<std::uint16_t> weight;
  std::optional<std::uint16_t> leaf_weight;
  friend bool operator==(const WeightDevice&, const WeightDevice&) = default;
};

/// `blockIO.throttle*Device[]`: bytes or operations per second.
struct ThrottleDevice {
  std::int64_t major = 0;
  std::int64_t minor = 0;
  std::uint64_t rate = 0;
  friend bool operator==(const ThrottleDevice&, const ThrottleDevice&) = default;
};

/// `blockIO`. Weights 10–1000.
struct BlockIoLimits {
  std::optional<std::uint16_t> weight;
  std::optional<std::uint16_t> leaf_weight;
  std::vector<WeightDevice> weight_device;
  std::vector<ThrottleDevice> throttle_read_bps_device;
  std::vector<ThrottleDevice> throttle_write_bps_device;
  std::vector<ThrottleDevice> throttle_read_iops_device;
  std::vector<ThrottleDevice> throttle_write_iops_device;
  friend bool operator==(const BlockIoLimits&, const BlockIoLimits&) = default;
};

/// `hugepageLimits[]`: `page_size` as "2MB", bytes.
struct HugepageLimit {
  std::string page_size;
  std::uint64_t limit = 0;
  friend bool operator==(const HugepageLimit&, const HugepageLimit&) = default;
};

/// `network.priorities[]`.
struct InterfacePriority {
  std::string name;
  std::uint32_t priority = 0;
  friend bool operator==(const InterfacePriority&, const InterfacePriority&) = default;
};

/// `network`: cgroup v1 net_cls and net_prio.
struct NetworkLimits {
  std::optional<std::uint32_t> class_id;
  std::vector<InterfacePriority> priorities;
  friend bool operator==(const NetworkLimits&, const NetworkLimits&) = default;
};

/// `rdma.<device>`.
struct RdmaLimits {
  std::optional<std::uint32_t> hca_handles;
  std::optional<std::uint32_t> hca_objects;
  friend bool operator==(const RdmaLimits&, const RdmaLimits&) = default;
};

/// `linux.resources`; also what `update --resources` reads.
struct Resources {
  std::vector<DeviceRule> devices;
  std::optional<MemoryLimits> memory;
  std::optional<CpuLimits> cpu;
  std::optional<PidsLimits> pids;
  std::optional<BlockIoLimits> block_io;
  std::vector<HugepageLimit> hugepage_limits;
  std::optional<NetworkLimits> network;
  std::map<std::string, RdmaLimits> rdma;
  std::map<std::string, std::string> unified;  ///< cgroup v2 files, written as they are
  friend bool operator==(const Resources&, const Resources&) = default;
};

}  // namespace fulcrum::oci
