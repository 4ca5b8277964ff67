// Sizes, durations and times as people write them.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace fulcrum {

/// Bytes from "128Mi", "1.5G", "512k", "64MB", "1024". Ki Mi Gi Ti Pi are powers of 1024; as Docker does, so are k m g t
/// (either case, with or without a trailing b). Error: invalid_argument `"12Q" is not a size`.
[[nodiscard]] Result<std::int64_t> parse_size(std::string_view text);
/// The shortest exact or one-decimal form in powers of 1024: 134217728 → "128Mi", 1536 → "1.5Ki".
std::string format_size(std::int64_t bytes);

/// Nanoseconds from "2s", "1m30s", "250ms", "1h", "3d", "1.5s". A bare number is refused (no unit), except "0".
[[nodiscard]] Result<std::chrono::nanoseconds> parse_duration(std::string_view text);
/// "1m30s", "250ms", "0s".
std::string format_duration(std::chrono::nanoseconds duration);

/// A wall-clock instant, nanoseconds since the Unix epoch.
using Time = std::chrono::sys_time<std::chrono::nanoseconds>;
/// RFC 3339 in UTC with nanoseconds: "2024-05-01T10:00:00.000000001Z".
std::string format_time(Time time);
/// Parses RFC 3339 with any offset and 0–9 fractional digits.
[[nodiscard]] Result<Time> parse_time(std::string_view text);

}  // namespace fulcrum
