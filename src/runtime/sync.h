// What the runtime and the process it is about to become say to each other, over one SOCK_SEQPACKET pair.
//
//   [ runtime: create, run, exec ]          [ init, cloned into the new namespaces ]
//     writes the id maps, rlimits
//     Proceed + detached mounts ─────────>  (user namespace, bind sources) takes root, mounts
//                               <─────────  RunHooks             mounts made, before pivot_root
//     prestart, createRuntime
//     Proceed                   ─────────>  createContainer hooks, pivot_root, capabilities, user, …
//                               <─────────  Listener + fd        seccomp notify
//     Proceed                   ─────────>
//                               <─────────  Ready | Failed{error}
//     Proceed (run, exec)       ─────────>  execve; the CLOEXEC end closes: end of file is success, Failed is not
//     or leaves (create)                    waits at exec.fifo
//
// If the runtime dies meanwhile, init is killed by its parent-death signal.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"

namespace fulcrum::runtime {

struct RunHooks {};
struct Listener {
  UniqueFd fd;
};
/// Init stands before its last step. `warning` is for the log; empty: none.
struct Ready {
  std::string warning;
};
struct Failed {
  Error error;
};
/// The other end closed without a word: the program was executed, or the process died.
struct Closed {};
using FromInit = std::variant<RunHooks, Listener, Ready, Failed, Closed>;

struct SyncPair;

/// One end of the conversation.
class SyncSocket {
 public:
  SyncSocket() = default;
  explicit SyncSocket(UniqueFd fd) : fd_(std::move(fd)) {}
  [[nodiscard]] static Result<SyncPair> make();

  int fd() const { return fd_.get(); }
  void close() { fd_.reset(); }

  /// Init's side.
  [[nodiscard]] Result<> say(const FromInit& message) const;
  /// Waits for Proceed and returns the descriptors that came with it. Error: unavailable when the runtime is gone.
  [[nodiscard]] Result<std::vector<UniqueFd>> wait_proceed() const;

  /// The runtime's side.
  [[nodiscard]] Result<FromInit> listen() const;
  [[nodiscard]] Result<> proceed(const std::vector<UniqueFd>& fds = {}) const;

 private:
  UniqueFd fd_;
};

struct SyncPair {
  SyncSocket runtime;
  SyncSocket init;
};

}  // namespace fulcrum::runtime
