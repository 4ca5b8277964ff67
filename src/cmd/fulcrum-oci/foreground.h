// Standing in for a container process in the foreground: signals go in, the exit status comes out, a terminal is relayed.
#pragma once

#include <memory>

#include "base/error.h"
#include "base/process.h"
#include "base/unique_fd.h"
#include "runtime/container.h"

namespace fulcrum::oci_cli {

/// Made before the process is started, so that no signal is lost.
class Foreground {
 public:
  /// Blocks signals and takes them over by descriptor.
  [[nodiscard]] static Result<Foreground> prepare();
  /// Makes the socket to which the process's terminal is to be sent; wait() then relays it.
  [[nodiscard]] Result<UniqueFd> make_console();
  /// Until the process ends: relays, then reaps.
  [[nodiscard]] Result<ExitStatus> wait(const runtime::StartedProcess& process);

 private:
  Result<> receive_console();
  Result<bool> handle_signal(const runtime::StartedProcess& process, ExitStatus& status);
  Result<> relay(const runtime::StartedProcess& process, ExitStatus& status);
  UniqueFd signals_;
  UniqueFd console_ours_;
  UniqueFd master_;
};

}  // namespace fulcrum::oci_cli
