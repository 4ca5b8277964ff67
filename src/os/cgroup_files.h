// Reading the small text files of cgroup file systems. Private to this folder.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace fulcrum::cgroup_files {

/// The file without blanks and newlines at its end.
[[nodiscard]] Result<std::string> read_trimmed(const std::string& path);
/// Blank-separated words.
std::vector<std::string_view> words(std::string_view text);
bool contains_word(std::string_view text, std::string_view word);
std::vector<std::string_view> lines(std::string_view text);
/// A whole number; nothing for "max" or anything else that is no number.
std::optional<std::uint64_t> number(std::string_view text);
/// A file with one number. Nothing when it is absent or holds none.
std::optional<std::uint64_t> read_number(const std::string& path);
/// The value in a `key value` file text.
std::optional<std::uint64_t> value_of(std::string_view text, std::string_view key);

/// Calls `visit` with `top` and every cgroup folder below it, deepest first. Folders that vanish meanwhile are skipped.
[[nodiscard]] Result<> walk(const std::string& top, const std::function<Result<>(const std::string&)>& visit);

}  // namespace fulcrum::cgroup_files
