// A child process: spawned without fork, held by pidfd, killed and reaped when dropped.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "base/wait.h"

namespace fulcrum {

/// How a process ended. Exactly one of the two is meaningful: signal != 0 means killed by it.
struct ExitStatus {
  int code = 0;
  int signal = 0;

  /// The shell's convention: the code, or 128 + signal.
  int shell_code() const { return signal != 0 ? 128 + signal : code; }
  bool ok() const { return code == 0 && signal == 0; }
  static ExitStatus from_wait_status(int status);
  friend bool operator==(const ExitStatus&, const ExitStatus&) = default;
};

/// Owns one child process. Waiting is poll on a pidfd, so signalling cannot hit a reused pid.
class Process {
 public:
  struct Spec {
    std::vector<std::string> argv;                ///< argv[0] is looked up in PATH when it has no slash
    std::optional<std::vector<std::string>> env;  ///< unset: inherit
    std::vector<std::pair<int, int>> fds;         ///< {child fd, our fd}; 0–2 not listed go to /dev/null
    std::string cwd;                              ///< empty: inherit
    bool inherit_stdio = false;                   ///< 0–2 not listed are inherited instead of /dev/null
    bool new_session = false;                     ///< setsid in the child
    std::string program = {};                     ///< what is executed, when argv[0] is only a name; empty: argv[0]
  };

  /// Starts a program (posix_spawn; safe in a threaded process). Signal mask and dispositions are reset in the child.
  [[nodiscard]] static Result<Process> spawn(const Spec& spec);

  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  ~Process();  ///< kills with SIGKILL and reaps, unless waited for or detached

  pid_t pid() const { return pid_; }
  int pidfd() const { return pidfd_.get(); }
  [[nodiscard]] Result<> signal(int signo) const;
  /// Waits for the end and reaps. On cancelled or deadline_exceeded the process goes on and is still owned.
  [[nodiscard]] Result<ExitStatus> wait(const StopSource& stop, const Deadline& deadline);
  /// Gives up ownership: the process goes on after this object is gone. Somebody else must reap it.
  void detach() noexcept;

 private:
  Process(pid_t pid, UniqueFd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
  pid_t pid_ = -1;
  UniqueFd pidfd_;
};

/// What a finished program left: its status and what it printed.
struct Output {
  ExitStatus status;
  std::string out;
  std::string err;
};

/// Runs a program to its end, feeding `input`, keeping at most `limit` bytes of each output stream (the rest is read and dropped).
[[nodiscard]] Result<Output> run(const Process::Spec& spec, std::string_view input, const StopSource& stop, const Deadline& deadline,
                                 std::size_t limit = 1 << 20);

/// pidfd_open(2) with CLOEXEC.
[[nodiscard]] Result<UniqueFd> open_pidfd(pid_t pid);
/// pidfd_send_signal(2).
[[nodiscard]] Result<> signal_pidfd(int pidfd, int signo);

}  // namespace fulcrum
