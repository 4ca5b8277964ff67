// How counters travel.
#pragma once

#include "api/docker/stats.h"

namespace fulcrum::schema {

template <>
struct Schema<api::docker::CpuUsage> {
  using T = api::docker::CpuUsage;
  static constexpr std::string_view name = "CPUUsage";
  static constexpr std::string_view doc = "CPU time.";
  static constexpr auto fields = std::tuple{always("total_usage", &T::total_usage, "In all."),
                                            optional("percpu_usage", &T::percpu_usage, "On each CPU; cgroup v1 only."),
                                            always("usage_in_kernelmode", &T::usage_in_kernelmode, "In the kernel."),
                                            always("usage_in_usermode", &T::usage_in_usermode, "In programs.")};
};

template <>
struct Schema<api::docker::ThrottlingData> {
  using T = api::docker::ThrottlingData;
  static constexpr std::string_view name = "ThrottlingData";
  static constexpr std::string_view doc = "What the CPU limit did.";
  static constexpr auto fields = std::tuple{always("periods", &T::periods, "Periods."),
                                            always("throttled_periods", &T::throttled_periods, "Periods in which the limit was hit."),
                                            always("throttled_time", &T::throttled_time, "Time that was waited.")};
};

template <>
struct Schema<api::docker::CpuStats> {
  using T = api::docker::CpuStats;
  static constexpr std::string_view name = "CPUStats";
  static constexpr std::string_view doc = "CPU.";
  static constexpr auto fields = std::tuple{
      always("cpu_usage", &T::cpu_usage, "Of the container."), optional("system_cpu_usage", &T::system_cpu_usage, "Of the machine."),
      optional("online_cpus", &T::online_cpus, "CPUs of the machine."), always("throttling_data", &T::throttling_data, "Throttling.")};
};

template <>
struct Schema<api::docker::MemoryStats> {
  using T = api::docker::MemoryStats;
  static constexpr std::string_view name = "MemoryStats";
  static constexpr std::string_view doc = "Memory, in bytes.";
  static constexpr auto fields =
      std::tuple{optional("usage", &T::usage, "Charged, page cache included."), optional("max_usage", &T::max_usage, "The most ever."),
                 optional("stats", &T::stats, "memory.stat."), optional("failcnt", &T::failcnt, "Times that the limit was hit."),
                 optional("limit", &T::limit, "The limit, or the machine's memory.")};
};

template <>
struct Schema<api::docker::BlkioEntry> {
  using T = api::docker::BlkioEntry;
  static constexpr std::string_view name = "BlkioStatEntry";
  static constexpr std::string_view doc = "One counter of one device.";
  static constexpr auto fields = std::tuple{always("major", &T::major, "Device."), always("minor", &T::minor, "Device."),
                                            always("op", &T::op, "read or write."), always("value", &T::value, "The counter.")};
};

template <>
struct Schema<api::docker::BlkioStats> {
  using T = api::docker::BlkioStats;
  static constexpr std::string_view name = "BlkioStats";
  static constexpr std::string_view doc = "Block devices.";
  static constexpr auto fields = std::tuple{always("io_service_bytes_recursive", &T::service_bytes, "Bytes."),
                                            always("io_serviced_recursive", &T::serviced, "Operations."),
                                            always("io_queue_recursive", &T::queued, "Not told."),
                                            always("io_service_time_recursive", &T::service_time, "Not told."),
                                            always("io_wait_time_recursive", &T::wait_time, "Not told."),
                                            always("io_merged_recursive", &T::merged, "Not told."),
                                            always("io_time_recursive", &T::time, "Not told."),
                                            always("sectors_recursive", &T::sectors, "Not told.")};
};

template <>
struct Schema<api::docker::NetworkStats> {
  using T = api::docker::NetworkStats;
  static constexpr std::string_view name = "NetworkStats";
  static constexpr std::string_view doc = "One interface.";
  static constexpr auto fields = std::tuple{
      always("rx_bytes", &T::rx_bytes, "Bytes in."),  always("rx_packets", &T::rx_packets, "Packets in."),
      always("rx_errors", &T::rx_errors, "Errors."),  always("rx_dropped", &T::rx_dropped, "Dropped."),
      always("tx_bytes", &T::tx_bytes, "Bytes out."), always("tx_packets", &T::tx_packets, "Packets out."),
      always("tx_errors", &T::tx_errors, "Errors."),  always("tx_dropped", &T::tx_dropped, "Dropped."),
  };
};

template <>
struct Schema<api::docker::PidsStats> {
  using T = api::docker::PidsStats;
  static constexpr std::string_view name = "PidsStats";
  static constexpr std::string_view doc = "Processes and threads.";
  static constexpr auto fields =
      std::tuple{optional("current", &T::current, "How many there are."), optional("limit", &T::limit, "How many there may be.")};
};

template <>
struct Schema<api::docker::ContainerStats> {
  using T = api::docker::ContainerStats;
  static constexpr std::string_view name = "ContainerStatsResponse";
  static constexpr std::string_view doc = "One sample; all zero when the container does not run.";
  static constexpr auto fields = std::tuple{
      always("id", &T::id, "ID."),
      always("name", &T::name, "Name, with a slash before it."),
      always("os_type", &T::os_type, "linux."),
      always("read", &T::read, "When the sample was taken."),
      always("cpu_stats", &T::cpu_stats, "CPU."),
      always("memory_stats", &T::memory_stats, "Memory."),
      optional("networks", &T::networks, "By interface."),
      always("pids_stats", &T::pids_stats, "Processes."),
      always("blkio_stats", &T::blkio_stats, "Block devices."),
      always("num_procs", &T::num_procs, "Windows only."),
      always("storage_stats", &T::storage_stats, "Windows only."),
      always("preread", &T::preread, "When the sample before was taken."),
      always("precpu_stats", &T::precpu_stats, "CPU of the sample before."),
  };
};

template <>
struct Schema<api::docker::TopResponse> {
  using T = api::docker::TopResponse;
  static constexpr std::string_view name = "ContainerTopResponse";
  static constexpr std::string_view doc = "The processes of a container.";
  static constexpr auto fields =
      std::tuple{always("Titles", &T::titles, "Columns."), always("Processes", &T::processes, "One row for each process.")};
};

}  // namespace fulcrum::schema
