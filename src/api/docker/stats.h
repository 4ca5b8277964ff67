// Counters of a container: GET /containers/{id}/stats.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "schema/schema.h"

namespace fulcrum::api::docker {

/// Go's zero time: no sample was taken.
inline constexpr std::string_view kNoTime = "0001-01-01T00:00:00Z";

struct CpuUsage {
  std::uint64_t total_usage = 0;  ///< nanoseconds, as all times here
  std::vector<std::uint64_t> percpu_usage;
  std::uint64_t usage_in_kernelmode = 0;
  std::uint64_t usage_in_usermode = 0;
  friend bool operator==(const CpuUsage&, const CpuUsage&) = default;
};

struct ThrottlingData {
  std::uint64_t periods = 0;
  std::uint64_t throttled_periods = 0;
  std::uint64_t throttled_time = 0;
  friend bool operator==(const ThrottlingData&, const ThrottlingData&) = default;
};

struct CpuStats {
  CpuUsage cpu_usage;
  std::uint64_t system_cpu_usage = 0;  ///< of the whole machine
  std::uint32_t online_cpus = 0;
  ThrottlingData throttling_data;
  friend bool operator==(const CpuStats&, const CpuStats&) = default;
};

struct MemoryStats {
  std::uint64_t usage = 0;
  std::uint64_t max_usage = 0;
  std::map<std::string, std::uint64_t> stats;  ///< memory.stat, in the words of the host's cgroup version
  std::uint64_t failcnt = 0;
  std::uint64_t limit = 0;
  friend bool operator==(const MemoryStats&, const MemoryStats&) = default;
};

struct BlkioEntry {
  std::uint64_t major = 0;
  std::uint64_t minor = 0;
  std::string op;
  std::uint64_t value = 0;
  friend bool operator==(const BlkioEntry&, const BlkioEntry&) = default;
};

/// Lists that this engine does not fill are null, as on every host with cgroup v2.
struct BlkioStats {
  std::optional<std::vector<BlkioEntry>> service_bytes;
  std::optional<std::vector<BlkioEntry>> serviced;
  std::optional<std::vector<BlkioEntry>> queued, service_time, wait_time, merged, time, sectors;
  friend bool operator==(const BlkioStats&, const BlkioStats&) = default;
};

struct NetworkStats {
  std::uint64_t rx_bytes = 0, rx_packets = 0, rx_errors = 0, rx_dropped = 0;
  std::uint64_t tx_bytes = 0, tx_packets = 0, tx_errors = 0, tx_dropped = 0;
  friend bool operator==(const NetworkStats&, const NetworkStats&) = default;
};

struct PidsStats {
  std::uint64_t current = 0;
  std::uint64_t limit = 0;  ///< 0: none
  friend bool operator==(const PidsStats&, const PidsStats&) = default;
};

struct ContainerStats {
  std::string id;
  std::string name;
  std::string os_type = "linux";
  std::string read{kNoTime};
  CpuStats cpu_stats;
  MemoryStats memory_stats;
  std::map<std::string, NetworkStats> networks;  ///< by interface
  PidsStats pids_stats;
  BlkioStats blkio_stats;
  std::uint32_t num_procs = 0;
  std::map<std::string, std::uint64_t> storage_stats;  ///< Windows only
  std::string preread{kNoTime};
  CpuStats precpu_stats;
  friend bool operator==(const ContainerStats&, const ContainerStats&) = default;
};

/// Answer of GET /containers/{id}/top.
struct TopResponse {
  std::vector<std::string> titles;
  std::vector<std::vector<std::string>> processes;
  friend bool operator==(const TopResponse&, const TopResponse&) = default;
};

}  // namespace fulcrum::api::docker
