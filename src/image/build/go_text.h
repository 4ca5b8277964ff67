// Texts as Go's fmt and strconv write them: docker's histories and messages are full of them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fulcrum::image::build {

/// One code point and the bytes it takes; a byte that is no UTF-8 is U+FFFD and takes one.
struct CodePoint {
  char32_t value = 0;
  std::size_t length = 0;
};
/// The code point at the start of a text that is not empty.
CodePoint first_code_point(std::string_view text);

/// Go's unicode.IsSpace.
bool is_space(char32_t c);
/// Close to Go's unicode.IsLetter: all of ASCII exactly; above, everything but controls, spaces, punctuation and symbols of the common
/// blocks.
bool is_letter(char32_t c);
/// strings.TrimSpace
std::string_view trim_space(std::string_view text);
/// strings.TrimLeftFunc(text, unicode.IsSpace)
std::string_view trim_left_space(std::string_view text);

/// %q of a string.
std::string go_quote(std::string_view text);
/// %q of a []string: `["a" "b"]`
std::string go_quote(std::span<const std::string> words);
/// %v of a []string: `[a b]`
std::string go_list(std::span<const std::string> words);
/// time.Duration's String(): "1m30s", "100ms", "0s".
std::string go_duration(std::int64_t nanoseconds);

/// Upper case, of ASCII.
std::string to_upper(std::string_view text);
/// Lower case, of ASCII.
std::string to_lower(std::string_view text);

/// filepath.Clean: "a/./b//../c" → "a/c", "" → ".", "/.." → "/".
std::string clean_path(std::string_view path);
/// filepath.Base: "a/b/" → "b", "" → ".".
std::string base_name(std::string_view path);

/// Of foreign text in a message: at most 256 bytes, control characters as '?'.
std::string shown(std::string_view text);

}  // namespace fulcrum::image::build
