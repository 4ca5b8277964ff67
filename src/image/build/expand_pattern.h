// The patterns of `${x#p}`, `${x%p}` and `${x/p/y}`: `*`, `?` and `\`.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace fulcrum::image::build {

/// `value` without its shortest (or `longest`) start that matches. Errors: invalid_argument (an escape that means nothing),
/// resource_exhausted (a pattern that takes too long on this value).
[[nodiscard]] Result<std::string> trim_start(std::string_view pattern, std::string_view value, bool longest);
/// The same at its end.
[[nodiscard]] Result<std::string> trim_end(std::string_view pattern, std::string_view value, bool longest);
/// `value` with its first match (or `all` of them), each as long as possible, replaced.
[[nodiscard]] Result<std::string> replace_matches(std::string_view pattern, std::string_view value, std::string_view replacement, bool all);

}  // namespace fulcrum::image::build
