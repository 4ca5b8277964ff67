#include "base/unix_time.h"

#include <charconv>

namespace fulcrum {

Result<Time> parse_unix_time(std::string_view text) {
  const auto bad = [&] { return fail(Code::invalid_argument, "\"{}\" is no number of seconds", text); };
  const auto* end = text.data() + text.size();
  std::int64_t seconds = 0;
  const auto [dot, error] = std::from_chars(text.data(), end, seconds);
  if (error != std::errc() || seconds < 0 || seconds > 9'000'000'000) return bad();
  std::int64_t fraction = 0;
  if (dot != end) {
    const std::string_view digits(dot + 1, end);
    if (*dot != '.' || digits.find_first_not_of("0123456789") != std::string_view::npos) return bad();
    for (std::size_t i = 0; i < 9; ++i) fraction = fraction * 10 + (i < digits.size() ? digits[i] - '0' : 0);
  }
  return Time{std::chrono::nanoseconds(seconds * 1'000'000'000 + fraction)};
}

}  // namespace fulcrum
