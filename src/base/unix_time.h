// Times as numbers.
#pragma once

#include <string_view>

#include "base/error.h"
#include "base/units.h"

namespace fulcrum {

/// Seconds since the epoch, to the nanosecond: "1700000000" or "1700000000.123456789" (further digits are cut off).
[[nodiscard]] Result<Time> parse_unix_time(std::string_view text);

}  // namespace fulcrum
