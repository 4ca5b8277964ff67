// OCI containers: create, start, exec, kill, delete over a folder of states. No daemon, no threads; the calling process must be
// single-threaded. Errors carry the words that tools match on ("container does not exist", "container with given ID already exists", …).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "api/oci/runtime_spec.h"
#include "base/error.h"
#include "base/unique_fd.h"
#include "os/cgroup.h"
#include "runtime/state.h"

namespace fulcrum::runtime {

/// How `create` and `run` make a container.
struct CreateOptions {
  std::string root;  ///< folder of states, on tmpfs
  std::string id;
  std::string bundle;                         ///< folder with config.json
  std::string config = "config.json";         ///< another file instead, relative to the bundle or absolute
  std::string console_socket;                 ///< path of the unix socket that gets the terminal's master
  std::function<Result<UniqueFd>()> console;  ///< instead of a path: asked for a connected socket when there is a terminal
  bool plain_line_feeds = false;  ///< the terminal leaves them as the program prints them, as runc's does that is served in the foreground
  std::string pid_file;
  std::string pidfd_socket;  ///< path of a unix socket that gets the pidfd
  int preserve_fds = 0;      ///< descriptors 3 … 3+n-1 go into the container
  int listen_fds = 0;        ///< of which the first so many are systemd's
  bool no_pivot = false;
  bool no_new_keyring = false;
  bool ignore_cgroup_errors = false;             ///< rootless: go on without a cgroup where none can be made
  std::function<void(const std::string&)> warn;  ///< gets what the specification wants logged; may be empty
};

/// A process that was started.
struct StartedProcess {
  pid_t pid = 0;
  UniqueFd pidfd;
};

/// How `exec` starts a process in a running container.
struct ExecOptions {
  std::string console_socket;
  std::function<Result<UniqueFd>()> console;
  bool plain_line_feeds = false;
  std::string pid_file;
  std::string pidfd_socket;  ///< path of a unix socket that gets the pidfd
  int preserve_fds = 0;
  int listen_fds = 0;
  std::string sub_cgroup;  ///< below the container's cgroup; empty: the container's
  bool ignore_paused = false;
  bool no_new_keyring = true;
  std::function<void(const std::string&)> warn;
};

/// A container that exists.
class Container {
 public:
  /// Sets a container up to the moment before its program; init waits for start(). It is a child of the calling process, so it goes to the
  /// nearest subreaper when the caller leaves. On error nothing is left behind.
  [[nodiscard]] static Result<Container> create(const CreateOptions& options);
  /// create() and start() in one, without the waiting: the program runs when this returns.
  [[nodiscard]] static Result<Container> run(const CreateOptions& options);
  /// Error: not_found "container does not exist".
  [[nodiscard]] static Result<Container> open(const std::string& root, const std::string& id);
  /// Removes what a creation that was killed midway left. Idempotent.
  [[nodiscard]] static Result<> remove_remains(const std::string& root, const std::string& id);

  const SavedState& state() const { return state_; }
  pid_t pid() const { return state_.pid; }
  /// Asks the kernel: is init alive, does it wait at the fifo, is the cgroup frozen?
  [[nodiscard]] Result<Status> status() const;
  /// The configuration it was created with.
  [[nodiscard]] Result<oci::Spec> spec() const;
  /// Its cgroup, if one was made.
  [[nodiscard]] Result<std::optional<Cgroup>> cgroup() const;

  /// Lets init execute the program, and runs the poststart hooks; when one fails, the container is removed. Error: failed_precondition in
  /// any status but created.
  [[nodiscard]] Result<> start();
  /// Error: failed_precondition "container not running".
  [[nodiscard]] Result<> signal(int signo) const;
  /// Signals every process of its cgroup.
  [[nodiscard]] Result<> signal_all(int signo) const;
  /// Removes cgroup and state, runs the poststop hooks, whose failures only `warn` hears of. A running container is refused, or with
  /// `force` killed first. Idempotent with `force`.
  [[nodiscard]] Result<> remove(bool force, const std::function<void(const std::string&)>& warn = {});
  [[nodiscard]] Result<> pause() const;
  [[nodiscard]] Result<> resume() const;
  [[nodiscard]] Result<> update(const oci::Resources& resources);
  /// All its processes, ascending.
  [[nodiscard]] Result<std::vector<pid_t>> processes() const;
  /// Starts another process inside; a child of the calling process.
  [[nodiscard]] Result<StartedProcess> exec(const oci::Process& process, const ExecOptions& options) const;

 private:
  friend class Creation;
  Container(std::string root, StateDirectory directory, SavedState state)
      : root_(std::move(root)), directory_(std::move(directory)), state_(std::move(state)) {}
  Result<> kill_all(const std::optional<Cgroup>& group) const;
  Result<> run_poststart();

  std::string root_;
  StateDirectory directory_;
  SavedState state_;
  // Read once: neither changes while a command runs.
  mutable std::optional<CgroupLayout> layout_;
  mutable std::optional<oci::Spec> spec_;
};

/// The seccomp cache below a root of states. No container can have this name.
std::string seccomp_cache(const std::string& root);
/// The socket for a process's terminal; an invalid descriptor when it has none. Error: invalid_argument when terminal and socket do not
/// go together.
[[nodiscard]] Result<UniqueFd> console_socket_for(bool terminal, const std::string& path, const std::function<Result<UniqueFd>()>& console);
/// Sends a pidfd to whoever listens at a unix socket.
[[nodiscard]] Result<> send_pidfd(const std::string& path, int pidfd);
/// Writes a pid file by rename.
[[nodiscard]] Result<> write_pid_file(const std::string& path, pid_t pid);

}  // namespace fulcrum::runtime
