// Go's file name patterns, with .dockerignore's `**` added.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace fulcrum::image::build {

/// A pattern, taken apart once.
class Glob {
 public:
  /// filepath.Match: `*` `?` `[a-z]` `[^a]` `\`. Errors: invalid_argument "syntax error in pattern".
  [[nodiscard]] static Result<Glob> compile(std::string_view pattern);
  /// The same with `**`: any number of folders. The syntax is that of filepath.Match.
  [[nodiscard]] static Result<Glob> compile_deep(std::string_view pattern);

  /// Whether all of `text` matches. Takes time linear in both.
  bool matches(std::string_view text) const;

 private:
  struct Token {
    enum class Kind : std::uint8_t {
      text,     ///< one character
      one,      ///< `?`: one that is no slash
      many,     ///< `*`: any that are no slashes
      any,      ///< `[…]`: one of a class
      rest,     ///< anything
      folders,  ///< anything that ends with a slash, or nothing
    };
    Kind kind = Kind::text;
    char32_t character = 0;
    bool negated = false;
    std::vector<std::pair<char32_t, char32_t>> ranges;
    bool takes(char32_t c) const;
  };
  static Result<Token> take_token(std::string_view& pattern);
  std::vector<Token> tokens_;
};

}  // namespace fulcrum::image::build
