#include "image/build/expand.h"

#include <array>
#include <unordered_map>

#include "image/build/expand_pattern.h"
#include "image/build/go_text.h"

namespace fulcrum::image::build {

namespace {

/// Substitutions within substitutions.
constexpr int kMaxDepth = 100;
constexpr char32_t kEnd = 0xffffffff;

/// Collects the text, and the words that it falls into.
struct Collected {
  std::string text;
  std::vector<std::string> words;
  std::string word;

  void add(std::string_view character) {
    text += character;
    if (!is_space(first_code_point(character).value)) {
      word += character;
    } else if (!word.empty()) {
      words.push_back(std::exchange(word, {}));
    }
  }
  /// Blanks in it do not split.
  void add_raw(std::string_view quoted) {
    text += quoted;
    word += quoted;
  }
  void add_each(std::string_view many) {
    while (!many.empty()) {
      const auto length = first_code_point(many).length;
      add(many.substr(0, length));
      many.remove_prefix(length);
    }
  }
  void finish() {
    if (!word.empty()) words.push_back(std::exchange(word, {}));
  }
};

class Lexer {
 public:
  Lexer(std::string_view source, const Lookup& lookup, const ExpandOptions& options, std::set<std::string>* unset)
      : source_(source), lookup_(lookup), options_(options), unset_(unset) {}

  Result<Collected> run() { return until(kEnd, options_.raw_escapes); }

 private:
  char32_t peek() const { return at_ < source_.size() ? first_code_point(source_.substr(at_)).value : kEnd; }
  bool at_end() const { return at_ >= source_.size(); }
  /// The character here, as written; empty at the end.
  std::string_view take() {
    if (at_end()) return {};
    const auto start = at_;
    at_ += first_code_point(source_.substr(at_)).length;
    return source_.substr(start, at_ - start);
  }
  bool is_escape(char32_t c) const { return c == static_cast<unsigned char>(options_.escape); }

  Result<> check_size(const std::string& text) const {
    if (text.size() > options_.max) return fail(Code::resource_exhausted, "a word expands to more than {} bytes", options_.max);
    return {};
  }

  Result<Collected> until(char32_t stop, bool raw_escapes) {
    const bool before = std::exchange(raw_escapes_, raw_escapes);
    Collected out;
    while (!at_end()) {
      if (peek() == stop) {
        take();
        raw_escapes_ = before;
        out.finish();
        return out;
      }
      TRY(next_piece(out));
      TRY(check_size(out.text));
    }
    raw_escapes_ = before;
    if (stop != kEnd)
      return fail(Code::invalid_argument, "unexpected end of statement while looking for matching {}", static_cast<char>(stop));
    out.finish();
    return out;
  }

  Result<> next_piece(Collected& out) {
    const auto c = peek();
    if (c == '$') {
      out.add_each(TRY(dollar()));
    } else if (c == '<') {
      out.add_raw(heredoc_start());
    } else if (c == '\'' && !options_.keep_quotes) {
      out.add_raw(TRY(single_quoted()));
    } else if (c == '"' && !options_.keep_quotes) {
      out.add_raw(TRY(double_quoted()));
    } else if (is_escape(c)) {
      const auto escape = take();
      if (raw_escapes_) out.add_raw(escape);
      out.add_raw(take());
    } else {
      out.add(take());
    }
    return {};
  }

  /// `<`, or `<<` with the blanks after it, which do not end the word.
  std::string heredoc_start() {
    std::string out(take());
    if (peek() != '<') return out;
    out += take();
    while (peek() == ' ' || peek() == '\t' || peek() == '\r' || peek() == '\n') out += take();
    return out;
  }

  Result<std::string> single_quoted() {
    std::string out;
    const auto quote = take();
    if (options_.raw_quotes) out += quote;
    while (!at_end()) {
      const auto c = take();
      if (c == "'") {
        if (options_.raw_quotes) out += c;
        return out;
      }
      out += c;
    }
    return fail(Code::invalid_argument, "unexpected end of statement while looking for matching single-quote");
  }

