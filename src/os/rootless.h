// Running as an ordinary user: a user namespace in which the user is root, with a mount and a network namespace of its own.
//
//   [ fulcrumd, ordinary user ]                    [ holder ]
//     clone(CLONE_NEWUSER) ───────────────────────> waits
//     newuidmap, newgidmap
//     "mapped" ───────────────────────────────────> mount and network namespace, lo up, exec fulcrumd --hold-namespaces
//                              <─────────────────── "ready"
//     slirp4netns (host's network) ──── tap0 ─────> 10.0.2.100
//     joins user, network and mount namespace
//     writes <run>/rootless/holder
//     "keep" ─────────────────────────────────────> stays until it is told to end; before that, it ends with whoever made it
//     goes on as the daemon, root of the namespaces
//
// The holder outlives the daemon: the next one finds it by pid, start time and boot, and joins. There is no PID namespace, so shims and
// workloads outlive the daemon too.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "os/cgroup_layout.h"

namespace fulcrum::os {

/// The address of the host in the namespace's network, when slirp4netns makes one.
inline constexpr std::string_view kSlirpAddress = "10.0.2.100";

struct RootlessOptions {
  std::string run_dir;  ///< absolute; what keeps the namespaces lies in <run_dir>/rootless
  /// The way out of the network namespace: "slirp4netns", "none", or "auto": slirp4netns where it is installed.
  std::string network = "auto";
};

/// Where the daemon is after enter_rootless().
struct Rootless {
  pid_t holder = 0;
  bool fresh = false;                 ///< the namespaces were made now; false: joined again
  std::uint64_t user_ids = 1;         ///< how many ids exist inside
  std::string network;                ///< slirp4netns or none
  std::string forwards;               ///< slirp4netns's API socket, which opens ports on the host; empty: no way out
  std::vector<std::string> warnings;  ///< what is less than it could be, each with the remedy
};

/// Joins the namespaces that an earlier daemon of this run folder left, or makes them; starts the way out; on return this process is root
/// in them. Only for single-threaded processes. Two at a time wait for each other. Errors: failed_precondition naming what the machine
/// lacks.
[[nodiscard]] Result<Rootless> enter_rootless(const RootlessOptions& options);
/// Where an ordinary user's workloads get their cgroups when nobody says: on cgroup v2, the cgroup that this process was started in, if it
/// was delegated (systemd: Delegate=yes). A cgroup with controllers for its children may hold no process itself, so this process moves
/// into a child, "engine". Nothing: not v2, or not delegated. `layout` must be fresh.
[[nodiscard]] std::optional<std::string> settle_in_delegated_cgroup(const CgroupLayout& layout);

/// Joins existing namespaces only, for commands that look into them. Error: not_found when there are none.
[[nodiscard]] Result<> join_rootless(const std::string& run_dir);
/// Ends the holder and the way out: once no process is left in them, the namespaces are gone. Absence is success.
[[nodiscard]] Result<> end_rootless(const std::string& run_dir);

/// The argument by which a program becomes the holder: its main() passes control to hold_namespaces() when argv[1] is this.
inline constexpr std::string_view kHolderArgument = "--hold-namespaces";
/// The holder's life. Never returns while it is wanted.
int hold_namespaces();

/// A process as a file names it: "pid start_time boot_id".
struct PinnedProcess {
  pid_t pid = 0;
  std::uint64_t start_time = 0;
  std::string boot_id;
  friend bool operator==(const PinnedProcess&, const PinnedProcess&) = default;
};
std::string format_pin(const PinnedProcess& pin);
[[nodiscard]] std::optional<PinnedProcess> parse_pin(std::string_view text);

}  // namespace fulcrum::os
