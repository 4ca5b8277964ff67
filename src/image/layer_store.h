// Unpacked layers: <root>/<algorithm>-<hex of the diffID>/fs, each once on disk, each a ready lower folder for overlayfs.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/id.h"
#include "base/wait.h"
#include "image/digest.h"
#include "os/user_namespace.h"

namespace fulcrum::image {

/// What an unpack may cost; past a limit it fails with resource_exhausted and leaves nothing.
struct UnpackLimits {
  std::uint64_t max_bytes = std::uint64_t{64} << 30;      ///< of the uncompressed stream
  std::uint64_t max_file_bytes = std::uint64_t{1} << 40;  ///< apparent size of one file (sparse ones included)
  std::uint64_t max_entries = 2'000'000;
  std::uint64_t max_ratio = 1500;           ///< uncompressed : compressed, looked at past 64 MiB
  std::size_t max_path = 4095;              ///< bytes of a name or link target
  std::size_t max_depth = 256;              ///< folders within folders
  std::size_t max_xattr_bytes = 256 << 10;  ///< of one entry's extended attributes, names included
};

struct UnpackOptions {
  UnpackLimits limits;
  bool allow_devices = true;  ///< false: a block or character device is permission_denied
  /// Block and character devices are left out and counted: in a user namespace nobody can make any, and workloads get theirs in /dev
  /// anyway.
  bool skip_devices = os::in_user_namespace();
  /// opaque folders are marked user.overlay.* (overlay mounted with userxattr) instead of trusted.overlay.*
  bool user_xattr = os::in_user_namespace();
  bool durable = true;                           ///< false: the layer survives the end of the process, but may not survive a loss of power
  bool keep_owner = os::mapped_user_ids() != 1;  ///< false: everything belongs to the caller (for callers without CAP_CHOWN)
};

/// What an unpack did.
struct UnpackStats {
  std::uint64_t entries = 0;
  std::uint64_t stream_bytes = 0;     ///< of the uncompressed tar
  std::uint64_t disk_bytes = 0;       ///< of file data written
  std::uint64_t skipped_xattrs = 0;   ///< attributes that the file system does not have
  std::uint64_t skipped_devices = 0;  ///< by UnpackOptions::skip_devices
};

struct LayerInfo {
  Digest diff_id;
  std::uint64_t disk_bytes = 0;
};

/// Thread-safe; two threads may unpack the same layer, one of them wins.
class LayerStore {
 public:
  /// Opens or makes <root>; half-unpacked folders of a crashed process are removed.
  [[nodiscard]] static Result<LayerStore> open(const std::string& root);

  /// Unpacks a tar (plain, gzip, zstd, xz or bzip2; told by its content) read from `blob`, unless it is there already. `blob` is read to
  /// its end and the hash of the uncompressed stream must be `diff_id` (data_loss otherwise). `progress` gets the compressed bytes read.
  [[nodiscard]] Result<UnpackStats> unpack(int blob, const Digest& diff_id, const UnpackOptions& options, const StopSource& stop,
                                           const std::function<void(std::uint64_t)>& progress = {}) const;
  /// As unpack(), for a tar whose diffID is not known yet; returns it.
  [[nodiscard]] Result<Digest> unpack_new(int blob, const UnpackOptions& options, const StopSource& stop,
                                          const std::function<void(std::uint64_t)>& progress = {}) const;
  /// A new folder of its own on the layers' file system, for a layer in the making. The caller removes it; open() removes what a crash
  /// left.
  [[nodiscard]] Result<std::string> scratch() const;
  /// Takes in a folder on the layers' file system that is already what unpacking the layer's tar would give: the upper folder of an overlay
  /// that nobody mounts any more. It is moved, not copied; when the layer is there already it stays where it is.
  [[nodiscard]] Result<> adopt(const std::string& folder, const Digest& diff_id, std::uint64_t disk_bytes, bool durable) const;
  bool contains(const Digest& diff_id) const;
  /// The folder to use as an overlay lower. It need not exist.
  std::string path(const Digest& diff_id) const;
  /// Errors: not_found.
  [[nodiscard]] Result<LayerInfo> stat(const Digest& diff_id) const;
  [[nodiscard]] Result<std::vector<Digest>> list() const;
  /// Renames a layer away, so that it is there no longer, and returns the folder to remove_tree(); nothing when there is no such layer.
  [[nodiscard]] Result<std::optional<std::string>> set_aside(const Digest& diff_id) const;
  /// Absence is success; atomic (set aside first).
  [[nodiscard]] Result<> remove(const Digest& diff_id) const;
  /// True when the layer hides everything below it (an opaque mark on its root, which overlayfs itself does not look at).
  bool hides_lower_layers(const Digest& diff_id) const;

 private:
  explicit LayerStore(std::string root) : root_(std::move(root)) {}
  struct Filled;
  Result<Filled> unpack_as(int blob, const std::optional<Digest>& expected, const UnpackOptions& options, const StopSource& stop,
                           const std::function<void(std::uint64_t)>& progress) const;
  /// Writes the layer's size beside its files and moves it into place; false when the layer was there already.
  Result<bool> publish(const std::string& temporary, const Digest& diff_id, std::uint64_t disk_bytes, bool durable) const;
  std::string root_;
};

}  // namespace fulcrum::image
