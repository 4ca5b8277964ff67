// Copies bytes both ways between two streams: attach, exec, port-forward.
#pragma once

#include <cstddef>
#include <string>

#include "base/error.h"
#include "base/wait.h"
#include "http/stream.h"

namespace fulcrum::http {

/// One direction. Has its own backlog, so that a slow reader never stalls the other direction; reads only when the backlog is empty, so it
/// is bounded.
class Half {
 public:
  /// `early`: bytes to be written before what `from` gives.
  Half(Stream& from, Stream& to, std::string early = {});
  /// More to do: not at the end, or bytes left to write.
  bool open() const { return open_; }
  /// What to wait for before step(); a negative fd when ready() or not open().
  Interest interest() const;
  /// True when step() can be called without waiting.
  bool ready() const;
  /// Ready when the receiver hung up altogether, which matters while the sender is silent; then abandon().
  Interest receiver_gone() const { return {open_ ? to_.fd() : -1, 0}; }
  /// Ends this direction; nobody is there to read.
  void abandon() { open_ = false; }
  /// Moves what can be moved without blocking. At the end of `from`, when all is written, says so to `to` (half-close). A `to` that takes
  /// no more ends this direction; it is no error, since the other direction may still have something to say.
  [[nodiscard]] Result<> step();

 private:
  void end();

  Stream& from_;
  Stream& to_;
  std::string backlog_;
  std::size_t written_ = 0;
  short wait_read_ = POLLIN;
  short wait_write_ = 0;
  bool open_ = true;
};

/// Relays until both directions have ended. Errors: cancelled, deadline_exceeded.
[[nodiscard]] Result<> relay(Stream& a, std::string early_from_a, Stream& b, std::string early_from_b, const StopSource& stop,
                             const Deadline& deadline);

}  // namespace fulcrum::http
