#include "image/build/glob.h"

#include <algorithm>

#include "image/build/go_text.h"

namespace fulcrum::image::build {

namespace {

std::unexpected<Error> bad_pattern() { return fail(Code::invalid_argument, "syntax error in pattern"); }

/// Takes one character from the front.
char32_t take(std::string_view& text) {
  const auto c = first_code_point(text);
  text.remove_prefix(c.length);
  return c.value;
}

/// One end of a range within `[…]`.
Result<char32_t> class_character(std::string_view& rest) {
  if (rest.empty() || rest[0] == '-' || rest[0] == ']') return bad_pattern();
  if (rest[0] == '\\') {
    rest.remove_prefix(1);
    if (rest.empty()) return bad_pattern();
  }
  const auto out = take(rest);
  if (rest.empty()) return bad_pattern();
  return out;
}

}  // namespace

bool Glob::Token::takes(char32_t c) const {
  switch (kind) {
    case Kind::text: return c == character;
    case Kind::one:
    case Kind::many: return c != '/';
    case Kind::any:
      return negated != std::any_of(ranges.begin(), ranges.end(), [c](const auto& r) { return c >= r.first && c <= r.second; });
    case Kind::rest:
    case Kind::folders: return true;
  }
  return false;
}

Result<Glob::Token> Glob::take_token(std::string_view& pattern) {
  Token token;
  const auto c = take(pattern);
  if (c == '*') {
    token.kind = Token::Kind::many;
  } else if (c == '?') {
    token.kind = Token::Kind::one;
  } else if (c == '[') {
    token.kind = Token::Kind::any;
    token.negated = pattern.starts_with('^');
    if (token.negated) pattern.remove_prefix(1);
    while (token.ranges.empty() || !pattern.starts_with(']')) {
      const auto low = TRY(class_character(pattern));
      auto high = low;
      if (pattern[0] == '-') {
        pattern.remove_prefix(1);
        high = TRY(class_character(pattern));
      }
      token.ranges.emplace_back(low, high);
    }
    pattern.remove_prefix(1);
  } else if (c == '\\') {
    if (pattern.empty()) return bad_pattern();
    token.character = take(pattern);
  } else {
    token.character = c;
  }
  return token;
}

Result<Glob> Glob::compile(std::string_view pattern) {
  Glob out;
  while (!pattern.empty()) out.tokens_.push_back(TRY(take_token(pattern)));
  return out;
}

Result<Glob> Glob::compile_deep(std::string_view pattern) {
  Glob out;
  bool plain = true;  // no wildcard but a `**` at the start
  bool starts_deep = false;
  while (!pattern.empty()) {
    if (pattern.starts_with("**")) {
      const bool first = out.tokens_.empty();
      pattern.remove_prefix(2);
      const bool slash = pattern.starts_with('/');
      if (slash) pattern.remove_prefix(1);
      Token token;
      token.kind = pattern.empty() ? Token::Kind::rest : Token::Kind::folders;
      out.tokens_.push_back(std::move(token));
      if (first) starts_deep = !slash;
      if (!first) plain = false;
      continue;
    }
    if (std::string_view("*?[\\").find(pattern[0]) != std::string_view::npos) plain = false;
    out.tokens_.push_back(TRY(take_token(pattern)));
  }
  // "**.txt" is anything that ends so, whereas "**" before other wildcards stands for folders.
  if (starts_deep && plain) out.tokens_[0].kind = Token::Kind::rest;
  return out;
}

bool Glob::matches(std::string_view text) const {
  std::u32string characters;
  while (!text.empty()) characters += take(text);
  const auto size = characters.size();
  std::vector<bool> here(size + 1);
  here[0] = true;
  for (const auto& token : tokens_) {
    using Kind = Token::Kind;
    if (token.kind == Kind::many || token.kind == Kind::rest) {
      for (std::size_t i = 0; i < size; ++i)
        if (here[i] && token.takes(characters[i])) here[i + 1] = true;
    } else if (token.kind == Kind::folders) {
      bool began = false;
      for (std::size_t i = 0; i < size; ++i) {
        began = began || here[i];
        if (began && characters[i] == '/') here[i + 1] = true;
      }
    } else {
      for (std::size_t i = size; i > 0; --i) here[i] = here[i - 1] && token.takes(characters[i - 1]);
      here[0] = false;
    }
  }
  return here[size];
}

}  // namespace fulcrum::image::build
