// OCI runtime specification, `linux`: namespaces, devices and kernel features.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/oci/mounts.h"
#include "api/oci/resources.h"
#include "api/oci/seccomp.h"

namespace fulcrum::oci {

/// `namespaces[]`: made anew when `path` is empty, joined otherwise.
struct Namespace {
  std::string type;  ///< "pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time"
  std::string path;
  friend bool operator==(const Namespace&, const Namespace&) = default;
};

/// `devices[]`: one node to make below the root.
struct Device {
  std::string path;
  std::string type;  ///< "c", "u", "b", "p"
  std::int64_t major = 0;
  std::int64_t minor = 0;
  std::optional<std::uint32_t> file_mode;
  std::optional<std::uint32_t> uid;
  std::optional<std::uint32_t> gid;
  friend bool operator==(const Device&, const Device&) = default;
};

/// `netDevices.<host name>`: an interface moved into the container; `name` is its name there.
struct NetDevice {
  std::string name;
  friend bool operator==(const NetDevice&, const NetDevice&) = default;
};

/// `intelRdt`.
struct IntelRdt {
  std::string clos_id;
  std::vector<std::string> schemata;
  std::string l3_cache_schema;
  std::string mem_bw_schema;
  bool enable_monitoring = false;
  bool enable_cmt = false;  ///< 1.2
  bool enable_mbm = false;  ///< 1.2
  friend bool operator==(const IntelRdt&, const IntelRdt&) = default;
};

/// `memoryPolicy`: what set_mempolicy(2) takes.
struct MemoryPolicy {
  std::string mode;  ///< "MPOL_BIND", …
  std::string nodes;
  std::vector<std::string> flags;
  friend bool operator==(const MemoryPolicy&, const MemoryPolicy&) = default;
};

/// `personality`.
struct Personality {
  std::string domain;  ///< "LINUX" or "LINUX32"
  std::vector<std::string> flags;
  friend bool operator==(const Personality&, const Personality&) = default;
};

/// `timeOffsets.<clock>`; clocks are "monotonic" and "boottime".
struct TimeOffset {
  std::int64_t secs = 0;
  std::uint32_t nanosecs = 0;
  friend bool operator==(const TimeOffset&, const TimeOffset&) = default;
};

/// `linux`.
struct Linux {
  std::vector<IdMapping> uid_mappings;
  std::vector<IdMapping> gid_mappings;
  std::map<std::string, std::string> sysctl;
  std::optional<Resources> resources;
  std::string cgroups_path;
  std::vector<Namespace> namespaces;
  std::vector<Device> devices;
  std::map<std::string, NetDevice> net_devices;
  std::optional<Seccomp> seccomp;
  std::string rootfs_propagation;
  std::vector<std::string> masked_paths;
  std::vector<std::string> readonly_paths;
  std::string mount_label;
  std::optional<IntelRdt> intel_rdt;
  std::optional<MemoryPolicy> memory_policy;
  std::optional<Personality> personality;
  std::map<std::string, TimeOffset> time_offsets;
  friend bool operator==(const Linux&, const Linux&) = default;

  /// The entry of a namespace type, or null.
  const Namespace* find_namespace(std::string_view type) const {
    for (const auto& entry : namespaces) {
      if (entry.type == type) return &entry;
    }
    return nullptr;
  }
};

}  // namespace fulcrum::oci
