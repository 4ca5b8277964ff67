// Puts tar entries on disk below one folder, and nowhere else.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "image/layer_store.h"
#include "image/tar_reader.h"

namespace fulcrum::image {

/// The lexically cleaned form of a name in an archive, without leading slash: "./a//b/../c" → "a/c"; "" for the root itself.
/// Errors: invalid_argument when it leads out of the root; resource_exhausted past the limits.
[[nodiscard]] Result<std::string> clean_name(const std::string& name, const UnpackLimits& limits);

/// Applies a layer's entries to an empty folder, turning whiteouts (layer.md) into what overlayfs understands: `.wh.x` becomes the
/// character device 0:0 `x`, `.wh..wh..opq` the attribute trusted.overlay.opaque=y. Every name is resolved by the kernel with that folder
/// as its root, so neither "..", nor absolute names, nor links lead out of it. Nobody else may write there meanwhile.
class TreeWriter {
 public:
  /// `root` must outlive the writer.
  TreeWriter(int root, const UnpackOptions& options) : root_(root), options_(options) {}

  /// Applies one entry; takes a file's data from `reader`.
  [[nodiscard]] Result<> apply(const TarEntry& entry, TarReader& reader);
  /// Sets folders' modes and times. Call once, last.
  [[nodiscard]] Result<> finish();
  const UnpackStats& stats() const { return stats_; }

 private:
  struct FolderMetadata {
    std::string name;
    mode_t mode;
    struct timespec mtime;
  };

  Result<bool> enter(const std::string& folder);
  Result<> make_parents(const std::string& folder);
  Result<> step_into(UniqueFd& at, const std::string& so_far, const std::string& component);
  Result<> apply_whiteout(const TarEntry& entry, const std::string& base);
  Result<bool> make_room(const TarEntry& entry, const std::string& base);
  Result<> make_opaque(const std::string& path);
  Result<> create(const TarEntry& entry, const std::string& base, TarReader& reader);
  Result<> create_file(const TarEntry& entry, const std::string& base, TarReader& reader);
  Result<> copy_data(const TarEntry& entry, int file, TarReader& reader);
  Result<> create_hardlink(const TarEntry& entry, const std::string& base);
  Result<> create_node(const TarEntry& entry, const std::string& base);
  Result<> set_metadata(const TarEntry& entry, const std::string& base);
  Result<> set_xattrs(const TarEntry& entry, const std::string& path);
  /// A path to a name in the entered folder that holds whatever is renamed above it.
  std::string here(const std::string& base) const { return "/proc/self/fd/" + std::to_string(parent_.get()) + "/" + base; }

  int root_;
  const UnpackOptions& options_;
  UnpackStats stats_;
  UniqueFd parent_;          // the folder of the current entry
  std::string parent_name_;  // its cleaned name; meaningful when parent_ is valid
  std::vector<FolderMetadata> folders_;
};

}  // namespace fulcrum::image
