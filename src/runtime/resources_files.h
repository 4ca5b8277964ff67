// What the files of apply_resources() share. Private to this folder.
#pragma once

#include <string_view>

#include "runtime/resources.h"

namespace fulcrum::runtime {

/// Is this a limit that was asked for? 0 stands for unset, as in runc.
template <class T>
bool given(const std::optional<T>& value) {
  return value && *value != 0;
}

/// unimplemented, naming the limit and the controller that it needs.
[[nodiscard]] Result<> need_controller(const Cgroup& cgroup, std::string_view controller, std::string_view limit);
/// Writes a setting; a file that is absent becomes unimplemented, naming the limit.
[[nodiscard]] Result<> set(const Cgroup& cgroup, std::string_view controller, std::string_view file, std::string_view value,
                           std::string_view limit);

[[nodiscard]] Result<> apply_v1(const Cgroup& cgroup, const oci::Resources& resources);
[[nodiscard]] Result<> apply_v2(const Cgroup& cgroup, const oci::Resources& resources);
/// What is the same in both, or lies in either tree: pids, cpuset, hugetlb, rdma, unified.
[[nodiscard]] Result<> apply_shared(const Cgroup& cgroup, const oci::Resources& resources);

}  // namespace fulcrum::runtime
