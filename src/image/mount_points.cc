#include "image/mount_points.h"

#include <algorithm>
#include <array>

namespace fulcrum::image {

namespace {

constexpr std::array<std::string_view, 4> kFiles{"/dev/console", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf"};
constexpr std::array<std::string_view, 5> kFolders{"/dev", "/dev/pts", "/dev/shm", "/proc", "/sys"};

}  // namespace

Result<bool> is_mount_point(std::string_view path, const TreeNode& node) {
  if (S_ISREG(node.st.st_mode)) return node.st.st_size == 0 && std::ranges::find(kFiles, path) != kFiles.end();
  if (!node.is_folder() || std::ranges::find(kFolders, path) == kFolders.end()) return false;
  return TRY(names_in(TRY(node.open()).get())).empty();
}

}  // namespace fulcrum::image
