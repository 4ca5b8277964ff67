// What this machine has and how this engine was started: found out once, told by every API in its own words.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/objects.h"

namespace fulcrum::control {

/// What the limits of a workload can be made of here. What is false is refused or has no effect.
struct CgroupFacts {
  std::string mode = "none";  ///< v1, hybrid, v2, or none
  std::string error;          ///< why there is none
  std::vector<std::string> controllers;
  bool swap = false;      ///< memory and swap together can be limited
  bool oom_kill = false;  ///< the OOM killer can be switched off for one workload

  bool has(std::string_view controller) const;
};

/// Features of the kernel, as found.
struct KernelFeatures {
  bool overlayfs = false, erofs = false, seccomp = false, user_namespaces = false, apparmor = false, selinux = false, kvm_device = false,
       ip_forward = false;
};

struct AddressPool {
  std::string base;  ///< CIDR
  unsigned size = 0;
};

/// How a rootless engine stands.
struct RootlessFacts {
  std::uint64_t user_ids = 1;
  std::string network;
  std::int64_t holder = 0;
};

struct Facts {
  std::string version;
  std::string commit, built;  ///< of the sources: revision and its date; empty: not built from a repository
  std::string kernel, architecture, host, os_name, os_version;
  std::int64_t cpus = 0;
  std::uint64_t memory = 0;
  std::string boot_id;
  CgroupFacts cgroup;
  KernelFeatures features;
  std::string data_dir, run_dir, socket, cgroup_parent, instance, default_userns, runtime, init;
  std::string backing_filesystem;                                    ///< of the data folder: extfs, xfs, …
  std::vector<AddressPool> pools;                                    ///< from which automatic networks are cut
  std::vector<std::string> insecure_registries;                      ///< host[:port]
  std::map<std::string, std::vector<std::string>> registry_mirrors;  ///< domain → URLs
  std::string http_proxy, https_proxy, no_proxy;                     ///< credentials taken out
  bool debug = false;
  std::optional<RootlessFacts> rootless;
  std::vector<std::string> warnings;  ///< what is less here than it could be, each a sentence
};

/// The engine's own ID: made at the first start, kept in the store.
[[nodiscard]] Result<std::string> engine_id(Objects& objects);

}  // namespace fulcrum::control
