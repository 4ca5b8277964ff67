// Looking at one file of a tree that others may change meanwhile.
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"

namespace fulcrum::image {

/// Folders within folders that a walk goes down.
inline constexpr std::size_t kMaxTreeDepth = 256;

/// One file, pinned: what is read of it is of this file, whatever its name comes to mean.
struct TreeNode {
  UniqueFd pin;  ///< O_PATH
  struct stat st{};

  /// Nothing when the name is gone.
  [[nodiscard]] static Result<std::optional<TreeNode>> look(int folder, const std::string& name);
  bool is_folder() const { return S_ISDIR(st.st_mode); }
  /// overlayfs's mark for "deleted".
  bool is_whiteout() const { return S_ISCHR(st.st_mode) && st.st_rdev == 0; }
  /// Opens for reading: folders and regular files only.
  [[nodiscard]] Result<UniqueFd> open() const;
  /// A path that names this very file.
  std::string path() const { return "/proc/self/fd/" + std::to_string(pin.get()); }
  /// The attribute's value; nothing when it has none or cannot have any.
  [[nodiscard]] Result<std::optional<std::string>> xattr(const std::string& name) const;
  /// All attributes by name, sorted.
  [[nodiscard]] Result<std::vector<std::string>> xattr_names() const;
  /// A folder that hides its namesakes below.
  [[nodiscard]] Result<bool> is_opaque() const;
};

/// Names in a folder, in byte order.
[[nodiscard]] Result<std::vector<std::string>> names_in(int folder);

}  // namespace fulcrum::image
