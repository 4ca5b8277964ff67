// Who "nobody:www" is, by the files of an image.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace fulcrum::sandbox {

/// Texts of /etc/passwd and /etc/group; empty when there are none.
struct UserFiles {
  std::string passwd;
  std::string group;
};

struct UserIds {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::vector<std::uint32_t> groups;  ///< supplementary, ascending, without gid
  std::string home;                   ///< as passwd says; empty when it does not
  friend bool operator==(const UserIds&, const UserIds&) = default;
};

/// "user", "user:group", names or numbers; empty: root. A user by name or number that passwd knows brings its group and, when no group is
/// named, the groups that list it; `extra` are further groups, names or numbers. A number that no file knows stands for itself, in group 0.
/// Errors: invalid_argument "unable to find user x: no matching entries in passwd file", likewise for groups.
[[nodiscard]] Result<UserIds> find_user(std::string_view user, const std::vector<std::string>& extra, const UserFiles& files);

/// Reads a file of an image without mounting it: through the layers (the writable one first), with whiteouts and opaque folders as
/// overlayfs sees them. Nothing: it does not exist. Error: failed_precondition when a link is on the way, which only a mount can follow.
[[nodiscard]] Result<std::optional<std::string>> read_through_layers(const std::vector<std::string>& layers, const std::string& folder,
                                                                     const std::string& name);

}  // namespace fulcrum::sandbox
