// How `linux` travels.
#pragma once

#include "api/oci/linux.h"
#include "api/oci/mounts_schema.h"
#include "api/oci/resources_schema.h"
#include "api/oci/seccomp_schema.h"
#include "schema/schema.h"

namespace fulcrum::schema {

template <>
struct Schema<oci::Namespace> {
  static constexpr std::string_view name = "Namespace";
  static constexpr std::string_view doc = "A namespace made or joined.";
  static constexpr auto fields = std::tuple{
      required("type", &oci::Namespace::type, "pid, network, mount, ipc, uts, user, cgroup or time."),
      optional("path", &oci::Namespace::path, "File of the namespace to join."),
  };
};

template <>
struct Schema<oci::Device> {
  static constexpr std::string_view name = "Device";
  static constexpr std::string_view doc = "A device node in the container.";
  static constexpr auto fields = std::tuple{
      required("path", &oci::Device::path, "Absolute path."),
      required("type", &oci::Device::type, "c, u, b or p."),
      always("major", &oci::Device::major, "Major number."),
      always("minor", &oci::Device::minor, "Minor number."),
      optional("fileMode", &oci::Device::file_mode, "Permission bits."),
      optional("uid", &oci::Device::uid, "Owner."),
      optional("gid", &oci::Device::gid, "Group."),
  };
};

template <>
struct Schema<oci::NetDevice> {
  static constexpr std::string_view name = "NetDevice";
  static constexpr std::string_view doc = "A network interface moved into the container.";
  static constexpr auto fields = std::tuple{optional("name", &oci::NetDevice::name, "Name in the container.")};
};

template <>
struct Schema<oci::IntelRdt> {
  static constexpr std::string_view name = "IntelRdt";
  static constexpr std::string_view doc = "Intel Resource Director Technology.";
  static constexpr auto fields = std::tuple{
      optional("closID", &oci::IntelRdt::clos_id, "Class of service."),
      optional("schemata", &oci::IntelRdt::schemata, "Lines of the schemata file."),
      optional("l3CacheSchema", &oci::IntelRdt::l3_cache_schema, "L3 cache schema."),
      optional("memBwSchema", &oci::IntelRdt::mem_bw_schema, "Memory bandwidth schema."),
      optional("enableMonitoring", &oci::IntelRdt::enable_monitoring, "Make a monitoring group."),
      optional("enableCMT", &oci::IntelRdt::enable_cmt, "Cache monitoring."),
      optional("enableMBM", &oci::IntelRdt::enable_mbm, "Bandwidth monitoring."),
  };
};

template <>
struct Schema<oci::MemoryPolicy> {
  static constexpr std::string_view name = "MemoryPolicy";
  static constexpr std::string_view doc = "NUMA memory policy.";
  static constexpr auto fields = std::tuple{
      required("mode", &oci::MemoryPolicy::mode, "MPOL_*."),
      optional("nodes", &oci::MemoryPolicy::nodes, "Node list."),
      optional("flags", &oci::MemoryPolicy::flags, "MPOL_F_*."),
  };
};

template <>
struct Schema<oci::Personality> {
  static constexpr std::string_view name = "Personality";
  static constexpr std::string_view doc = "Execution domain.";
  static constexpr auto fields = std::tuple{
      required("domain", &oci::Personality::domain, "LINUX or LINUX32."),
      optional("flags", &oci::Personality::flags, "None is defined yet."),
  };
};

template <>
struct Schema<oci::TimeOffset> {
  static constexpr std::string_view name = "TimeOffset";
  static constexpr std::string_view doc = "Offset of one clock.";
  static constexpr auto fields = std::tuple{
      optional("secs", &oci::TimeOffset::secs, "Seconds."),
      optional("nanosecs", &oci::TimeOffset::nanosecs, "Nanoseconds."),
  };
};

template <>
struct Schema<oci::Linux> {
  static constexpr std::string_view name = "Linux";
  static constexpr std::string_view doc = "What only Linux has.";
  static constexpr auto fields = std::tuple{
      optional("uidMappings", &oci::Linux::uid_mappings, "User IDs of the user namespace."),
      optional("gidMappings", &oci::Linux::gid_mappings, "Group IDs of the user namespace."),
      optional("sysctl", &oci::Linux::sysctl, "Kernel parameters."),
      optional("resources", &oci::Linux::resources, "Limits."),
      optional("cgroupsPath", &oci::Linux::cgroups_path, "Path of the cgroup."),
      optional("namespaces", &oci::Linux::namespaces, "Namespaces."),
      optional("devices", &oci::Linux::devices, "Device nodes."),
      optional("netDevices", &oci::Linux::net_devices, "Interfaces moved in, by name on the host."),
      optional("seccomp", &oci::Linux::seccomp, "System call filter."),
      optional("rootfsPropagation", &oci::Linux::rootfs_propagation, "Propagation of the root mount."),
      optional("maskedPaths", &oci::Linux::masked_paths, "Paths hidden."),
      optional("readonlyPaths", &oci::Linux::readonly_paths, "Paths made read-only."),
      optional("mountLabel", &oci::Linux::mount_label, "SELinux context of mounts."),
      optional("intelRdt", &oci::Linux::intel_rdt, "Intel RDT."),
      optional("memoryPolicy", &oci::Linux::memory_policy, "NUMA policy."),
      optional("personality", &oci::Linux::personality, "Execution domain."),
      optional("timeOffsets", &oci::Linux::time_offsets, "Clock offsets."),
  };
};

}  // namespace fulcrum::schema
