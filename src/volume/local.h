// The local volume driver: folders below one root, each `<root>/<name>/_data`. Knows nothing of who uses them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace fulcrum::volume {

/// What a volume's options say that a workload is to get.
struct Source {
  enum class Kind { directory, bind, tmpfs } kind = Kind::directory;
  std::string path;                  ///< directory and bind: absolute, on the host
  std::vector<std::string> options;  ///< tmpfs: mount options (size=, mode=, uid=, gid=, noexec …)
  std::optional<std::int64_t> size;  ///< tmpfs: limit in bytes
  bool read_only = false;            ///< bind with o=ro
};

/// Thread-safe; keeps nothing in memory. Names are checked by the caller ([a-zA-Z0-9][a-zA-Z0-9_.-]*).
class LocalVolumes {
 public:
  /// The root need not exist yet.
  explicit LocalVolumes(std::string root) : root_(std::move(root)) {}

  /// What the options (type, device, o, size: as docker's local driver has them) mean. Nothing is done.
  /// Errors: invalid_argument (an unknown option, or one that lacks its partner), unimplemented, each naming the option: file systems that
  /// would have to be mounted on the host, size limits on a file system without project quotas.
  [[nodiscard]] Result<Source> source(const std::string& name, const std::map<std::string, std::string>& options) const;
  /// Makes the folder, if it is not there yet.
  [[nodiscard]] Result<> create(const std::string& name) const;
  /// Removes the folder with all data. Absence is success.
  [[nodiscard]] Result<> remove(const std::string& name) const;
  /// Where the data is: `<root>/<name>/_data`.
  std::string data_path(const std::string& name) const;
  /// Folders below the root, whether anybody knows of them or not.
  [[nodiscard]] Result<std::vector<std::string>> list() const;
  /// True when the volume has no entry yet: then it may be filled from the image.
  [[nodiscard]] Result<bool> is_empty(const std::string& name) const;
  /// Bytes that the data takes on disk. Looks at every file.
  [[nodiscard]] Result<std::uint64_t> disk_usage(const std::string& name) const;

 private:
  std::string root_;
};

/// A folder within a volume, followed below it without leaving it: its absolute host path. Errors: not_found, invalid_argument.
[[nodiscard]] Result<std::string> subpath(const std::string& directory, const std::string& path);

}  // namespace fulcrum::volume
