// Where cgroup hierarchies are mounted, and where this process is in them: v1, hybrid or pure v2.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace fulcrum {

/// Which kind of tree holds the controllers.
enum class CgroupMode { v1, hybrid, v2 };
std::string_view to_string(CgroupMode mode);

/// One mounted hierarchy.
struct CgroupHierarchy {
  std::string mount_point;               ///< "/sys/fs/cgroup/memory"
  std::string mount_root;                ///< which cgroup the mount shows at its top; "/" outside containers
  std::string own_path;                  ///< this process's cgroup, as in /proc/self/cgroup
  std::vector<std::string> controllers;  ///< v1: {"cpu", "cpuacct"} or {"name=systemd"}; v2: from cgroup.controllers
  bool v2 = false;

  bool has(std::string_view controller) const;
  /// The folder of a cgroup given by its absolute path in the hierarchy.
  std::string directory(std::string_view path) const;
};

/// The layout of this machine, as seen from the calling process's mount and cgroup namespaces.
class CgroupLayout {
 public:
  /// Reads /proc/self/mountinfo, /proc/self/cgroup and, where there is a v2 tree, its cgroup.controllers.
  /// Error: unimplemented when no cgroup file system is mounted.
  [[nodiscard]] static Result<CgroupLayout> detect();
  /// The same from given texts (no file is read; v2 controllers stay empty).
  [[nodiscard]] static Result<CgroupLayout> parse(std::string_view mountinfo, std::string_view self_cgroup);

  CgroupMode mode() const { return mode_; }
  const std::vector<CgroupHierarchy>& hierarchies() const { return hierarchies_; }
  /// The hierarchy that has a controller ("memory", "pids", "name=systemd"), or null. In v2 mode it is always the one tree; which
  /// controllers a cgroup really has there, "devices" and "freezer" apart, its cgroup.controllers says: see Cgroup::has().
  const CgroupHierarchy* find(std::string_view controller) const;
  /// The v2 tree (also in hybrid mode), or null.
  const CgroupHierarchy* unified() const;
  /// Only those hierarchies in which the caller may make the cgroup `path` and put processes of its own into it: what was given away to an
  /// ordinary user. On v2 that takes a cgroup.procs that may be written in the nearest folder above both the caller's cgroup and `path`.
  CgroupLayout usable_for(std::string_view path) const;

 private:
  void find_mode();
  CgroupMode mode_ = CgroupMode::v1;
  std::vector<CgroupHierarchy> hierarchies_;
};

}  // namespace fulcrum
