#include "image/build/nodes.h"

#include <algorithm>
#include <optional>

#include "image/build/expand.h"
#include "image/build/go_text.h"

namespace fulcrum::image::build {

namespace {

/// The lines of a text, with their ends.
class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}
  std::optional<std::string_view> next() {
    if (rest_.empty()) return std::nullopt;
    const auto end = rest_.find('\n');
    const auto line = rest_.substr(0, end == std::string_view::npos ? end : end + 1);
    rest_.remove_prefix(line.size());
    ++number_;
    return line;
  }
  /// Of the line last given, from 1.
  int number() const { return number_; }

 private:
  std::string_view rest_;
  int number_ = 0;
};

std::string_view without_line_end(std::string_view line) {
  while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

bool is_comment(std::string_view line) { return trim_left_space(line).starts_with('#'); }

/// `# name = value` at the top of the file.
std::optional<std::pair<std::string, std::string>> directive_of(std::string_view line) {
  if (!line.starts_with('#')) return std::nullopt;
  line = trim_left_space(line.substr(1));
  const auto word = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); };
  std::size_t length = 0;
  while (length < line.size() && word(line[length])) ++length;
  if (length == 0 || (line[0] >= '0' && line[0] <= '9')) return std::nullopt;
  auto rest = trim_left_space(line.substr(length));
  if (!rest.starts_with('=')) return std::nullopt;
  rest = trim_space(rest.substr(1));
  if (rest.empty()) return std::nullopt;
  return std::pair(to_lower(line.substr(0, length)), std::string(rest));
}

class Reader {
 public:
  Reader(std::string_view text, const DockerfileLimits& limits, char escape) : lines_(text), limits_(limits) { out_.escape = escape; }

  Result<NodeList> run() {
    while (const auto raw = lines_.next()) {
      TRY(check_line(*raw));
      auto line = trim_left_space(without_line_end(*raw));
      TRY(read_directive(line));
      if (is_comment(line)) continue;
      const auto start = lines_.number();
      std::string joined(line);
      const bool continues = cut_continuation(joined);
      if (!continues && joined.empty()) continue;
      if (continues) TRY(join_rest(joined));
      TRY(add(std::move(joined), start));
    }
    if (out_.nodes.empty()) return fail(Code::invalid_argument, "file with no instructions");
    if (!out_.warnings.empty()) {
      out_.warnings.emplace_back("[WARNING]: Empty continuation lines will become errors in a future release.");
    }
    return std::move(out_);
  }

 private:
  Result<> check_line(std::string_view line) const {
    if (line.size() > limits_.max_line) {
      return fail_at(lines_.number(), fmt::format("dockerfile line greater than max allowed size of {}", limits_.max_line));
    }
    return {};
  }

  Result<> read_directive(std::string_view line) {
    if (directives_done_) return {};
    const auto directive = directive_of(line);
    if (!directive || (directive->first != "escape" && directive->first != "syntax" && directive->first != "check")) {
      directives_done_ = true;
      return {};
    }
    const auto& [name, value] = *directive;
    if (std::find(seen_.begin(), seen_.end(), name) != seen_.end())
      return fail_at(lines_.number(), fmt::format("only one {} parser directive can be used", name));
    seen_.push_back(name);
    if (name == "syntax") out_.syntax = value;
    if (name == "check") out_.check = value;
    if (name == "escape") {
      if (value != "\\" && value != "`")
        return fail_at(lines_.number(), fmt::format("invalid escape token '{}' does not match ` or \\", shown(value)));
      out_.escape = value[0];
    }
    return {};
  }

  /// Whether the line ends with one escape character (blanks may follow); cuts it away then.
  bool cut_continuation(std::string& line) const {
    const auto last = line.find_last_not_of(" \t");
    if (last == std::string::npos || line[last] != out_.escape) return false;
    if (last > 0 && line[last - 1] == out_.escape) return false;
    line.resize(last);
    return true;
  }

