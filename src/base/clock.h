// Time as a dependency, so that tests can move it.
#pragma once

#include <atomic>
#include <chrono>

#include "base/units.h"

namespace fulcrum {

/// Where components read the time of day.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Time now() const = 0;
  static const Clock& system();
};

/// A clock that stands still until a test moves it.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(Time start = Time{std::chrono::seconds(1'700'000'000)}) : now_(start.time_since_epoch().count()) {}
  Time now() const override { return Time{std::chrono::nanoseconds(now_.load())}; }
  void advance(std::chrono::nanoseconds by) { now_ += by.count(); }

 private:
  std::atomic<std::int64_t> now_;
};

}  // namespace fulcrum
