#include "os/subid.h"

#include <charconv>
#include <limits>

namespace fulcrum::os {
namespace {

constexpr std::uint64_t kIds = std::numeric_limits<std::uint32_t>::max();  // the last one, -1, is no id

std::optional<std::uint32_t> number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Takes the text up to the next separator off the front.
std::string_view take(std::string_view& text, char separator) {
  const auto at = text.find(separator);
  const auto word = text.substr(0, at);
  text = at == std::string_view::npos ? std::string_view() : text.substr(at + 1);
  return word;
}

}  // namespace

std::vector<SubidRange> parse_subids(std::string_view text, std::string_view user, std::uint32_t uid) {
  std::vector<SubidRange> ranges;
  const auto as_number = std::to_string(uid);
  while (!text.empty() && ranges.size() < kMaxSubidRanges) {
    auto line = take(text, '\n');
    const auto owner = take(line, ':');
    if (owner.empty() || (owner != user && owner != as_number)) continue;
    const auto first = number(take(line, ':'));
    const auto count = number(line);
    if (!first || !count || *count == 0 || std::uint64_t{*first} + *count > kIds) continue;
    ranges.push_back({*first, *count});
  }
  return ranges;
}

std::optional<std::string> user_name(std::string_view passwd, std::uint32_t uid) {
  while (!passwd.empty()) {
    auto line = take(passwd, '\n');
    const auto name = take(line, ':');
    take(line, ':');  // the password
    if (!name.empty() && number(take(line, ':')) == uid) return std::string(name);
  }
  return std::nullopt;
}

std::vector<IdRange> map_for_user(std::uint32_t own, const std::vector<SubidRange>& ranges) {
  std::vector<IdRange> map{{.inside = 0, .outside = own, .size = 1}};
  std::uint64_t inside = 1;
  for (const auto& range : ranges) {
    const bool has_own = own >= range.first && own - range.first < range.count;
    if (has_own || inside + range.count > kIds) continue;
    map.push_back({.inside = static_cast<std::uint32_t>(inside), .outside = range.first, .size = range.count});
    inside += range.count;
  }
  return map;
}

std::uint64_t mapped_ids(const std::vector<IdRange>& map) {
  std::uint64_t sum = 0;
  for (const auto& range : map) sum += range.size;
  return sum;
}

}  // namespace fulcrum::os