  Result<> join_rest(std::string& joined) {
    bool has_empty = false;
    while (const auto raw = lines_.next()) {
      TRY(check_line(*raw));
      if (is_comment(*raw)) continue;
      std::string line(without_line_end(*raw));
      if (trim_left_space(line).empty()) {
        has_empty = true;
        continue;
      }
      const bool continues = cut_continuation(line);
      joined += line;
      if (!continues) break;
    }
    if (has_empty) out_.warnings.push_back("[WARNING]: Empty continuation line found in: " + joined);
    return {};
  }

  Result<> add(std::string joined, int start) {
    if (out_.nodes.size() >= limits_.max_instructions)
      return fail_at(start, fmt::format("more than {} instructions", limits_.max_instructions));
    auto split = split_line(joined, out_.escape);
    if (!split) return fail_at(start, split.error().message);
    Node node;
    node.name = std::move(split->name);
    node.flags = std::move(split->flags);
    node.args = std::move(split->args);
    node.json = split->json;
    node.original = std::move(joined);
    node.line = start;
    if (split->takes_heredocs && node.original.find("<<") != std::string::npos) TRY(read_heredocs(node));
    node.last_line = lines_.number();
    out_.nodes.push_back(std::move(node));
    return {};
  }

  Result<> read_heredocs(Node& node) {
    ExpandOptions options;
    options.raw_quotes = true;
    options.raw_escapes = true;
    options.keep_unset = true;
    const auto words = expand_words(node.original, {}, options);
    if (!words) return {};  // an odd quote is the shell's matter
    for (const auto& word : *words) {
      auto heredoc = parse_heredoc_start(word);
      if (!heredoc) return fail_at(node.line, heredoc.error().message);
      if (!*heredoc) continue;
      TRY(read_content(**heredoc, node.line));
      node.heredocs.push_back(std::move(**heredoc));
    }
    return {};
  }

  Result<> read_content(Heredoc& heredoc, int start) {
    while (const auto raw = lines_.next()) {
      TRY(check_line(*raw));
      auto line = without_line_end(*raw);
      if (heredoc.chomp) line.remove_prefix(std::min(line.find_first_not_of('\t'), line.size()));
      if (line == heredoc.name) return {};
      heredoc.content += *raw;
    }
    return fail_at(start, "unterminated heredoc");
  }

  Lines lines_;
  const DockerfileLimits& limits_;
  NodeList out_;
  bool directives_done_ = false;
  std::vector<std::string> seen_;
};

}  // namespace

std::unexpected<Error> fail_at(int line, std::string_view message) {
  return fail(Code::invalid_argument, "dockerfile parse error on line {}: {}", line, message);
}

Result<std::optional<Heredoc>> parse_heredoc_start(std::string_view word) {
  Heredoc out;
  std::size_t i = 0;
  while (i < word.size() && word[i] >= '0' && word[i] <= '9') {
    out.file_descriptor = std::min(out.file_descriptor * 10 + static_cast<unsigned>(word[i] - '0'), 1000000U);
    ++i;
  }
  if (!word.substr(i).starts_with("<<")) return std::nullopt;
  i += 2;
  if (i < word.size() && word[i] == '-') {
    out.chomp = true;
    ++i;
  }
  while (i < word.size() && std::string_view(" \t\n\f\r").find(word[i]) != std::string_view::npos) ++i;
  const auto rest = word.substr(i);
  if (rest.empty() || rest.find('<') != std::string_view::npos) return std::nullopt;
  // A name of which a part is quoted reads differently with and without its quotes.
  ExpandOptions options;
  options.keep_unset = true;
  auto words = TRY(expand_words(rest, {}, options));
  if (words.size() != 1) return std::nullopt;
  options.raw_quotes = true;
  const auto raw = TRY(expand_words(rest, {}, options));
  if (raw.size() != 1) return std::nullopt;
  const auto quotes = [](const std::string& text) {
    return std::count(text.begin(), text.end(), '\'') + std::count(text.begin(), text.end(), '"');
  };
  out.name = std::move(words[0]);
  out.expand = quotes(out.name) == quotes(raw[0]);
  return out;
}

Result<NodeList> read_nodes(std::string_view text, const DockerfileLimits& limits, char escape) {
  if (text.size() > limits.max_bytes) return fail(Code::invalid_argument, "the Dockerfile is longer than {} bytes", limits.max_bytes);
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  return Reader(text, limits, escape).run();
}

}  // namespace fulcrum::image::build
