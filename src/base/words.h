// Splitting and quoting as a POSIX shell does it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace fulcrum {

/// Splits text into words: blanks separate, '…' and "…" quote, \ escapes; nothing is expanded. Error: invalid_argument (quote not closed).
[[nodiscard]] Result<std::vector<std::string>> split_words(std::string_view text);

/// One word, quoted when it must be, such that split_words gives it back.
std::string quote_word(std::string_view word);
std::string join_words(std::span<const std::string> words);

/// Whether text is well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF).
bool is_utf8(std::string_view text);

/// Splits at every `separator`; "" gives one empty part.
std::vector<std::string> split(std::string_view text, char separator);

}  // namespace fulcrum
