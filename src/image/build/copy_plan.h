// COPY and ADD: which files go where, and a hash of them for the cache.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <ctime>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/wait.h"
#include "image/build/dockerfile.h"
#include "image/build/ignore.h"

namespace fulcrum::image::build {

/// An owner in numbers.
struct Owner {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  friend bool operator==(const Owner&, const Owner&) = default;
};

/// `--chown` looked up in a root file system's /etc/passwd and /etc/group; a user alone names the group too, as docker has it. Links are
/// followed within the root. Errors: invalid_argument "can't find uid for user x: no such user: x".
[[nodiscard]] Result<Owner> parse_chown(std::string_view chown, int root);
/// `--chmod`: 3 or 4 octal digits. Errors: invalid_argument.
[[nodiscard]] Result<mode_t> parse_chmod(std::string_view chmod);

/// A file that a URL gave, for ADD: a regular file somewhere below `root`.
struct Download {
  std::string path;                      ///< absolute, on this machine
  std::string name;                      ///< what the URL (or Content-Disposition) calls it; empty when nothing does
  std::optional<struct timespec> mtime;  ///< Last-Modified; else 0
};

/// One thing to put into the target's tree.
struct CopyOperation {
  enum class Kind : std::uint8_t {
    file,     ///< one file (or link, device, fifo) becomes `target`
    folder,   ///< the content of a folder goes into the folder `target`
    archive,  ///< a tar is unpacked into the folder `target` (ADD)
    text,     ///< `content` becomes the file `target`
  };
  Kind kind = Kind::file;
  int root = -1;       ///< the folder that `source` is relative to, borrowed from CopySource
  std::string source;  ///< within `root`, no leading slash, links resolved except in what is copied as a link; "" is the root itself
  /// Absolute in the image, cleaned. With `into_folder`, a target that exists as a folder gets `base_name` within; decided by the executor,
  /// which has the tree.
  std::string target;
  bool into_folder = false;  ///< the destination was written with a trailing slash, so the file goes to target/base_name for sure
  std::string base_name;
  std::string content;                   ///< of Kind::text
  std::optional<struct timespec> mtime;  ///< set instead of the source's (downloads, texts)
  std::vector<std::string> exclude;      ///< IgnoreRules patterns relative to `source`; for folders
  std::optional<mode_t> mode;            ///< --chmod
};

/// Where the sources are.
struct CopySource {
  int root = -1;           ///< the context's or the stage's file system
  bool is_context = true;  ///< false: an image or stage (COPY --from)
  const StopSource* stop = nullptr;
  /// Fetches a URL (ADD); must be set when a source is one.
  std::function<Result<Download>(const std::string& url)> download;
};

/// All of one COPY or ADD.
struct CopyPlan {
  std::vector<CopyOperation> operations;
  std::string source_hash;  ///< "file:…", "dir:…" or "multi:…": the cache's key, and what the history says
  std::string destination;  ///< absolute; a trailing slash stays
  bool keep_owner = false;  ///< COPY --from without --chown: the files keep their owners; else 0:0 or the --chown
};

/// Resolves the sources of an expanded COPY or ADD: wildcards (Go's), folders' contents, inline files, URLs, archives. `workdir` is the
/// stage's. Errors in docker's words: invalid_argument or not_found: "COPY failed: no source files were specified", "COPY failed: file not
/// found in build context or excluded by .dockerignore: stat x: file does not exist", "When using COPY with more than one source file, the
/// destination must be a directory and end with a /".
[[nodiscard]] Result<CopyPlan> plan_copy(const Instruction& instruction, const CopySource& source, std::string_view workdir);

/// The hash of one file, folder entry or link as docker's tarsum v1 has it: name, mode, owner, size, type, link target, xattrs
/// (security.capability), content; not the times. Hex.
[[nodiscard]] Result<std::string> file_hash(int root, const std::string& path, const StopSource* stop = nullptr);

/// Runs one plan: puts every operation into the tree at `target_root` (a writable root file system), resolving all names within it.
[[nodiscard]] Result<> perform_copy(const CopyPlan& plan, int target_root, const std::optional<Owner>& owner, const StopSource& stop);

}  // namespace fulcrum::image::build
