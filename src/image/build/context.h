// The build context: a folder of its own, unpacked from what a client sent.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/unique_fd.h"
#include "base/wait.h"
#include "image/layer_store.h"

namespace fulcrum::image::build {

/// What a context may hold. Past a limit: resource_exhausted.
struct ContextLimits {
  UnpackLimits unpack;
  std::size_t max_dockerfile = 4 << 20;
};

/// A folder with the context's files. Removes it at its end.
class BuildContext {
 public:
  /// Unpacks a tar (plain, gzip, zstd, bzip2, xz) from `fd` into a new folder below `parent`. Nothing leads out of it: not "..", not
  /// absolute names, not links. Errors: data_loss (no tar), resource_exhausted, invalid_argument (a name that leads out), cancelled.
  [[nodiscard]] static Result<BuildContext> from_tar(int fd, const std::string& parent, const ContextLimits& limits,
                                                     const StopSource& stop);
  /// A context of one Dockerfile: what a URL of plain text gives.
  [[nodiscard]] static Result<BuildContext> from_dockerfile(std::string_view text, const std::string& parent);
  /// What a URL gave: a tar when it is one, else the text of a Dockerfile.
  [[nodiscard]] static Result<BuildContext> from_download(int fd, const std::string& parent, const ContextLimits& limits,
                                                          const StopSource& stop);
  BuildContext(BuildContext&& other) noexcept;
  BuildContext& operator=(BuildContext&&) = delete;
  ~BuildContext();

  const std::string& path() const { return path_; }
  int root() const { return root_.get(); }

  /// Reads the Dockerfile `name` ("" means "Dockerfile", then "dockerfile"), links followed within the context, and removes it and
  /// .dockerignore from the context when .dockerignore says so. Errors: invalid_argument in docker's words: "Cannot locate specified
  /// Dockerfile: x", "the Dockerfile (x) cannot be empty".
  [[nodiscard]] Result<std::string> take_dockerfile(const std::string& name, const ContextLimits& limits = {});

 private:
  BuildContext(std::string path, UniqueFd root) : path_(std::move(path)), root_(std::move(root)) {}
  std::string path_;  ///< empty: moved from
  UniqueFd root_;
};

/// What `remote=` names.
enum class RemoteKind : std::uint8_t { git, url, unknown };
/// As docker tells them: "git://…", "git@…", "github.com/…", "http(s)://….git[#ref[:folder]]" are git; "http://" and "https://" URLs.
RemoteKind remote_kind(std::string_view remote);

}  // namespace fulcrum::image::build
