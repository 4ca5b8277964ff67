// One file or folder of a root as a tar, and a tar into a folder of a root. Nothing leads outside the root: every path is resolved by the
// kernel as if the root were "/" (openat2, RESOLVE_IN_ROOT), links included, and nothing is followed twice.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/units.h"

namespace fulcrum::server::native {

/// What lies at a path.
struct PathStat {
  std::string name;  ///< the last name of the path
  mode_t mode = 0;   ///< with its type
  std::int64_t size = 0;
  Time modified{};
  std::string link_target;  ///< of a symbolic link: its text
};
/// The object itself, or with `follow` what a link points at. Errors: not_found.
[[nodiscard]] Result<PathStat> stat_path(int root, const std::string& path, bool follow);
/// Where a path leads to inside the root, all links followed, also when there is nothing at its end. Errors: invalid_argument for links
/// that go round in circles.
[[nodiscard]] Result<std::string> follow_path(int root, const std::string& path);

/// {"name","type","size","mode","modified","linkTarget"}. With `follow` of what a link points at. Errors: not_found.
[[nodiscard]] Result<std::string> path_stat_json(int root, const std::string& path, bool follow);

/// Writes a tar whose entries begin with the last name of `path` (as `docker cp` wants it); "." and "/" give the folder's content below
/// "./". `begin` is called before the first byte, when nothing can be refused any more. Errors: not_found.
[[nodiscard]] Result<> read_archive(int root, const std::string& path, bool follow, const std::function<Result<>()>& begin,
                                    const std::function<Result<>(std::string_view)>& sink);

struct WriteOptions {
  bool no_overwrite_dir_non_dir = false;         ///< a folder does not replace a file, nor a file a folder
  bool keep_owner = true;                        ///< as in the tar; false: root's
  std::optional<std::pair<uid_t, gid_t>> owner;  ///< of everything, whatever the tar says
};
/// Unpacks a tar (plain, gzip, zstd, xz, bzip2) into the folder `path`. `read` gives its bytes, 0 at the end. Entries that would lie
/// outside the folder are refused. Errors: not_found, invalid_argument, failed_precondition (read-only mount: errno EROFS).
[[nodiscard]] Result<> write_archive(int root, const std::string& path, const WriteOptions& options,
                                     const std::function<Result<std::size_t>(char*, std::size_t)>& read);

}  // namespace fulcrum::server::native
