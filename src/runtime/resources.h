// OCI linux.resources and linux.cgroupsPath as settings of a cgroup, v1 and v2.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "api/oci/resources.h"
#include "base/error.h"
#include "os/cgroup.h"

namespace fulcrum::runtime {

/// Where linux.cgroupsPath leads. Absolute: below the mount point. Relative, or empty (then the container's id): below the cgroup of
/// the caller (v2: beside it, because a v2 cgroup with processes cannot have children with controllers).
/// A systemd triple ("slice:prefix:name") is translated to the path that systemd would use: "user.slice:libpod:abc" →
/// "/user.slice/libpod-abc.scope".
[[nodiscard]] Result<std::string> cgroup_path(const CgroupLayout& layout, std::string_view cgroups_path, std::string_view id);

struct ResourceOptions {
  bool devices = true;  ///< false: leave device rules alone (`update`, rootless). Else what resources.devices does not allow is denied
};

/// Sets every limit that is given, in an order that the kernel accepts whether limits grow or shrink: for a new cgroup and for `update`.
/// Errors: unimplemented naming the missing controller or kernel feature ("memory limit: cgroup controller memory is not available here");
/// invalid_argument for values that the kernel refuses; resource_exhausted when checkBeforeUpdate finds more memory in use.
[[nodiscard]] Result<> apply_resources(const Cgroup& cgroup, const oci::Resources& resources, const ResourceOptions& options = {});

/// What `update` leaves in force: `change` over `base`, field by field. Device rules are taken from `base` when `change` has none.
oci::Resources merge_resources(const oci::Resources& base, const oci::Resources& change);

/// The rules of a container with those that every container gets after its own, as runc has them: mknod of any device, and null, zero,
/// full, random, urandom, tty, console, ptmx and pts. What no rule allows is denied. Fit for Resources::devices given to apply_resources().
std::vector<oci::DeviceRule> with_default_device_rules(const std::vector<oci::DeviceRule>& rules);

/// cpu.shares (2–262144) as cpu.weight (1–10000) by the formula that maps 1024 to 100 and keeps both ends; 0 stays 0.
std::uint64_t cpu_weight_from_shares(std::uint64_t shares);
/// blkio weight (10–1000) as io.weight (1–10000), linear.
std::uint64_t io_weight_from_blkio(std::uint16_t weight);

}  // namespace fulcrum::runtime
