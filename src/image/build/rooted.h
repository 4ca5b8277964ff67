// Names within a root folder, as they are for a process that has it as its root.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "image/tree_node.h"

namespace fulcrum::image::build {

/// The path without links that a path means below `root`, relative ("" is the root itself). ".." at the root stays there. Parts that do not
/// exist stay as they are. With `follow_last` false, a link at the very end is left. Errors: invalid_argument when links go in circles.
[[nodiscard]] Result<std::string> resolve_in(int root, std::string_view path, bool follow_last = true);

/// The file at a path that has no links in it (resolve_in); nothing when there is none. "" is the root.
[[nodiscard]] Result<std::optional<TreeNode>> look_in(int root, const std::string& path);

/// Opens a regular file for reading, links followed within `root`; nothing when there is none. What is no regular file is not even opened.
/// Errors: invalid_argument.
[[nodiscard]] Result<std::optional<UniqueFd>> open_regular(int root, const std::string& name);

/// The part before the last slash, and the part after it.
std::pair<std::string, std::string> split_path(const std::string& path);

}  // namespace fulcrum::image::build
