// --chown and --chmod.
#include <charconv>

#include "base/sys.h"
#include "base/words.h"
#include "image/build/copy_plan.h"
#include "image/build/go_text.h"
#include "image/build/rooted.h"

namespace fulcrum::image::build {

namespace {

std::optional<std::uint32_t> number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc{} || end != text.data() + text.size() || value == UINT32_MAX) return std::nullopt;
  return value;
}

/// The number that a line `name:x:number:…` of a file gives.
Result<std::optional<std::uint32_t>> named(int root, const std::string& file, std::string_view name) {
  constexpr std::size_t kMaxFile = 4 << 20;
  const auto opened = TRY(open_regular(root, file));
  if (!opened) return std::nullopt;
  for (const auto& line : split(TRY(sys::read_all(opened->get(), kMaxFile)), '\n')) {
    const auto fields = split(line, ':');
    if (fields.size() > 2 && fields[0] == name) return number(fields[2]);
  }
  return std::nullopt;
}

}  // namespace

Result<Owner> parse_chown(std::string_view chown, int root) {
  const auto parts = split(chown, ':');
  if (parts.size() > 2) return fail(Code::invalid_argument, "invalid chown string format: {}", shown(chown));
  const auto& user = parts[0];
  const auto& group = parts.back();
  auto uid = number(user);
  if (!uid) uid = TRY(named(root, "etc/passwd", user));
  if (!uid) return fail(Code::invalid_argument, "can't find uid for user {0}: no such user: {0}", shown(user));
  auto gid = number(group);
  if (!gid) gid = TRY(named(root, "etc/group", group));
  if (!gid) return fail(Code::invalid_argument, "can't find gid for group {0}: no such group: {0}", shown(group));
  return Owner{*uid, *gid};
}

Result<mode_t> parse_chmod(std::string_view chmod) {
  mode_t value = 0;
  const auto [end, failed] = std::from_chars(chmod.data(), chmod.data() + chmod.size(), value, 8);
  if (failed != std::errc{} || end != chmod.data() + chmod.size() || value > 07777)
    return fail(Code::invalid_argument, "invalid chmod parameter: '{}'. it should be octal string and between 0 and 07777", shown(chmod));
  return value;
}

}  // namespace fulcrum::image::build
