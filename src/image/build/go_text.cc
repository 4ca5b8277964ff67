#include "image/build/go_text.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <utility>

namespace fulcrum::image::build {

CodePoint first_code_point(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto first = byte(0);
  if (first < 0x80) return {first, 1};
  const std::size_t length = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  if (length == 0) return {0xfffd, 1};
  char32_t value = first & (0x7fU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0U) != 0x80) return {0xfffd, 1};
    value = value << 6 | (byte(i) & 0x3fU);
  }
  const bool overlong = (length == 3 && value < 0x800) || (length == 4 && value < 0x10000);
  if (overlong || (value >= 0xd800 && value < 0xe000) || value > 0x10ffff) return {0xfffd, 1};
  return {value, length};
}

bool is_space(char32_t c) {
  if (c < 0x80) return c == ' ' || (c >= '\t' && c <= '\r');
  return c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
         c == 0x205f || c == 0x3000;
}

bool is_letter(char32_t c) {
  if (c < 0x80) return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  if (c < 0xc0) return c == 0xaa || c == 0xb5 || c == 0xba;
  constexpr std::array<std::pair<char32_t, char32_t>, 7> kOthers = {
      {{0xd7, 0xd7}, {0xf7, 0xf7}, {0x2000, 0x2bff}, {0x3000, 0x3004}, {0xd800, 0xf8ff}, {0xfe00, 0xfe6f}, {0xfff0, 0xffff}}};
  if (c >= 0x1f000 && c < 0x20000) return false;  // pictures
  return std::none_of(kOthers.begin(), kOthers.end(), [c](const auto& range) { return c >= range.first && c <= range.second; });
}

std::string_view trim_left_space(std::string_view text) {
  while (!text.empty()) {
    const auto c = first_code_point(text);
    if (!is_space(c.value)) break;
    text.remove_prefix(c.length);
  }
  return text;
}

std::string_view trim_space(std::string_view text) {
  text = trim_left_space(text);
  std::size_t end = 0;
  for (std::size_t i = 0; i < text.size();) {
    const auto c = first_code_point(text.substr(i));
    i += c.length;
    if (!is_space(c.value)) end = i;
  }
  return text.substr(0, end);
}

std::string go_quote(std::string_view text) {
  constexpr std::string_view kNamed = "\a\b\f\n\r\t\v\\\"";
  constexpr std::string_view kNames = "abfnrtv\\\"";
  std::string out = "\"";
  for (std::size_t i = 0; i < text.size();) {
    const auto c = first_code_point(text.substr(i));
    const auto bytes = text.substr(i, c.length);
    i += c.length;
    const auto named = c.value < 0x80 ? kNamed.find(static_cast<char>(c.value)) : std::string_view::npos;
    if (named != std::string_view::npos) {
      out += '\\';
      out += kNames[named];
    } else if (c.value == 0xfffd && bytes.size() == 1) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(bytes[0]));
    } else if (c.value < 0x20 || c.value == 0x7f) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned>(c.value));
    } else if ((c.value >= 0x80 && c.value < 0xa1) || c.value == 0xad || (c.value >= 0x80 && is_space(c.value))) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c.value));
    } else {
      out += bytes;
    }
  }
  return out + '"';
}

std::string go_quote(std::span<const std::string> words) {
  std::string out = "[";
  for (const auto& word : words) {
    if (out.size() > 1) out += ' ';
    out += go_quote(word);
  }
  return out + ']';
}

std::string go_list(std::span<const std::string> words) {
  std::string out = "[";
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) out += ' ';
    out += words[i];
  }
  return out + ']';
}

namespace {
/// `value` / `unit` with the digits that are needed.
std::string decimal(std::uint64_t value, std::uint64_t unit) {
  auto out = std::to_string(value / unit);
  auto rest = value % unit;
  if (rest == 0) return out;
  out += '.';
  for (auto scale = unit / 10; rest != 0; scale /= 10) {
    out += static_cast<char>('0' + rest / scale);
    rest %= scale;
  }
  return out;
}
}  // namespace

std::string go_duration(std::int64_t nanoseconds) {
  const auto total = nanoseconds < 0 ? std::uint64_t{0} - static_cast<std::uint64_t>(nanoseconds) : static_cast<std::uint64_t>(nanoseconds);
  const std::string sign = nanoseconds < 0 ? "-" : "";
  if (total == 0) return "0s";
  if (total < 1000) return sign + std::to_string(total) + "ns";
  if (total < 1000'000) return sign + decimal(total, 1000) + "µs";
  if (total < 1000'000'000) return sign + decimal(total, 1000'000) + "ms";
  constexpr std::uint64_t kSecond = 1000'000'000;
  const auto minutes = total / (60 * kSecond);
  auto out = decimal(total % (60 * kSecond), kSecond) + "s";
  if (minutes > 0) out = std::to_string(minutes % 60) + "m" + out;
  if (minutes >= 60) out = std::to_string(minutes / 60) + "h" + out;
  return sign + out;
}

std::string to_upper(std::string_view text) {
  std::string out(text);
  for (auto& c : out) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  return out;
}

std::string to_lower(std::string_view text) {
  std::string out(text);
  for (auto& c : out) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return out;
}

std::string clean_path(std::string_view path) {
  if (path.empty()) return ".";
  const bool rooted = path[0] == '/';
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    const auto slash = std::min(path.find('/'), path.size());
    const auto part = path.substr(0, slash);
    path.remove_prefix(std::min(slash + 1, path.size()));
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      parts.push_back(part);
    } else if (!parts.empty() && parts.back() != "..") {
      parts.pop_back();
    } else if (!rooted) {
      parts.push_back(part);
    }
  }
  std::string out = rooted ? "/" : "";
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) out += '/';
    out += parts[i];
  }
  return out.empty() ? "." : out;
}

std::string base_name(std::string_view path) {
  if (path.empty()) return ".";
  while (path.ends_with('/')) path.remove_suffix(1);
  if (path.empty()) return "/";
  return std::string(path.substr(path.rfind('/') + 1));
}

std::string shown(std::string_view text) {
  std::string out(text.substr(0, 256));
  for (auto& c : out)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return out;
}

}  // namespace fulcrum::image::build
