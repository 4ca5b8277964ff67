#include "image/build/expand_pattern.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "image/build/go_text.h"

namespace fulcrum::image::build {

namespace {

using Characters = std::vector<std::string_view>;  // one per code point

struct Token {
  enum class Kind : std::uint8_t { text, one, many };
  Kind kind = Kind::text;
  std::string_view character;
};

/// Steps that matching may take.
constexpr std::size_t kBudget = std::size_t{32} << 20;

Characters characters(std::string_view text) {
  Characters out;
  while (!text.empty()) {
    const auto length = first_code_point(text).length;
    out.push_back(text.substr(0, length));
    text.remove_prefix(length);
  }
  return out;
}

Result<std::vector<Token>> tokens(std::string_view pattern) {
  std::vector<Token> out;
  const auto all = characters(pattern);
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i] == "*") {
      out.push_back({Token::Kind::many, {}});
    } else if (all[i] == "?") {
      out.push_back({Token::Kind::one, {}});
    } else if (all[i] == "\\") {
      const auto next = i + 1 < all.size() ? all[i + 1] : std::string_view{};
      if (next != "}" && next != "/" && next != "*" && next != "?" && next != "\\")
        return fail(Code::invalid_argument, "invalid pattern ({}) in substitution: invalid escape '\\{}'", shown(pattern), shown(next));
      out.push_back({Token::Kind::text, all[++i]});
    } else {
      out.push_back({Token::Kind::text, all[i]});
    }
  }
  return out;
}

/// All ends of matches that start at `start`, by following every token with the set of places where it can end.
class Matcher {
 public:
  Matcher(const std::vector<Token>& pattern, const Characters& value) : pattern_(pattern), value_(value), here_(value.size() + 1) {}

  /// The end of the longest (or shortest) match that starts there; nothing when none does.
  Result<std::optional<std::size_t>> end_from(std::size_t start, bool longest) {
    std::fill(here_.begin(), here_.end(), false);
    here_[start] = true;
    auto first = start;
    auto last = start;
    for (const auto& token : pattern_) {
      steps_ += last - first + 1;
      if (token.kind == Token::Kind::many) steps_ += value_.size() - first;
      if (steps_ > kBudget) return fail(Code::resource_exhausted, "a pattern of a substitution takes too long");
      if (!step(token, first, last)) return std::nullopt;
    }
    return longest ? last : first;
  }

 private:
  bool matches(const Token& token, std::size_t at) const {
    if (at >= value_.size()) return false;
    return token.kind == Token::Kind::text ? value_[at] == token.character : value_[at] != "\n";
  }

  /// Moves the set one token on; [first, last] are its ends. False when it is empty.
  bool step(const Token& token, std::size_t& first, std::size_t& last) {
    if (token.kind == Token::Kind::many) {
      for (auto i = first; i < value_.size(); ++i)
        if (here_[i] && matches(token, i)) here_[i + 1] = true;
      last = value_.size();
      while (!here_[last]) --last;
      return true;
    }
    bool any = false;
    std::size_t new_first = 0;
    std::size_t new_last = 0;
    for (auto i = last + 1; i-- > first;) {
      const bool moves = here_[i] && matches(token, i);
      here_[i] = false;
      if (!moves) continue;
      here_[i + 1] = true;
      if (!any) new_last = i + 1;
      new_first = i + 1;
      any = true;
    }
    first = new_first;
    last = new_last;
    return any;
  }

  const std::vector<Token>& pattern_;
  const Characters& value_;
  std::vector<bool> here_;
  std::size_t steps_ = 0;
};

std::string join(const Characters& all, std::size_t from, std::size_t to) {
  std::string out;
  for (auto i = from; i < to; ++i) out += all[i];
  return out;
}

}  // namespace

Result<std::string> trim_start(std::string_view pattern, std::string_view value, bool longest) {
  const auto parsed = TRY(tokens(pattern));
  const auto all = characters(value);
  const auto end = TRY(Matcher(parsed, all).end_from(0, longest));
  return join(all, end.value_or(0), all.size());
}

Result<std::string> trim_end(std::string_view pattern, std::string_view value, bool longest) {
  auto parsed = TRY(tokens(pattern));
  const auto all = characters(value);
  auto reversed = all;
  std::reverse(parsed.begin(), parsed.end());
  std::reverse(reversed.begin(), reversed.end());
  const auto end = TRY(Matcher(parsed, reversed).end_from(0, longest));
  return join(all, 0, all.size() - end.value_or(0));
}

Result<std::string> replace_matches(std::string_view pattern, std::string_view value, std::string_view replacement, bool every) {
  const auto parsed = TRY(tokens(pattern));
  const auto all = characters(value);
  Matcher matcher(parsed, all);
  std::string out;
  std::size_t copied = 0;
  for (std::size_t at = 0; at <= all.size();) {
    const auto end = TRY(matcher.end_from(at, true));
    if (!end) {
      ++at;
      continue;
    }
    out += join(all, copied, at);
    const bool again = *end == at && copied == at && at != 0;  // an empty match right after another counts for nothing
    if (!again) out += replacement;
    if (out.size() > std::size_t{64} << 20) return fail(Code::resource_exhausted, "a substitution gives more than 64 MiB");
    copied = *end;
    if (!every) break;
    at = std::max(*end, at + 1);
  }
  return out + join(all, copied, all.size());
}

}  // namespace fulcrum::image::build
