// What a container changed: as a list, and as a layer. And a whole tree as a tar.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/wait.h"
#include "image/tar_writer.h"

namespace fulcrum::image {

/// One stretch of a user-namespace mapping, as in /proc/PID/uid_map.
struct IdRange {
  std::uint32_t inside = 0;
  std::uint32_t outside = 0;
  std::uint32_t count = 0;
};

struct TreeOptions {
  /// Later times are written as this one (seconds since the epoch), so that equal content gives equal bytes (SOURCE_DATE_EPOCH).
  std::optional<std::int64_t> clamp_mtime;
  /// From the owners on disk to those in the tar; empty: as they are. Owners outside become 65534.
  /// Of a layer: leave out what is_mount_point(): the layer was written by a workload that ran.
  bool leave_out_mount_points = false;
  std::vector<IdRange> uid_map;
  std::vector<IdRange> gid_map;
};

/// Writes the tar layer that an overlay upper folder is: character devices 0:0 become `.wh.` files, opaque folders get `.wh..wh..opq`.
/// Names in byte order, times in whole seconds, sparse files sparse, hard links linked; sockets are left out. The folder may be in use:
/// what changes meanwhile is in or out, but never leads outside it. Errors: unimplemented for an upper that was mounted with redirect_dir
/// or metacopy and used them; invalid_argument for a file that is itself named `.wh.…`.
[[nodiscard]] Result<> write_layer(int upper, const Sink& sink, const TreeOptions& options, const StopSource& stop);

/// Writes a whole tree (the merged view, for `export`), names as they are.
[[nodiscard]] Result<> write_tree(int root, const Sink& sink, const TreeOptions& options, const StopSource& stop);

struct Change {
  enum class Kind : char { changed = 'C', added = 'A', deleted = 'D' };
  Kind kind = Kind::changed;
  std::string path;  ///< "/etc/passwd"
  friend bool operator==(const Change&, const Change&) = default;
};
/// What an upper folder changes of the lower ones (top-most first), sorted by path, as `docker diff` lists it: a folder in which something
/// changed is changed itself, what is below a deleted folder is not listed. Mount points of the runtime (is_mount_point()) are no changes.
[[nodiscard]] Result<std::vector<Change>> list_changes(int upper, const std::vector<std::string>& lowers, const StopSource& stop);

}  // namespace fulcrum::image
