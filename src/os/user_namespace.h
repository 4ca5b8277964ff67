// What the user namespace of this process lets it do. In every one but the machine's first, "root" is somebody ordinary outside.
#pragma once

#include <cstdint>
#include <string_view>

namespace fulcrum::os {

/// Is this process in another user namespace than the machine's first? There: no device nodes, no trusted.* attributes, no device cgroup,
/// and only those cgroups that were given away. Looked up once, at the first call: call it after the namespace was entered for good.
bool in_user_namespace();
/// May a process change its supplementary groups here? Not where an ordinary user mapped only itself (setgroups is denied then).
bool may_set_groups();
/// How many user ids exist here. 1: nothing can belong to anybody else than the caller.
std::uint64_t mapped_user_ids();

/// The same from the text of a uid_map.
bool is_first_user_namespace(std::string_view uid_map);
std::uint64_t count_ids(std::string_view uid_map);

}  // namespace fulcrum::os
