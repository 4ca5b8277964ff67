// What ends a wait: the caller's stop, the failure of a sibling, the deadline.
#pragma once

#include <algorithm>
#include <chrono>

#include "base/wait.h"

namespace fulcrum::image::registry {

/// The three things that end every wait of a pull or push. References must outlive the object.
struct Bounds {
  const StopSource& stop;                         ///< the caller's
  const StopSource& group = StopSource::never();  ///< fires when a sibling transfer failed
  Deadline deadline;                              ///< of the whole operation

  /// cancelled or deadline_exceeded when it is time to end.
  [[nodiscard]] Result<> check() const {
    if (stop.stop_requested() || group.stop_requested()) return fail(Code::cancelled, "stopped");
    if (deadline.passed()) return fail(Code::deadline_exceeded, "deadline passed");
    return {};
  }

  /// Sleeps for a back-off. Ends early with cancelled, or at once with deadline_exceeded when the delay would pass the deadline.
  [[nodiscard]] Result<> pause(std::chrono::nanoseconds delay) const {
    const auto until = Deadline::in(delay);
    if (deadline.at() && *deadline.at() < *until.at()) return fail(Code::deadline_exceeded, "deadline would pass before the next try");
    const auto waited = wait_any(stop, until, {{group.fd(), POLLIN}});
    if (waited) return fail(Code::cancelled, "stopped");
    if (waited.error().code != Code::deadline_exceeded) return std::unexpected(waited.error());
    return {};
  }
};

}  // namespace fulcrum::image::registry
