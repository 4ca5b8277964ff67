// Cloning a process into a set of namespaces, some new, some joined.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "api/oci/linux.h"
#include "base/error.h"
#include "base/unique_fd.h"

namespace fulcrum::runtime {

/// One setns(2): a namespace file with its one flag, or a pidfd with the flags of several kinds.
struct Join {
  UniqueFd fd;
  unsigned flags = 0;
  std::string name;  ///< for errors: "network namespace /run/netns/x"
};

/// What to clone into.
struct LaunchPlan {
  std::uint64_t new_namespaces = 0;  ///< CLONE_NEW* made by clone3 (without cgroup and time, which init makes by itself)
  bool new_cgroup = false;
  bool new_time = false;
  std::vector<Join> joins;  ///< user namespace first; opened beforehand
  unsigned joined = 0;      ///< flags of all joins
  int cgroup = -1;          ///< v2 folder to be born in
};

/// Sorts namespaces[] into new and joined ones, opening the files of the latter. Error: names the type and path.
[[nodiscard]] Result<LaunchPlan> plan_namespaces(const std::vector<oci::Namespace>& namespaces);

/// Does launch() go through a joiner? Such a process cannot be born in a cgroup: the joiner has lost the right to its folder.
bool needs_joiner(const LaunchPlan& plan);

struct Launched {
  pid_t pid = 0;
  UniqueFd pidfd;
};

/// Clones the calling process, which must be single-threaded, so that the copy is its direct child and in all those namespaces; there it
/// runs `child`, which must not return. An error of joining that happens in the copy is told by `join_failed` there.
///
///   [ runtime ] ── setns(pid), clone3(new) ──> [ init: setns(others) ]            the usual way
///   [ runtime ] ── clone3 ──> [ joiner: setns(all), clone3(CLONE_PARENT | new) ] ──> [ init, a child of the runtime ]
///
/// The second way is needed when a user namespace is joined, or other namespaces are joined under a new user namespace.
[[nodiscard]] Result<Launched> launch(const LaunchPlan& plan, const std::function<void()>& child,
                                      const std::function<void(const Error&)>& join_failed);

}  // namespace fulcrum::runtime
