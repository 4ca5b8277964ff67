// Between the one who makes the namespaces and the process that is to hold them.
#pragma once

#include <string>

#include "os/mount.h"
#include "os/rootless.h"

namespace fulcrum::os::rootless {

inline constexpr char kMapped = 'm';  ///< the user namespace has its ids
inline constexpr char kKeep = 'k';    ///< written down: live on

struct HolderPipes {
  int orders = -1;
  int reports = -1;
  int alive = -1;
  std::string run_dir;
  pid_t join = 0;  ///< 0: make namespaces; else hold those of this process
};

/// Joins user, network and mount namespace of a process, and becomes their root. Only for single-threaded processes.
[[nodiscard]] Result<> join_namespaces(pid_t pid);

/// In the cloned child, alone in its new user namespace unless it is to join one: becomes the holder.
[[noreturn]] void run_holder(HolderPipes pipes);

}  // namespace fulcrum::os::rootless
