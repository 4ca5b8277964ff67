// The annotation dev.fulcrum.rootfs: the runtime mounts the container's overlay by itself, where only the container sees it.
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"

namespace fulcrum::runtime {

inline constexpr const char* kRootfsAnnotation = "dev.fulcrum.rootfs";

/// {"lower": ["/top", …, "/bottom"], "upper": "/abs", "work": "/abs"}. Without upper and work the root is read-only.
struct OverlayRoot {
  std::vector<std::string> lower;
  std::string upper;
  std::string work;
  friend bool operator==(const OverlayRoot&, const OverlayRoot&) = default;
};

/// The annotation's value, if it is there. Error: invalid_argument.
[[nodiscard]] Result<std::optional<OverlayRoot>> parse_overlay_root(const std::map<std::string, std::string>& annotations);

/// The user namespace that layers are mapped to, and who its root is outside.
struct OverlayOwner {
  int user_namespace = -1;  ///< -1: the caller is in it already, and the layers' owners are mapped (no privilege outside)
  uid_t uid = 0;
  gid_t gid = 0;
};

/// Makes the overlay as a detached mount. With an owner the layers are idmapped to its user namespace first: files of uid 0 on disk
/// belong to the container's root. Error: unimplemented where kernel or file system cannot do that.
[[nodiscard]] Result<UniqueFd> mount_overlay_root(const OverlayRoot& overlay, const OverlayOwner* owner);

}  // namespace fulcrum::runtime
