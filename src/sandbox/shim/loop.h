// The shim's event loop: epoll, one event at a time.
#pragma once

#include <cstdint>

#include "base/error.h"
#include "base/unique_fd.h"

namespace fulcrum::sandbox::shim {

/// Something with a descriptor in the loop.
class Source {
 public:
  virtual ~Source() = default;
  /// `events` as epoll gives them. May delete this and any other source.
  virtual void ready(std::uint32_t events) = 0;
};

/// One event is taken from the kernel at a time, so that a handler may delete any source without leaving a stale pointer behind.
class Loop {
 public:
  [[nodiscard]] static Result<Loop> make();
  /// The source must remove its descriptor before it closes it or dies.
  [[nodiscard]] Result<> add(int fd, std::uint32_t events, Source* source);
  void change(int fd, std::uint32_t events, Source* source);
  void remove(int fd);
  /// Waits at most `timeout_ms` (-1: for ever) and handles one event. False when the time passed.
  bool turn(int timeout_ms);

 private:
  explicit Loop(UniqueFd fd) : epoll_(static_cast<UniqueFd&&>(fd)) {}
  UniqueFd epoll_;
};

}  // namespace fulcrum::sandbox::shim
