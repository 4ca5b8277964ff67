// One cgroup, at the same path in every hierarchy of the machine: v1, hybrid and v2 alike.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "base/wait.h"
#include "os/cgroup_layout.h"
#include "os/cgroup_stats.h"

namespace fulcrum {

/// Tells when a cgroup's OOM kill counter moved. Wait for fd() (POLLIN), then call take().
class OomWatch {
 public:
  int fd() const { return event_.get(); }
  /// Consumes the event and returns how many processes the kernel has killed in the cgroup for lack of memory since its creation
  /// (v2: below it too). A removed cgroup also makes the descriptor ready: the error is then not_found.
  [[nodiscard]] Result<std::uint64_t> take();

 private:
  friend class Cgroup;
  UniqueFd event_;       // eventfd (v1) or inotify (v2)
  UniqueFd control_;     // v1: the memory.oom_control that the eventfd is registered for
  std::string counter_;  // the file that holds the count
  bool inotify_ = false;
};

/// The descriptors through which one process enters a cgroup. Made by the parent; used by the child, before or after it has entered
/// other namespaces: the kernel checks the rights of whoever opened them.
class CgroupEntry {
 public:
  /// The v2 folder, for CLONE_INTO_CGROUP; invalid when there is no v2 tree. A child cloned into it passes `cloned` to enter().
  int clone_fd() const { return directory_.get(); }
  /// Moves the calling thread, which must be its process's only one, into the cgroup. Allocates nothing: fit for a cloned child.
  /// On v1 this writes "0" into `tasks`, which spares the global lock and its RCU grace period (milliseconds) that cgroup.procs costs.
  /// Returns 0 or an errno.
  int enter(bool cloned) const noexcept;
  /// Every descriptor, for those who close all others.
  std::vector<int> fds() const;

 private:
  friend class Cgroup;
  UniqueFd directory_;           // v2
  UniqueFd procs_;               // v2 cgroup.procs
  std::vector<UniqueFd> tasks_;  // v1
};

/// A handle: holds no descriptor and owns nothing; several may name one cgroup. Only the cgroups at and below its path are ever touched
/// (besides enabling v2 controllers on the way down, and v1 cpuset values copied from parents, in folders that create() made).
class Cgroup {
 public:
  /// Names a cgroup, which need not exist. `path` is absolute in the hierarchies, e.g. "/fulcrum/web". Error: invalid_argument for
  /// the top, a relative path, "..", or control characters. In a user
  /// namespace only hierarchies in which the caller may have that cgroup are taken; permission_denied when there is none.
  [[nodiscard]] static Result<Cgroup> open(CgroupLayout layout, std::string_view path);
  /// Makes it in every hierarchy (idempotent), with v2 controllers delegated to it and v1 cpuset filled in from its parent.
  /// On a mid-way error what this call made is removed again.
  [[nodiscard]] static Result<Cgroup> create(CgroupLayout layout, std::string_view path);

  const CgroupLayout& layout() const { return layout_; }
  CgroupMode mode() const { return layout_.mode(); }
  const std::string& path() const { return path_; }
  /// Does it exist in at least one hierarchy?
  bool exists() const;
  /// Can limits of this controller be set? In v2 mode: is it in this cgroup's cgroup.controllers?
  bool has(std::string_view controller) const;
  /// Its folder in the hierarchy of a controller ("" means the v2 tree); nothing when there is no such hierarchy.
  std::optional<std::string> directory(std::string_view controller) const;
  /// Its distinct folders, by hierarchy.
  std::vector<std::string> directories() const;

  /// Reads or writes one file, e.g. ("memory", "memory.max"). Error: unimplemented when the controller is not there;
  /// not_found when the file is not.
  [[nodiscard]] Result<std::string> read(std::string_view controller, std::string_view file) const;
  [[nodiscard]] Result<> write(std::string_view controller, std::string_view file, std::string_view data) const;
  bool has_file(std::string_view controller, std::string_view file) const;

  /// Moves a process (all its threads) into it, in every hierarchy.
  [[nodiscard]] Result<> add_process(pid_t pid) const;
  /// Opens what a child needs to enter it by itself: the fast way.
  [[nodiscard]] Result<CgroupEntry> open_entry() const;
  /// Processes in it and below, ascending, each once, as numbered in the caller's pid namespace. A cgroup that is gone has none.
  [[nodiscard]] Result<std::vector<pid_t>> processes() const;
  /// Sends a signal to every process in it and below. Processes that vanish meanwhile are no error.
  [[nodiscard]] Result<> signal_all(int signo) const;

  /// Stops every process in it and below, and waits until the kernel says that all have stopped. Idempotent.
  [[nodiscard]] Result<> freeze(const StopSource& stop, const Deadline& deadline) const;
  [[nodiscard]] Result<> thaw(const StopSource& stop, const Deadline& deadline) const;
  [[nodiscard]] Result<bool> frozen() const;

  /// Kills every process in it and below with SIGKILL, thaws it, and waits until none is left. Idempotent.
  [[nodiscard]] Result<> kill(const StopSource& stop, const Deadline& deadline) const;
  /// Waits until no process is in it or below.
  [[nodiscard]] Result<> wait_empty(const StopSource& stop, const Deadline& deadline) const;
  /// Removes it with everything below it, in every hierarchy; processes that are just exiting are waited for. Idempotent.
  /// Error: deadline_exceeded when processes stay.
  [[nodiscard]] Result<> destroy(const StopSource& stop, const Deadline& deadline) const;

  /// Reads all counters.
  [[nodiscard]] Result<CgroupStats> stats() const;
  /// How many processes the kernel killed in it for lack of memory. 0 without a memory controller.
  [[nodiscard]] Result<std::uint64_t> oom_kills() const;
  [[nodiscard]] Result<OomWatch> watch_oom() const;

 private:
  Cgroup(CgroupLayout layout, std::string path) : layout_(std::move(layout)), path_(std::move(path)) {}
  CgroupLayout layout_;
  std::string path_;
};

}  // namespace fulcrum
