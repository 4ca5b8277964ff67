// Between local files and the tar streams of the API.
#pragma once

#include <functional>
#include <string>

#include "base/error.h"

namespace fulcrum::cli {

using ReadSome = std::function<Result<std::size_t>(char*, std::size_t)>;
using WriteAll = std::function<Result<>(std::string_view)>;

/// Unpacks a tar below `folder`, its first component renamed to `rename` when that is not empty. Nothing outside the folder is written:
/// names with .. and links that lead out are refused.
[[nodiscard]] Result<> unpack_tar(const ReadSome& read, const std::string& folder, const std::string& rename);
/// Packs a file or folder under the name `as`. `follow`: the file itself when `path` is a link. `keep_owner`: user and group IDs too.
[[nodiscard]] Result<> pack_tar(const std::string& path, const std::string& as, bool follow, bool keep_owner, const WriteAll& write);

}  // namespace fulcrum::cli
