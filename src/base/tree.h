// How much lies in a folder.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"

namespace fulcrum::sys {

struct TreeUsage {
  std::uint64_t bytes = 0;  ///< sizes of everything that is no folder, each file once, however many names it has in the tree
  std::uint64_t disk = 0;   ///< what it takes on disk, folders included; of a file with many names each name's share
};

/// Walks a tree without following links or crossing into another mount. What goes away meanwhile is left out. Errors: not_found, and
/// those of reading the folder itself.
[[nodiscard]] Result<TreeUsage> tree_usage(const std::string& path);

}  // namespace fulcrum::sys
