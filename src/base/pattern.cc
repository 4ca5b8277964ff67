#include "base/pattern.h"

#include <cctype>
#include <charconv>

namespace fulcrum {

namespace {

constexpr std::size_t kMaxSteps = 4096;
constexpr int kMaxDepth = 64;
constexpr int kMaxRepeat = 1000;

using Bytes = std::bitset<256>;

Bytes range(unsigned char from, unsigned char to) {
  Bytes bytes;
  for (unsigned c = from; c <= to; ++c) bytes.set(c);
  return bytes;
}

/// \d, \w, \s and their opposites.
std::optional<Bytes> class_of(char letter) {
  const auto digits = range('0', '9');
  const auto words = digits | range('a', 'z') | range('A', 'Z') | range('_', '_');
  const auto spaces = range('\t', '\r') | range(' ', ' ');
  switch (letter) {
    case 'd': return digits;
    case 'D': return ~digits;
    case 'w': return words;
    case 'W': return ~words;
    case 's': return spaces;
    case 'S': return ~spaces;
    default: return std::nullopt;
  }
}

/// \n, \. and so on: the byte. Letters and digits that mean something else are refused.
std::optional<unsigned char> escaped(char c) {
  switch (c) {
    case 'n': return '\n';
    case 't': return '\t';
    case 'r': return '\r';
    default: break;
  }
  if (std::isalnum(static_cast<unsigned char>(c)) != 0) return std::nullopt;
  return static_cast<unsigned char>(c);
}

}  // namespace

/// Recursive descent; each function leaves nothing when the text is wrong.
class PatternParser {
 public:
  using Steps = Pattern::Steps;
  using Step = Pattern::Step;
  using Op = Pattern::Op;

  explicit PatternParser(std::string_view text) : rest_(text) {
    if (rest_.starts_with("(?i)")) {
      rest_.remove_prefix(4);
      fold_ = true;
    }
  }

  std::optional<Steps> parse() {
    auto steps = alternatives(0);
    return steps && rest_.empty() ? std::move(steps) : std::nullopt;
  }

 private:
  bool take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  char next() {
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }
  static void append(Steps& to, const Steps& from) { to.insert(to.end(), from.begin(), from.end()); }
  static std::int32_t size(const Steps& steps) { return static_cast<std::int32_t>(steps.size()); }

  Steps byte_set(Bytes bytes) const {
    if (fold_)
      for (unsigned c = 'a'; c <= 'z'; ++c) {
        const auto upper = c - 'a' + 'A';
        if (bytes[c] || bytes[upper]) bytes.set(c).set(upper);
      }
    return {{.op = Op::one_of, .bytes = bytes}};
  }

  std::optional<Steps> alternatives(int depth) {
    if (depth > kMaxDepth) return std::nullopt;
    auto left = sequence(depth);
    while (left && take('|')) {
      const auto right = sequence(depth);
      if (!right || left->size() + right->size() > kMaxSteps) return std::nullopt;
      Steps both{{.op = Op::split, .first = 1, .second = size(*left) + 2}};
      append(both, *left);
      both.push_back({.op = Op::jump, .first = size(*right) + 1});
      append(both, *right);
      left = std::move(both);
    }
    return left;
  }

  std::optional<Steps> sequence(int depth) {
    Steps steps;
    while (!rest_.empty() && rest_.front() != '|' && rest_.front() != ')') {
      const auto part = repeated(depth);
      if (!part || steps.size() + part->size() > kMaxSteps) return std::nullopt;
      append(steps, *part);
    }
    return steps;
  }

  std::optional<Steps> repeated(int depth) {
    auto steps = atom(depth);
    while (steps && !rest_.empty()) {
      int least = 0;
      int most = -1;  // no limit
      const char c = rest_.front();
      if (c == '{') {
        if (!bounds(least, most)) return std::nullopt;
      } else if (c == '*' || c == '+' || c == '?') {
        next();
        least = c == '+' ? 1 : 0;
        most = c == '?' ? 1 : -1;
      } else {
        break;
      }
      take('?');  // which match is found does not matter here
      steps = repeat(*steps, least, most);
    }
    return steps;
  }

  bool bounds(int& least, int& most) {
    const auto close = rest_.find('}');
    if (close == std::string_view::npos) return false;
    const auto inside = rest_.substr(1, close - 1);
    rest_.remove_prefix(close + 1);
    const auto* end = inside.data() + inside.size();
    const auto [comma, error] = std::from_chars(inside.data(), end, least);
    if (error != std::errc() || least > kMaxRepeat || least < 0) return false;
    most = least;
    if (comma == end) return true;
    if (*comma != ',') return false;
    most = -1;
    if (comma + 1 == end) return true;
    const auto [last, most_error] = std::from_chars(comma + 1, end, most);
    return most_error == std::errc() && last == end && most >= least && most <= kMaxRepeat;
  }

