// What a cgroup has used: one struct for v1 and v2.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace fulcrum {

/// Pressure stall information of one resource: shares of time (percent) in the last 10, 60, 300 seconds, and microseconds in all.
struct PressureLine {
  double avg10 = 0, avg60 = 0, avg300 = 0;
  std::uint64_t total_usec = 0;
};
struct Pressure {
  PressureLine some, full;
};

/// Counters of one block device.
struct BlockDeviceStats {
  std::uint64_t major = 0, minor = 0;
  std::uint64_t read_bytes = 0, write_bytes = 0, discard_bytes = 0;
  std::uint64_t read_ops = 0, write_ops = 0, discard_ops = 0;
};

/// One huge page size.
struct HugetlbStats {
  std::uint64_t usage = 0, max_usage = 0, failures = 0;
};

struct RdmaStats {
  std::uint64_t hca_handles = 0, hca_objects = 0;
};

/// A snapshot. Unset: the controller is not there, or the kernel does not say. Bytes and nanoseconds.
struct CgroupStats {
  struct Memory {
    std::uint64_t usage = 0;
    std::uint64_t peak = 0;              ///< 0 when the kernel does not keep it (v2 before 5.19)
    std::optional<std::uint64_t> limit;  ///< unset: none
    std::uint64_t failures = 0;          ///< times the limit was hit
    std::uint64_t oom_kills = 0;
    std::uint64_t cache = 0, rss = 0, mapped_file = 0, inactive_file = 0;
    std::optional<std::uint64_t> swap_usage;  ///< memory plus swap on v1, swap alone on v2: see swap_is_total
    std::optional<std::uint64_t> swap_limit;
    bool swap_is_total = false;
    std::optional<std::uint64_t> kernel_usage, kernel_limit, kernel_tcp_usage, kernel_tcp_limit;
    std::uint64_t kernel_peak = 0, kernel_tcp_peak = 0, swap_peak = 0;
    std::uint64_t kernel_failures = 0, kernel_tcp_failures = 0, swap_failures = 0;
    std::map<std::string, std::uint64_t> raw;  ///< memory.stat as it is
  };
  struct Cpu {
    std::uint64_t usage_ns = 0, user_ns = 0, system_ns = 0;
    std::uint64_t periods = 0, throttled_periods = 0, throttled_ns = 0, bursts = 0, burst_ns = 0;
    std::vector<std::uint64_t> per_cpu_ns;  ///< v1 only
  };
  struct Pids {
    std::uint64_t current = 0;
    std::optional<std::uint64_t> limit;  ///< unset: none
  };
  std::optional<Memory> memory;
  std::optional<Cpu> cpu;
  std::optional<Pids> pids;
  std::vector<BlockDeviceStats> io;
  std::map<std::string, HugetlbStats> hugetlb;  ///< by page size, "2MB"
  std::map<std::string, RdmaStats> rdma;
  std::optional<Pressure> cpu_pressure, memory_pressure, io_pressure;
};

}  // namespace fulcrum
