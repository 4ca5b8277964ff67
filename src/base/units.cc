#include "base/units.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <ctime>

#include "base/clock.h"

namespace fulcrum {
namespace {

/// Takes a decimal number off the front of `text`; nothing when there is none.
bool take_number(std::string_view& text, long double& value) {
  if (text.empty() || text[0] < '0' || text[0] > '9') return false;
  const auto [end, err] = std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (err != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

int power_of_1024(char letter) {
  switch (letter) {
    case 'k':
    case 'K': return 1;
    case 'm':
    case 'M': return 2;
    case 'g':
    case 'G': return 3;
    case 't':
    case 'T': return 4;
    case 'p':
    case 'P': return 5;
    default: return 0;
  }
}

bool take_digits(std::string_view& text, std::size_t count, int& out) {
  if (text.size() < count) return false;
  const auto [end, err] = std::from_chars(text.data(), text.data() + count, out);
  if (err != std::errc() || end != text.data() + count || text[0] == '-') return false;
  text.remove_prefix(count);
  return true;
}

bool take_char(std::string_view& text, char c) {
  if (text.empty() || text[0] != c) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

Result<std::int64_t> parse_size(std::string_view text) {
  auto rest = text;
  long double value = 0;
  auto bad = [&] { return fail(Code::invalid_argument, "\"{}\" is not a size", text); };
  if (!take_number(rest, value)) return bad();
  if (!rest.empty() && rest != "b" && rest != "B") {
    const int power = power_of_1024(rest[0]);
    if (power == 0) return bad();
    rest.remove_prefix(1);
    if (!rest.empty() && (rest[0] == 'i')) rest.remove_prefix(1);
    if (rest != "" && rest != "b" && rest != "B") return bad();
    value *= std::pow(1024.0L, power);
  }
  if (value > 9.2e18L) return fail(Code::invalid_argument, "\"{}\" is too large a size", text);
  return static_cast<std::int64_t>(value);
}

std::string format_size(std::int64_t bytes) {
  constexpr std::array units{"", "Ki", "Mi", "Gi", "Ti", "Pi"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (std::abs(value) >= 1024 && unit + 1 < units.size()) {
    value /= 1024;
    ++unit;
  }
  auto text = fmt::format("{:.1f}", value);
  if (text.ends_with(".0")) text.resize(text.size() - 2);
  return text + units[unit];
}

Result<std::chrono::nanoseconds> parse_duration(std::string_view text) {
  if (text == "0") return std::chrono::nanoseconds(0);
  auto bad = [&] { return fail(Code::invalid_argument, "\"{}\" is not a duration (write 2s, 1m30s, 250ms)", text); };
  struct Unit {
    std::string_view name;
    long double ns;
  };
  constexpr std::array<Unit, 8> units{
      {{"ms", 1e6L}, {"us", 1e3L}, {"µs", 1e3L}, {"ns", 1.0L}, {"s", 1e9L}, {"m", 6e10L}, {"h", 3.6e12L}, {"d", 8.64e13L}}};
  auto rest = text;
  const bool negative = take_char(rest, '-');
  if (rest.empty()) return bad();
  long double total = 0;
  while (!rest.empty()) {
    long double value = 0;
    if (!take_number(rest, value)) return bad();
    const Unit* found = nullptr;
    for (const auto& unit : units) {
      if (rest.starts_with(unit.name)) {
        found = &unit;
        break;
      }
    }
    if (found == nullptr) return bad();
    rest.remove_prefix(found->name.size());
    total += value * found->ns;
  }
  if (total > 9.2e18L) return fail(Code::invalid_argument, "\"{}\" is too long a duration", text);
  return std::chrono::nanoseconds(static_cast<std::int64_t>(negative ? -total : total));
}

std::string format_duration(std::chrono::nanoseconds duration) {
  auto ns = duration.count();
  if (ns == 0) return "0s";
  std::string out = ns < 0 ? "-" : "";
  if (ns < 0) ns = -ns;
  if (ns < 1'000'000'000) {
    if (ns % 1'000'000 == 0) return out + fmt::format("{}ms", ns / 1'000'000);
    if (ns % 1'000 == 0) return out + fmt::format("{}us", ns / 1'000);
    return out + fmt::format("{}ns", ns);
  }
  const auto seconds = ns / 1'000'000'000;
  const auto fraction = ns % 1'000'000'000;
  if (seconds >= 3600) out += fmt::format("{}h", seconds / 3600);
  if (seconds % 3600 >= 60) out += fmt::format("{}m", seconds % 3600 / 60);
  if (seconds % 60 != 0 || fraction != 0) {
    auto text = fmt::format("{}.{:09}", seconds % 60, fraction);
    while (text.ends_with('0')) text.pop_back();
    if (text.ends_with('.')) text.pop_back();
    out += text + "s";
  }
  return out;
}

std::string format_time(Time time) {
  const auto ns = time.time_since_epoch().count();
  auto seconds = ns / 1'000'000'000;
  auto fraction = ns % 1'000'000'000;
  if (fraction < 0) {
    fraction += 1'000'000'000;
    --seconds;
  }
  // Not gmtime: it would read /etc/localtime.
  const std::chrono::sys_seconds whole{std::chrono::seconds(seconds)};
  const auto midnight = std::chrono::floor<std::chrono::days>(whole);
  const std::chrono::year_month_day date(midnight);
  const std::chrono::hh_mm_ss clock(whole - midnight);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}Z", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()), clock.hours().count(), clock.minutes().count(), clock.seconds().count(), fraction);
}

Result<Time> parse_time(std::string_view text) {
  auto bad = [&] { return fail(Code::invalid_argument, "\"{}\" is not an RFC 3339 time", text); };
  auto rest = text;
  std::tm tm{};
  if (!take_digits(rest, 4, tm.tm_year) || !take_char(rest, '-') || !take_digits(rest, 2, tm.tm_mon) || !take_char(rest, '-') ||
      !take_digits(rest, 2, tm.tm_mday))
    return bad();
  if (!take_char(rest, 'T') && !take_char(rest, 't') && !take_char(rest, ' ')) return bad();
  if (!take_digits(rest, 2, tm.tm_hour) || !take_char(rest, ':') || !take_digits(rest, 2, tm.tm_min) || !take_char(rest, ':') ||
      !take_digits(rest, 2, tm.tm_sec))
    return bad();
  if (tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60)
    return bad();
  std::int64_t fraction = 0;
  if (take_char(rest, '.')) {
    std::size_t digits = 0;
    while (!rest.empty() && rest[0] >= '0' && rest[0] <= '9') {
      if (digits++ < 9) fraction = fraction * 10 + (rest[0] - '0');
      rest.remove_prefix(1);
    }
    if (digits == 0) return bad();
    for (; digits < 9; ++digits) fraction *= 10;
  }
  int offset_hours = 0, offset_minutes = 0, sign = 1;
  if (!take_char(rest, 'Z') && !take_char(rest, 'z')) {
    if (take_char(rest, '-')) {
      sign = -1;
    } else if (!take_char(rest, '+')) {
      return bad();
    }
    if (!take_digits(rest, 2, offset_hours) || !take_char(rest, ':') || !take_digits(rest, 2, offset_minutes)) return bad();
  }
  if (!rest.empty() || tm.tm_year < 1678 || tm.tm_year > 2261) return bad();  // what 64-bit nanoseconds can hold
  tm.tm_year -= 1900;
  tm.tm_mon -= 1;
  const std::int64_t seconds = ::timegm(&tm) - sign * (offset_hours * 3600 + offset_minutes * 60);
  return Time{std::chrono::nanoseconds(seconds * 1'000'000'000 + fraction)};
}

const Clock& Clock::system() {
  class SystemClock final : public Clock {
    Time now() const override { return std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now()); }
  };
  static const SystemClock clock;
  return clock;
}

}  // namespace fulcrum
