// .dockerignore: which paths of a context are left out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "image/build/glob.h"

namespace fulcrum::image::build {

/// Go's filepath.Match: `*` and `?` stop at '/', `[a-z]`, `[^a]`, `\` escapes. Errors: invalid_argument "syntax error in pattern".
[[nodiscard]] Result<bool> match_name(std::string_view pattern, std::string_view name);

/// The patterns of an ignore file: comments and blank lines gone, cleaned, a leading '/' removed, `!` kept.
std::vector<std::string> read_ignore_file(std::string_view text);

/// Paths relative to the context, where the last pattern that matches a path or a folder above it decides.
class IgnoreRules {
 public:
  /// Errors: invalid_argument for a malformed pattern ("syntax error in pattern", `illegal exclusion pattern: "!"`).
  [[nodiscard]] static Result<IgnoreRules> create(const std::vector<std::string>& patterns);

  /// Whether `path` ("a/b", no leading slash) is left out.
  bool excludes(std::string_view path) const;
  /// Whether some pattern starts with `!`: then a folder that is left out may hold files that are not.
  bool has_exceptions() const { return has_exceptions_; }
  bool empty() const { return patterns_.empty(); }

 private:
  struct Pattern {
    Glob glob;
    bool exception = false;  ///< it began with '!'
    /// Whether it matches the path or a folder above it.
    bool matches(std::string_view path) const;
  };
  std::vector<Pattern> patterns_;
  bool has_exceptions_ = false;
};

/// The ignore file that goes with a Dockerfile: "a/Dockerfile.dockerignore" when the context has it, else ".dockerignore".
std::vector<std::string> ignore_file_names(std::string_view dockerfile);

}  // namespace fulcrum::image::build
