// Sizes, durations and times as fields of wire structs.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>

#include "base/units.h"

namespace fulcrum {

/// A number of bytes, written "128Mi" (or as a plain number).
struct Size {
  std::int64_t bytes = 0;
  friend auto operator<=>(const Size&, const Size&) = default;
};

/// A span of time, written "1m30s".
struct Duration {
  std::chrono::nanoseconds ns{0};
  friend auto operator<=>(const Duration&, const Duration&) = default;
};

}  // namespace fulcrum
