#include "image/registry/challenge.h"

#include <optional>
#include <utility>

namespace fulcrum::image::registry {
namespace {

constexpr std::size_t kMaxChallenges = 16;
constexpr std::size_t kMaxParameters = 16;

bool is_space(char c) { return c == ' ' || c == '\t'; }

bool is_token_char(char c) {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) return true;
  return std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool is_token68_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("-._~+/").find(c) != std::string_view::npos;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

/// A cursor over the header. Every function leaves the position where it stopped reading.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  bool at_end() const { return rest_.empty(); }
  bool at(char c) const { return !rest_.empty() && rest_.front() == c; }
  void skip() { rest_.remove_prefix(rest_.empty() ? 0 : 1); }
  void skip_spaces() { take_while(is_space); }
  void skip_separators() {
    take_while([](char c) { return is_space(c) || c == ','; });
  }
  std::string_view token() { return take_while(is_token_char); }
  std::string_view rest() const { return rest_; }
  void restore(std::string_view rest) { rest_ = rest; }

  template <class Predicate>
  std::string_view take_while(Predicate predicate) {
    std::size_t length = 0;
    while (length < rest_.size() && predicate(rest_[length])) ++length;
    const auto taken = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return taken;
  }

  /// A quoted string, at its opening quote. An unclosed one ends with the header.
  std::string quoted() {
    std::string out;
    skip();
    while (!at_end() && !at('"')) {
      if (at('\\')) skip();
      if (at_end()) break;
      out += rest_.front();
      skip();
    }
    skip();
    return out;
  }

 private:
  std::string_view rest_;
};

/// name BWS "=" BWS (token | quoted-string); nothing, and the position unchanged, when the text is something else.
std::optional<std::pair<std::string, std::string>> parameter(Scanner& in) {
  const auto before = in.rest();
  const auto name = in.token();
  in.skip_spaces();
  if (name.empty() || !in.at('=')) {
    in.restore(before);
    return std::nullopt;
  }
  in.skip();
  in.skip_spaces();
  // Seen in the wild: unquoted values with ":" and "/" in them (realm=https://host/token).
  auto value = in.at('"') ? in.quoted() : std::string(in.take_while([](char c) { return !is_space(c) && c != ',' && c != '"'; }));
  return std::pair(lower(name), std::move(value));
}

/// token68 stands alone after the scheme: nothing but "," or the end follows it.
std::optional<std::string> token68(Scanner& in) {
  const auto before = in.rest();
  std::string out(in.take_while(is_token68_char));
  const bool some = !out.empty();
  out += in.take_while([](char c) { return c == '='; });
  in.skip_spaces();
  if (some && (in.at_end() || in.at(','))) return out;
  in.restore(before);
  return std::nullopt;
}

}  // namespace

std::string_view Challenge::parameter(const std::string& name) const {
  const auto found = parameters.find(name);
  return found == parameters.end() ? std::string_view() : std::string_view(found->second);
}

std::vector<Challenge> parse_challenges(std::string_view header) {
  std::vector<Challenge> out;
  Scanner in(header);
  while (out.size() < kMaxChallenges) {
    in.skip_separators();
    if (in.at_end()) break;
    Challenge challenge{.scheme = lower(in.token())};
    if (challenge.scheme.empty()) {
      in.skip();
      continue;
    }
    in.skip_spaces();
    if (auto bare = token68(in)) {
      challenge.token68 = std::move(*bare);
    } else {
      while (auto pair = parameter(in)) {
        if (challenge.parameters.size() < kMaxParameters) challenge.parameters.insert(std::move(*pair));
        in.skip_separators();
      }
    }
    out.push_back(std::move(challenge));
  }
  return out;
}

}  // namespace fulcrum::image::registry
