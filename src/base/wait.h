// The one place that waits. Everything that can be waited for is a file descriptor.
#pragma once

#include <poll.h>

#include <chrono>
#include <cstddef>
#include <initializer_list>
#include <optional>
#include <span>

#include "base/error.h"
#include "base/unique_fd.h"

namespace fulcrum {

/// A point in steady time after which a wait gives up, or never.
class Deadline {
 public:
  using Clock = std::chrono::steady_clock;

  Deadline() = default;  ///< never
  explicit Deadline(Clock::time_point at) : at_(at) {}
  static Deadline never() { return Deadline(); }
  static Deadline in(std::chrono::nanoseconds delay) { return Deadline(Clock::now() + std::chrono::duration_cast<Clock::duration>(delay)); }

  bool passed() const { return at_ && Clock::now() >= *at_; }
  const std::optional<Clock::time_point>& at() const { return at_; }
  /// The earlier of two deadlines.
  static Deadline earlier(const Deadline& a, const Deadline& b);

 private:
  std::optional<Clock::time_point> at_;
};

/// A one-way switch that ends every wait that was given it. Thread-safe; backed by an eventfd.
class StopSource {
 public:
  StopSource();
  StopSource(const StopSource&) = delete;
  StopSource& operator=(const StopSource&) = delete;

  void request_stop() const noexcept;
  bool stop_requested() const noexcept;
  int fd() const noexcept { return event_.get(); }
  /// A source that never fires, for single-threaded programs.
  static const StopSource& never();

 private:
  UniqueFd event_;
};

/// One descriptor and the poll events that make it ready (hang-up and error always do).
struct Interest {
  int fd;  ///< negative: ignored
  short events;
};

/// Blocks until one of `interests` is ready and returns its index (the lowest, when several are).
/// Errors: cancelled when `stop` fired (checked first), deadline_exceeded.
[[nodiscard]] Result<std::size_t> wait_any(const StopSource& stop, const Deadline& deadline, std::span<const Interest> interests);
[[nodiscard]] Result<std::size_t> wait_any(const StopSource& stop, const Deadline& deadline, std::initializer_list<Interest> interests);

/// Blocks until `stop` fires or the deadline passes: true when the deadline passed, false when stopped.
/// For back-off and periods only, never to wait for something that has an event.
[[nodiscard]] bool wait_until(const StopSource& stop, const Deadline& deadline);

}  // namespace fulcrum
