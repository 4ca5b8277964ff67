// The mounts of config.json, made below a container's root.
#pragma once

#include <string>
#include <vector>

#include "api/oci/runtime_spec.h"
#include "base/error.h"
#include "base/unique_fd.h"
#include "os/cgroup_layout.h"
#include "runtime/mount_options.h"

namespace fulcrum::runtime {

/// One `mounts[]` entry with its options sorted out.
struct PlannedMount {
  const oci::Mount* mount = nullptr;
  MountOptions options;
  /// The runtime opens the source, because init could not (user namespace), or must change its ids.
  bool prepared_by_runtime = false;
};
/// Sorts all options, and decides who opens what. Error: invalid_argument for places where nothing may be mounted (/proc/…).
[[nodiscard]] Result<std::vector<PlannedMount>> plan_mounts(const oci::Spec& spec);

/// What mounting needs beside the entries.
struct MountContext {
  int root = -1;                          ///< the container's root folder, O_PATH
  std::string bundle;                     ///< relative bind sources start here
  const CgroupLayout* cgroups = nullptr;  ///< for a mount of type cgroup
  std::string cgroup_path;                ///< the container's cgroup; empty: none
  bool own_cgroup_namespace = false;
  std::vector<UniqueFd> prepared;  ///< detached mounts, in the order of the entries that asked for them
};

/// Opens, clones and converts the sources that init cannot: run by the runtime. `user_namespace` is the container's (-1: none).
[[nodiscard]] Result<std::vector<UniqueFd>> prepare_mounts(const std::vector<PlannedMount>& plan, const std::string& bundle,
                                                           int user_namespace);
/// Makes every mount: run by init in its mount namespace.
[[nodiscard]] Result<> make_mounts(const std::vector<PlannedMount>& plan, MountContext& context);
/// Gives /dev back its "ro", which has to wait until its nodes are made.
[[nodiscard]] Result<> finish_mounts(const std::vector<PlannedMount>& plan, int root);
/// Is /dev to be filled? Not when it is bound from elsewhere.
bool fills_dev(const std::vector<PlannedMount>& plan);

/// Copies the content of one folder into another (tmpcopyup): owners, modes, times, links, devices, extended attributes.
[[nodiscard]] Result<> copy_tree(int from, int to);
/// The mount of type "cgroup" at `target`: one mount per v1 hierarchy below a tmpfs, or the v2 tree itself.
[[nodiscard]] Result<> mount_cgroups(const MountContext& context, int target, const MountOptions& options);

}  // namespace fulcrum::runtime
