// How `linux.resources` travels.
#pragma once

#include "api/oci/resources.h"
#include "schema/schema.h"

namespace fulcrum::schema {

template <>
struct Schema<oci::DeviceRule> {
  static constexpr std::string_view name = "DeviceRule";
  static constexpr std::string_view doc = "One rule of the device cgroup.";
  static constexpr auto fields = std::tuple{
      always("allow", &oci::DeviceRule::allow, "Allow or deny."),
      optional("type", &oci::DeviceRule::type, "a, b or c."),
      optional("major", &oci::DeviceRule::major, "Major number; -1 for all."),
      optional("minor", &oci::DeviceRule::minor, "Minor number; -1 for all."),
      optional("access", &oci::DeviceRule::access, "Of r, w, m."),
  };
};

template <>
struct Schema<oci::MemoryLimits> {
  static constexpr std::string_view name = "MemoryLimits";
  static constexpr std::string_view doc = "Memory limits in bytes.";
  static constexpr auto fields = std::tuple{
      optional("limit", &oci::MemoryLimits::limit, "Hard limit."),
      optional("reservation", &oci::MemoryLimits::reservation, "Soft limit."),
      optional("swap", &oci::MemoryLimits::swap, "Memory plus swap."),
      optional("kernel", &oci::MemoryLimits::kernel, "Kernel memory (obsolete)."),
      optional("kernelTCP", &oci::MemoryLimits::kernel_tcp, "Kernel memory of TCP buffers."),
      optional("swappiness", &oci::MemoryLimits::swappiness, "0-100."),
      optional("disableOOMKiller", &oci::MemoryLimits::disable_oom_killer, "Pause instead of killing."),
      optional("useHierarchy", &oci::MemoryLimits::use_hierarchy, "Hierarchical accounting."),
      optional("checkBeforeUpdate", &oci::MemoryLimits::check_before_update, "Refuse a limit below the usage."),
  };
};

template <>
struct Schema<oci::CpuLimits> {
  static constexpr std::string_view name = "CpuLimits";
  static constexpr std::string_view doc = "CPU shares, bandwidth (microseconds) and placement.";
  static constexpr auto fields = std::tuple{
      optional("shares", &oci::CpuLimits::shares, "Relative weight."),
      optional("quota", &oci::CpuLimits::quota, "Microseconds in a period."),
      optional("burst", &oci::CpuLimits::burst, "Microseconds that may be saved up."),
      optional("period", &oci::CpuLimits::period, "Microseconds."),
      optional("realtimeRuntime", &oci::CpuLimits::realtime_runtime, "Real-time microseconds in a period."),
      optional("realtimePeriod", &oci::CpuLimits::realtime_period, "Real-time period."),
      optional("cpus", &oci::CpuLimits::cpus, "CPU list."),
      optional("mems", &oci::CpuLimits::mems, "Memory node list."),
      optional("idle", &oci::CpuLimits::idle, "1: SCHED_IDLE for the whole cgroup."),
  };
};

template <>
struct Schema<oci::PidsLimits> {
  static constexpr std::string_view name = "PidsLimits";
  static constexpr std::string_view doc = "Number of tasks.";
  static constexpr auto fields = std::tuple{optional("limit", &oci::PidsLimits::limit, "Most tasks.")};
};

template <>
struct Schema<oci::WeightDevice> {
  static constexpr std::string_view name = "WeightDevice";
  static constexpr std::string_view doc = "I/O weight of one device.";
  static constexpr auto fields = std::tuple{
      always("major", &oci::WeightDevice::major, "Major number."),
      always("minor", &oci::WeightDevice::minor, "Minor number."),
      optional("weight", &oci::WeightDevice::weight, "10-1000."),
      optional("leafWeight", &oci::WeightDevice::leaf_weight, "10-1000."),
  };
};

template <>
struct Schema<oci::ThrottleDevice> {
  static constexpr std::string_view name = "ThrottleDevice";
  static constexpr std::string_view doc = "I/O rate of one device.";
  static constexpr auto fields = std::tuple{
      always("major", &oci::ThrottleDevice::major, "Major number."),
      always("minor", &oci::ThrottleDevice::minor, "Minor number."),
      always("rate", &oci::ThrottleDevice::rate, "Bytes or operations per second."),
  };
};

template <>
struct Schema<oci::BlockIoLimits> {
  static constexpr std::string_view name = "BlockIoLimits";
  static constexpr std::string_view doc = "Block I/O weights and rates.";
  static constexpr auto fields = std::tuple{
      optional("weight", &oci::BlockIoLimits::weight, "10-1000."),
      optional("leafWeight", &oci::BlockIoLimits::leaf_weight, "10-1000."),
      optional("weightDevice", &oci::BlockIoLimits::weight_device, "Weights by device."),
      optional("throttleReadBpsDevice", &oci::BlockIoLimits::throttle_read_bps_device, "Read bytes per second."),
      optional("throttleWriteBpsDevice", &oci::BlockIoLimits::throttle_write_bps_device, "Written bytes per second."),
      optional("throttleReadIOPSDevice", &oci::BlockIoLimits::throttle_read_iops_device, "Reads per second."),
      optional("throttleWriteIOPSDevice", &oci::BlockIoLimits::throttle_write_iops_device, "Writes per second."),
  };
};

template <>
struct Schema<oci::HugepageLimit> {
  static constexpr std::string_view name = "HugepageLimit";
  static constexpr std::string_view doc = "Limit of one huge page size.";
  static constexpr auto fields = std::tuple{
      required("pageSize", &oci::HugepageLimit::page_size, "2MB and so on."),
      always("limit", &oci::HugepageLimit::limit, "Bytes."),
  };
};

template <>
struct Schema<oci::InterfacePriority> {
  static constexpr std::string_view name = "InterfacePriority";
  static constexpr std::string_view doc = "Priority of traffic through one interface.";
  static constexpr auto fields = std::tuple{
      required("name", &oci::InterfacePriority::name, "Interface."),
      always("priority", &oci::InterfacePriority::priority, "Priority."),
  };
};

template <>
struct Schema<oci::NetworkLimits> {
  static constexpr std::string_view name = "NetworkLimits";
  static constexpr std::string_view doc = "Network class and priorities (cgroup v1).";
  static constexpr auto fields = std::tuple{
      optional("classID", &oci::NetworkLimits::class_id, "Traffic class."),
      optional("priorities", &oci::NetworkLimits::priorities, "Priorities by interface."),
  };
};

template <>
struct Schema<oci::RdmaLimits> {
  static constexpr std::string_view name = "RdmaLimits";
  static constexpr std::string_view doc = "Limits of one RDMA device.";
  static constexpr auto fields = std::tuple{
      optional("hcaHandles", &oci::RdmaLimits::hca_handles, "Handles."),
      optional("hcaObjects", &oci::RdmaLimits::hca_objects, "Objects."),
  };
};

template <>
struct Schema<oci::Resources> {
  static constexpr std::string_view name = "Resources";
  static constexpr std::string_view doc = "Limits of the container's cgroup.";
  static constexpr auto fields = std::tuple{
      optional("devices", &oci::Resources::devices, "Device rules, in order."),
      optional("memory", &oci::Resources::memory, "Memory."),
      optional("cpu", &oci::Resources::cpu, "CPU."),
      optional("pids", &oci::Resources::pids, "Tasks."),
      optional("blockIO", &oci::Resources::block_io, "Block I/O."),
      optional("hugepageLimits", &oci::Resources::hugepage_limits, "Huge pages."),
      optional("network", &oci::Resources::network, "Network."),
      optional("rdma", &oci::Resources::rdma, "RDMA, by device."),
      optional("unified", &oci::Resources::unified, "cgroup v2 files."),
  };
};

}  // namespace fulcrum::schema
