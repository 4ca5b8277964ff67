// The daemon's side of a shim's socket.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "base/wait.h"
#include "sandbox/sandbox.h"
#include "sandbox/shim/message.h"

namespace fulcrum::sandbox {

/// One connection.
class ShimClient {
 public:
  /// Error: not_found when no shim listens at `path`.
  [[nodiscard]] static Result<ShimClient> connect(const std::string& path);
  /// Sends a request (with the client's descriptor, if any) and waits for its answer. Errors: what the shim answered;
  /// unavailable when it left meanwhile; deadline_exceeded.
  [[nodiscard]] Result<shim::Reply> call(const shim::Request& request, const UniqueFd* client, const Deadline& deadline);
  /// Waits until the shim has left.
  [[nodiscard]] Result<> wait_gone(const StopSource& stop, const Deadline& deadline);
  UniqueFd take() { return std::move(fd_); }

 private:
  explicit ShimClient(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

/// The bits of a StreamFormat.
std::uint16_t format_bits(const StreamFormat& format);

}  // namespace fulcrum::sandbox
