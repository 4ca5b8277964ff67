// Finding and making files below a container's root without ever leaving it, whatever links the image holds.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/error.h"
#include "base/unique_fd.h"

namespace fulcrum::runtime {

/// Opens (O_PATH) a path below `root`, making missing folders (0755) and, for a file, an empty file at the end. Links are followed below
/// the root. Error: not_found for a link that leads nowhere after 40 steps.
[[nodiscard]] Result<UniqueFd> ensure_directory(int root, const std::string& path);
[[nodiscard]] Result<UniqueFd> ensure_file(int root, const std::string& path);
/// The folder that `path` is in, made when missing, and the last name of the path.
struct Parent {
  UniqueFd directory;
  std::string name;
};
[[nodiscard]] Result<Parent> ensure_parent(int root, const std::string& path);
/// The path without ".", "..", doubled and trailing slashes; absolute ("/" for nothing).
std::string clean_path(const std::string& path);

}  // namespace fulcrum::runtime