  static std::optional<Steps> repeat(const Steps& steps, int least, int most) {
    const auto copies = static_cast<std::size_t>(most < 0 ? least + 1 : most);
    if ((steps.size() + 2) * copies > kMaxSteps) return std::nullopt;
    Steps all;
    for (int i = 0; i < least; ++i) append(all, steps);
    if (most < 0) {
      all.push_back({.op = Op::split, .first = 1, .second = size(steps) + 2});
      append(all, steps);
      all.push_back({.op = Op::jump, .first = -(size(steps) + 1)});
    }
    for (int i = least; i < most; ++i) {
      all.push_back({.op = Op::split, .first = 1, .second = size(steps) + 1});
      append(all, steps);
    }
    return all;
  }

  std::optional<Steps> atom(int depth) {
    switch (const char c = next()) {
      case '^': return Steps{{.op = Op::begin}};
      case '$': return Steps{{.op = Op::end}};
      case '.': return byte_set(~range('\n', '\n'));
      case '[': return bracket();
      case '*':
      case '+':
      case '?':
      case '{': return std::nullopt;
      case '(': {
        if (rest_.starts_with('?')) {
          if (!rest_.starts_with("?:")) return std::nullopt;
          rest_.remove_prefix(2);
        }
        auto inside = alternatives(depth + 1);
        return inside && take(')') ? std::move(inside) : std::nullopt;
      }
      case '\\': {
        if (rest_.empty()) return std::nullopt;
        const char letter = next();
        if (const auto bytes = class_of(letter)) return byte_set(*bytes);
        const auto byte = escaped(letter);
        return byte ? std::optional(byte_set(range(*byte, *byte))) : std::nullopt;
      }
      default: return byte_set(range(static_cast<unsigned char>(c), static_cast<unsigned char>(c)));
    }
  }

  std::optional<Steps> bracket() {
    const bool opposite = take('^');
    Bytes bytes;
    for (bool first = true;; first = false) {
      if (rest_.empty()) return std::nullopt;
      if (!first && take(']')) break;
      if (rest_.size() > 1 && rest_[0] == '\\') {
        if (const auto letters = class_of(rest_[1])) {
          bytes |= *letters;
          rest_.remove_prefix(2);
          continue;
        }
      }
      const auto from = bracket_byte();
      auto to = from;
      if (rest_.size() > 1 && rest_[0] == '-' && rest_[1] != ']') {
        next();
        to = bracket_byte();
      }
      if (!from || !to || *to < *from) return std::nullopt;
      bytes |= range(*from, *to);
    }
    return byte_set(opposite ? ~bytes : bytes);
  }

  std::optional<unsigned char> bracket_byte() {
    if (rest_.starts_with("[:")) return std::nullopt;
    const char c = next();
    if (c != '\\') return static_cast<unsigned char>(c);
    return rest_.empty() ? std::nullopt : escaped(next());
  }

  std::string_view rest_;
  bool fold_ = false;
};

std::optional<Pattern> Pattern::parse(std::string_view text) {
  auto steps = PatternParser(text).parse();
  if (!steps) return std::nullopt;
  Pattern pattern;
  pattern.steps_ = std::move(*steps);
  return pattern;
}

/// Follows everything that takes no byte; states end at a one_of, or behind the last step.
void Pattern::enter(std::size_t step, std::size_t at, std::size_t size, std::vector<bool>& seen, std::vector<std::size_t>& states) const {
  std::vector<std::size_t> open{step};
  const auto to = [&](std::size_t from, std::int32_t by) {
    open.push_back(from + static_cast<std::size_t>(static_cast<std::int64_t>(by)));
  };
  while (!open.empty()) {
    const auto now = open.back();
    open.pop_back();
    if (seen[now]) continue;
    seen[now] = true;
    if (now == steps_.size() || steps_[now].op == Op::one_of) {
      states.push_back(now);
      continue;
    }
    const auto& it = steps_[now];
    switch (it.op) {
      case Op::split: to(now, it.first); [[fallthrough]];
      case Op::jump: to(now, it.op == Op::split ? it.second : it.first); break;
      case Op::begin:
        if (at == 0) to(now, 1);
        break;
      case Op::end:
        if (at == size) to(now, 1);
        break;
      case Op::one_of: break;
    }
  }
}

bool Pattern::found_in(std::string_view text) const {
  std::vector<std::size_t> states;
  for (std::size_t at = 0;; ++at) {
    std::vector<bool> seen(steps_.size() + 1);
    std::vector<std::size_t> now;
    for (const auto state : states)
      if (steps_[state].bytes[static_cast<unsigned char>(text[at - 1])]) enter(state + 1, at, text.size(), seen, now);
    enter(0, at, text.size(), seen, now);  // it may begin anywhere
    if (seen[steps_.size()]) return true;
    if (at == text.size()) return false;
    states = std::move(now);
  }
}

}  // namespace fulcrum
