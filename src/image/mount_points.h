// What the runtime leaves in a workload's writable layer only because something is mounted there.
#pragma once

#include <string_view>

#include "base/error.h"
#include "image/tree_node.h"

namespace fulcrum::image {

/// Whether `node`, which a writable layer has at `path` ("/etc/hosts"), is an empty file or folder that was made for a mount of every
/// workload, and is therefore no change of its files.
[[nodiscard]] Result<bool> is_mount_point(std::string_view path, const TreeNode& node);

}  // namespace fulcrum::image
