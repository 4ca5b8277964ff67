// Which ids an ordinary user may map into a user namespace: /etc/subuid and /etc/subgid (subuid(5)).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "os/namespaces.h"

namespace fulcrum::os {

/// The most ranges that are used of one user; the kernel takes 340 lines in a map.
inline constexpr std::size_t kMaxSubidRanges = 128;

/// A range of ids that belongs to a user.
struct SubidRange {
  std::uint32_t first = 0;
  std::uint32_t count = 0;
  friend bool operator==(const SubidRange&, const SubidRange&) = default;
};

/// The ranges of a user in the text of /etc/subuid or /etc/subgid ("name:first:count", the name may be a number). Lines that are malformed,
/// empty ranges and ranges past the last id are passed over, as newuidmap(1) does. At most kMaxSubidRanges.
std::vector<SubidRange> parse_subids(std::string_view text, std::string_view user, std::uint32_t uid);

/// The name of a user in the text of /etc/passwd.
std::optional<std::string> user_name(std::string_view passwd, std::uint32_t uid);

/// The map of a namespace whose root is `own`: 0 → own, and from 1 on the ranges one after another. Ranges that contain `own` and what
/// would go past the last id are left out.
std::vector<IdRange> map_for_user(std::uint32_t own, const std::vector<SubidRange>& ranges);

/// How many ids a map has.
std::uint64_t mapped_ids(const std::vector<IdRange>& map);

}  // namespace fulcrum::os
