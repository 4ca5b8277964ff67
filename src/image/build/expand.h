// Words of a Dockerfile: variables, quotes and escapes, exactly as BuildKit's shell lexer reads them.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "image/build/dockerfile.h"

namespace fulcrum::image::build {

/// What a name stands for; nothing when it is unset.
using Lookup = std::function<std::optional<std::string>(std::string_view name)>;

/// A look-up in "NAME=value" lines; the last one wins. It keeps a copy.
Lookup lookup_in(std::span<const std::string> environment);

struct ExpandOptions {
  char escape = '\\';
  bool raw_quotes = false;       ///< quotes stay
  bool raw_escapes = false;      ///< escapes stay
  bool keep_quotes = false;      ///< quotes mean nothing (in here-documents)
  bool keep_unset = false;       ///< `$x` stays when x is unset
  std::size_t max = 4096 << 10;  ///< bytes of a result; resource_exhausted past it
};

/// Expands `$x ${x} ${x:-y} ${x-y} ${x:+y} ${x+y} ${x:?e} ${x?e} ${x#p} ${x##p} ${x%p} ${x%%p} ${x/p/y} ${x//p/y}` and removes quotes and
/// escapes; blanks stay. `unset`, when given, gets the names that were looked up in vain. Errors: invalid_argument in BuildKit's words.
[[nodiscard]] Result<std::string> expand_word(std::string_view word, const Lookup& lookup, const ExpandOptions& options = {},
                                              std::set<std::string>* unset = nullptr);
/// The same, and splits at blanks that were not quoted, after expansion.
[[nodiscard]] Result<std::vector<std::string>> expand_words(std::string_view word, const Lookup& lookup, const ExpandOptions& options = {});

/// Expands what docker expands in an instruction: COPY, ADD (inline files too), ENV, ARG, LABEL, EXPOSE (into words), USER, WORKDIR,
/// VOLUME, STOPSIGNAL. The others are left alone. All words of one instruction see the same variables.
[[nodiscard]] Result<> expand_instruction(Instruction& instruction, const Lookup& lookup, char escape);

}  // namespace fulcrum::image::build