  Result<std::string> double_quoted() {
    std::string out;
    const auto quote = take();
    if (options_.raw_quotes) out += quote;
    while (!at_end()) {
      const auto c = peek();
      if (c == '"') {
        if (options_.raw_quotes) out += quote;
        take();
        return out;
      }
      if (c == '$') {
        out += TRY(dollar());
        TRY(check_size(out));
        continue;
      }
      auto character = take();
      if (is_escape(c)) {
        if (raw_escapes_) out += character;
        if (at_end()) continue;
        if (peek() == '"' || peek() == '$' || is_escape(peek())) character = take();
      }
      out += character;
    }
    return fail(Code::invalid_argument, "unexpected end of statement while looking for matching double-quote");
  }

  std::optional<std::string> value_of(const std::string& name) {
    auto value = lookup_ ? lookup_(name) : std::nullopt;
    if (!value && unset_ != nullptr) unset_->insert(name);
    return value;
  }

  /// A name: digits, one special parameter, or letters, digits and '_'.
  std::string name() {
    std::string out;
    const auto digit = [](char32_t c) { return c >= '0' && c <= '9'; };
    if (digit(peek())) {
      while (digit(peek())) out += take();
      return out;
    }
    if (peek() < 0x80 && std::string_view("@*#?-$!").find(static_cast<char>(peek())) != std::string_view::npos) return std::string(take());
    while (!at_end() && (is_letter(peek()) || digit(peek()) || peek() == '_')) out += take();
    return out;
  }

  Result<std::string> dollar() {
    take();
    if (peek() == '{') {
      if (++depth_ > kMaxDepth) return fail(Code::invalid_argument, "substitutions are nested more than {} deep", kMaxDepth);
      auto out = braces();
      --depth_;
      return out;
    }
    const auto variable = name();
    if (variable.empty()) return "$";
    auto value = value_of(variable);
    if (!value && options_.keep_unset) return "$" + variable;
    return value.value_or("");
  }

  Result<std::string> braces() {
    take();
    if (at_end()) return fail(Code::invalid_argument, "syntax error: missing '}}'");
    if (peek() == '{' || peek() == '}' || peek() == ':') return fail(Code::invalid_argument, "syntax error: bad substitution");
    const auto variable = name();
    std::string modifier(take());
    if (modifier == "}") {
      auto value = value_of(variable);
      if (!value && options_.keep_unset) return "${" + variable + "}";
      return value.value_or("");
    }
    if (modifier == "/") return replacement(variable);
    const bool null_is_unset = modifier == ":";
    if (null_is_unset) modifier += take();
    const char kind = modifier.empty() ? '\0' : modifier.back();
    const bool is_pattern = kind == '#' || kind == '%';
    if ((!is_pattern && kind != '+' && kind != '-' && kind != '?') || (is_pattern && null_is_unset) ||
        modifier.size() != (null_is_unset ? 2U : 1U))
      return fail(Code::invalid_argument, "unsupported modifier ({}) in substitution", shown(modifier));
    const auto word = TRY(part('}', is_pattern, "}"));
    const auto value = value_of(variable);
    if (!value && options_.keep_unset) return "${" + variable + modifier + word + "}";
    if (is_pattern) return trimmed(kind, word, value.value_or(""));
    return conditional(kind, null_is_unset, variable, word, value);
  }

  Result<std::string> part(char stop, bool raw_escapes, std::string_view missing) {
    auto out = until(static_cast<unsigned char>(stop), raw_escapes);
    if (out) return std::move(out->text);
    if (at_end() && out.error().code == Code::invalid_argument) return fail(Code::invalid_argument, "syntax error: missing '{}'", missing);
    return std::unexpected(out.error());
  }

  static Result<std::string> trimmed(char kind, std::string_view word, std::string_view value) {
    const bool longest = !word.empty() && word[0] == kind;
    if (longest) word.remove_prefix(1);
    return kind == '#' ? trim_start(word, value, longest) : trim_end(word, value, longest);
  }

  static Result<std::string> conditional(char kind, bool null_is_unset, const std::string& variable, const std::string& word,
                                         const std::optional<std::string>& value) {
    const bool counts = value && !(null_is_unset && value->empty());
    if (kind == '-') return counts ? *value : word;
    if (kind == '+') return counts ? word : "";
    if (counts) return *value;
    const std::string_view usual = value ? "is not allowed to be empty" : "is not allowed to be unset";
    return fail(Code::invalid_argument, "{}: {}", shown(variable), word.empty() ? std::string(usual) : shown(word));
  }

