// The life of a container process between clone and execve. Everything here runs in the clone.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/oci/runtime_spec.h"
#include "base/unique_fd.h"
#include "os/cgroup.h"
#include "runtime/launch.h"
#include "runtime/rootfs.h"
#include "runtime/seccomp.h"
#include "runtime/state.h"
#include "runtime/sync.h"

namespace fulcrum::runtime {

/// What init and exec have in common.
struct ProcessPlan {
  const oci::Process* process = nullptr;
  SyncSocket sync;  ///< the init end
  std::optional<SeccompProgram> seccomp;
  const CgroupEntry* cgroup = nullptr;  ///< to be entered; null: stay
  bool cloned_into_cgroup = false;
  UniqueFd console_socket;        ///< gets the terminal's master; invalid: no terminal
  bool plain_line_feeds = false;  ///< the terminal does not turn line feeds into carriage returns and line feeds
  UniqueFd proc;                  ///< the host's /proc
  UniqueFd root;                  ///< exec without a mount namespace: init's root, to be changed to
  bool user_namespace = false;    ///< in one that is not the caller's
  bool wait_for_maps = false;     ///< the runtime says Proceed first
  bool may_set_groups = true;
  bool new_keyring = true;
  const oci::Personality* personality = nullptr;
  std::vector<int> kept =
      {};              ///< what a process that waits for its start holds open besides its own streams; empty: all of it, it does not wait
  std::string id;      ///< names the keyring
  int extra_fds = 0;   ///< descriptors 3 … 3+n-1 stay open
  int listen_fds = 0;  ///< the first so many of them were handed over by systemd
};

/// What only the first process of a container needs.
struct InitPlan {
  ProcessPlan common;
  const oci::Spec* spec = nullptr;
  const SavedState* state = nullptr;  ///< for hooks
  RootfsPlan rootfs;
  MountContext mounts;
  UniqueFd report;  ///< with `fifo`: where init says why it could not go on after start
  UniqueFd fifo;    ///< where `create` lets it wait; invalid: the runtime says Proceed (run)
  bool new_cgroup_namespace = false;
  bool new_time_namespace = false;
  bool new_network_namespace = false;
  std::size_t prepared_mounts =
      0;  ///< how many descriptors come with the first Proceed; the overlay root is the first when `overlay_comes`
  bool overlay_comes = false;
};

/// Never return: they execute the program, or report why not and exit.
[[noreturn]] void run_init(InitPlan& plan);
[[noreturn]] void run_exec(ProcessPlan& plan);

/// Tells the runtime, or standard error when it is gone, and exits.
[[noreturn]] void die(const SyncSocket& sync, const Error& error);

}  // namespace fulcrum::runtime
