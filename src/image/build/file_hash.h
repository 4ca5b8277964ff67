// Hashes that plan_copy puts together.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "base/error.h"
#include "base/wait.h"
#include "image/tree_node.h"

namespace fulcrum::image::build {

/// As file_hash, for a file that goes by `name`.
[[nodiscard]] Result<std::string> node_hash(const std::string& name, const TreeNode& node, const StopSource* stop);
/// Of a file that the Dockerfile itself holds.
std::string text_hash(const std::string& name, std::string_view content, mode_t mode);

}  // namespace fulcrum::image::build
