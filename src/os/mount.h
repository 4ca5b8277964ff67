// The mount system calls, old and new, as Results. Everything works on descriptors, so that no path is looked up twice.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/unique_fd.h"

namespace fulcrum::os {

/// open_tree(2) with OPEN_TREE_CLONE: a detached copy of the mount at `path` below `dirfd` (an empty path means `dirfd` itself).
/// Error: unimplemented where the kernel (< 5.2) or a filter lacks the call.
[[nodiscard]] Result<UniqueFd> clone_tree(int dirfd, const std::string& path, bool recursive);

/// move_mount(2) between two descriptors: the detached mount `mount_fd` appears on the file or folder behind `target_fd`.
[[nodiscard]] Result<> attach(int mount_fd, int target_fd);

/// What mount_setattr(2) changes; bits are MOUNT_ATTR_*.
struct MountAttributes {
  std::uint64_t set = 0;
  std::uint64_t clear = 0;
  std::uint64_t propagation = 0;  ///< MS_SHARED, MS_SLAVE, MS_PRIVATE, MS_UNBINDABLE, or 0
  int user_namespace = -1;        ///< with MOUNT_ATTR_IDMAP in `set`
};
/// mount_setattr(2) on the mount behind `fd`. Error: unimplemented on kernels before 5.12.
[[nodiscard]] Result<> set_attributes(int fd, const MountAttributes& attributes, bool recursive);

/// A file system being configured: fsopen(2), fsconfig(2), fsmount(2).
class FileSystemContext {
 public:
  [[nodiscard]] static Result<FileSystemContext> open(const std::string& type);
  [[nodiscard]] Result<> set(const std::string& key, const std::string& value);
  [[nodiscard]] Result<> set_flag(const std::string& key);
  /// Gives a parameter as a descriptor (overlay layers; kernel 6.13).
  [[nodiscard]] Result<> set_fd(const std::string& key, int fd);
  /// Creates the superblock and returns it as a detached mount. `attributes`: MOUNT_ATTR_*.
  [[nodiscard]] Result<UniqueFd> mount(std::uint64_t attributes);

 private:
  FileSystemContext(std::string type, UniqueFd fd) : type_(std::move(type)), fd_(std::move(fd)) {}
  Error explain(int err, std::string_view what) const;  ///< with the kernel's own words from the context's log
  std::string type_;
  UniqueFd fd_;
};

/// mount(2). `target` is a descriptor, named to the kernel through /proc/self/fd.
[[nodiscard]] Result<> mount_at(const std::string& source, int target_fd, const std::string& type, unsigned long flags,
                                const std::string& data);
/// mount(2) on a path.
[[nodiscard]] Result<> mount(const std::string& source, const std::string& target, const std::string& type, unsigned long flags,
                             const std::string& data);
/// "/proc/self/fd/N".
std::string fd_path(int fd);

}  // namespace fulcrum::os