  Result<std::string> replacement(const std::string& variable) {
    const bool all = peek() == '/';
    if (all) take();
    const auto pattern = TRY(part('/', true, "/' in ${}"));
    const auto with = TRY(part('}', true, "}"));
    const auto value = value_of(variable);
    if (!value && options_.keep_unset) return "${" + variable + (all ? "//" : "/") + pattern + "/" + with + "}";
    return replace_matches(pattern, value.value_or(""), with, all);
  }

  std::string_view source_;
  const Lookup& lookup_;
  const ExpandOptions& options_;
  std::set<std::string>* unset_;
  std::size_t at_ = 0;
  int depth_ = 0;
  bool raw_escapes_ = false;
};

Result<Collected> expand(std::string_view word, const Lookup& lookup, const ExpandOptions& options, std::set<std::string>* unset) {
  auto out = Lexer(word, lookup, options, unset).run();
  if (!out) return std::unexpected(with_context(std::move(out).error(), "failed to process " + go_quote(word.substr(0, 256))));
  return out;
}

}  // namespace

Lookup lookup_in(std::span<const std::string> environment) {
  std::unordered_map<std::string, std::string> values;
  for (const auto& line : environment) {
    const auto equals = line.find('=');
    values[line.substr(0, equals)] = equals == std::string::npos ? "" : line.substr(equals + 1);
  }
  return [values = std::move(values)](std::string_view name) -> std::optional<std::string> {
    const auto found = values.find(std::string(name));
    return found == values.end() ? std::nullopt : std::optional(found->second);
  };
}

Result<std::string> expand_word(std::string_view word, const Lookup& lookup, const ExpandOptions& options, std::set<std::string>* unset) {
  return TRY(expand(word, lookup, options, unset)).text;
}

Result<std::vector<std::string>> expand_words(std::string_view word, const Lookup& lookup, const ExpandOptions& options) {
  return TRY(expand(word, lookup, options, nullptr)).words;
}

namespace {

/// Expands the words of one instruction in place.
class InstructionExpander {
 public:
  InstructionExpander(const Lookup& lookup, char escape) : lookup_(lookup) { options_.escape = escape; }

  template <class T>
  Result<> operator()(T&) const {
    return {};
  }
  Result<> operator()(Copy& copy) const { return transfer(copy.transfer); }
  Result<> operator()(Add& add) const {
    TRY(word(add.checksum));
    return transfer(add.transfer);
  }
  Result<> operator()(Env& env) const { return pairs(env.variables); }
  Result<> operator()(Label& label) const { return label.verbatim ? Result<>{} : pairs(label.labels); }
  Result<> operator()(Arg& arg) const {
    for (auto& [name, value] : arg.arguments) {
      TRY(word(name));
      if (value) TRY(word(*value));
    }
    return {};
  }
  Result<> operator()(Expose& expose) const {
    std::vector<std::string> ports;
    for (const auto& port : expose.ports)
      for (auto& part : TRY(expand_words(port, lookup_, options_))) ports.push_back(std::move(part));
    expose.ports = std::move(ports);
    return {};
  }
  Result<> operator()(User& user) const { return word(user.user); }
  Result<> operator()(Workdir& workdir) const { return word(workdir.path); }
  Result<> operator()(Volume& volume) const { return words(volume.paths); }
  Result<> operator()(StopSignal& stop) const { return word(stop.signal); }

 private:
  Result<> word(std::string& text) const {
    text = TRY(expand_word(text, lookup_, options_));
    return {};
  }
  Result<> words(std::vector<std::string>& texts) const {
    for (auto& text : texts) TRY(word(text));
    return {};
  }
  Result<> pairs(std::vector<Pair>& all) const {
    for (auto& [name, value] : all) {
      TRY(word(name));
      TRY(word(value));
    }
    return {};
  }
  Result<> transfer(Transfer& transfer) const {
    TRY(word(transfer.chown));
    TRY(word(transfer.chmod));
    TRY(words(transfer.sources));
    TRY(words(transfer.exclude));
    TRY(word(transfer.destination));
    auto raw = options_;
    raw.keep_quotes = true;
    for (auto& file : transfer.inline_files) {
      if (!file.expand) continue;
      file.content = TRY(expand_word(file.content, lookup_, raw));
    }
    return {};
  }

  const Lookup& lookup_;
  ExpandOptions options_;
};

}  // namespace

Result<> expand_instruction(Instruction& instruction, const Lookup& lookup, char escape) {
  return std::visit(InstructionExpander(lookup, escape), instruction.what);
}

}  // namespace fulcrum::image::build
