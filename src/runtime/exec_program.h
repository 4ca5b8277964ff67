// The steps that init and exec share, from the clone to execve.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "runtime/credentials.h"
#include "runtime/init.h"

namespace fulcrum::runtime {

/// A program ready to be executed.
struct Program {
  std::string path;
  std::vector<std::string> args;
  std::vector<std::string> env;
  /// Returns only on error.
  [[nodiscard]] Result<> execute() const;
};

/// Signals, session, cgroup; in a user namespace waits for its maps, hands on the descriptors that come with them, and takes root there.
[[nodiscard]] Result<> begin(ProcessPlan& plan, const std::function<void(std::vector<UniqueFd>)>& take);
/// A session keyring of its own, so that the host's keys cannot be searched.
[[nodiscard]] Result<> join_new_keyring(const ProcessPlan& plan);
/// Opens a terminal from the container's devpts, sends the master away, and makes the other end the controlling terminal and streams 0–2.
[[nodiscard]] Result<> open_console(ProcessPlan& plan, int root, bool bind_on_dev_console);
/// no_new_privs, scheduler, seccomp, user and capabilities; then says Ready.
[[nodiscard]] Result<Program> become(ProcessPlan& plan);

}  // namespace fulcrum::runtime
