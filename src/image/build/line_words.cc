// How each instruction splits its line.
#include <array>
#include <utility>

#include "image/build/go_text.h"
#include "image/build/nodes.h"
#include "schema/schema.h"

namespace fulcrum::image::build {

namespace {

/// The blanks that separate an instruction from its arguments, and arguments from each other.
constexpr std::string_view kBlanks = "\t\v\f\r ";

/// The first word and what follows the blanks after it.
std::pair<std::string_view, std::string_view> cut_word(std::string_view text) {
  const auto end = std::min(text.find_first_of(kBlanks), text.size());
  const auto next = std::min(text.find_first_not_of(kBlanks, end), text.size());
  return {text.substr(0, end), text.substr(next)};
}

/// Takes the flags from the start of `rest`.
std::vector<std::string> take_flags(std::string_view& rest, char escape) {
  std::vector<std::string> flags;
  for (;;) {
    const auto start = trim_left_space(rest);
    if (!start.starts_with("--")) {
      rest = start;
      return flags;
    }
    std::string word;
    char quote = 0;
    std::size_t i = 0;
    bool quoted = false;
    for (; i < start.size(); ++i) {
      const char c = start[i];
      if (quote == 0 && is_space(static_cast<unsigned char>(c))) break;
      if (c == escape) {
        if (++i < start.size()) word += start[i];
      } else if (quote != 0 ? c == quote : (c == '"' || c == '\'')) {
        quote = quote != 0 ? '\0' : c;
        quoted = true;
      } else {
        word += c;
      }
    }
    rest = start.substr(std::min(i, start.size()));
    if (word == "--") return flags;
    if (quoted || !word.empty()) flags.push_back(std::move(word));
  }
}

/// Words at blanks; quotes and escapes keep blanks together and stay in the word.
std::vector<std::string> quoted_words(std::string_view rest, char escape) {
  std::vector<std::string> words;
  std::string word;
  bool blank_counts = false;
  char quote = 0;
  const auto finish = [&] {
    if (blank_counts || !word.empty()) words.push_back(std::exchange(word, {}));
    blank_counts = false;
  };
  const auto take = [&] {
    const auto length = first_code_point(rest).length;
    const auto out = rest.substr(0, length);
    rest.remove_prefix(length);
    return out;
  };
  while (!rest.empty()) {
    const auto c = first_code_point(rest).value;
    if (quote == 0 && is_space(c)) {
      take();
      finish();
      continue;
    }
    const bool escapes = c == static_cast<unsigned char>(escape) && quote != '\'';
    if (escapes) {
      const auto written = take();
      if (rest.empty()) break;  // at the end of the line it escapes nothing
      word += written;
      word += take();
      continue;
    }
    if (quote == 0 && (c == '\'' || c == '"')) {
      quote = static_cast<char>(c);
      blank_counts = true;
    } else if (quote != 0 && c == static_cast<unsigned char>(quote)) {
      quote = 0;
    }
    word += take();
  }
  finish();
  return words;
}

/// Words at blanks, whatever is in them.
std::vector<std::string> plain_words(std::string_view rest) {
  std::vector<std::string> words;
  while (!rest.empty()) {
    const auto [word, more] = cut_word(rest);
    words.emplace_back(word);
    rest = more;
  }
  return words;
}

/// The JSON form: true when it is one.
Result<bool> json_words(std::string_view rest, LineWords& out) {
  rest = trim_left_space(rest);
  if (!rest.starts_with('[')) return false;
  boost::system::error_code failed;
  const auto value = schema::json::parse(schema::json::string_view(rest.data(), rest.size()), failed);
  if (failed || !value.is_array()) return false;
  for (const auto& item : value.get_array()) {
    if (!item.is_string()) return fail(Code::invalid_argument, "when using JSON array syntax, arrays must be comprised of strings only");
  }
  for (const auto& item : value.get_array()) out.args.emplace_back(item.get_string());
  out.json = true;
  return true;
}

Result<> command_words(std::string_view rest, LineWords& out, char) {
  if (rest.empty() || TRY(json_words(rest, out))) return {};
  out.args.emplace_back(rest);
  return {};
}

Result<> list_words(std::string_view rest, LineWords& out, char) {
  if (!TRY(json_words(rest, out))) out.args = plain_words(rest);
  return {};
}

Result<> blank_words(std::string_view rest, LineWords& out, char) {
  out.args = plain_words(rest);
  return {};
}

Result<> whole_text(std::string_view rest, LineWords& out, char) {
  if (!rest.empty()) out.args.emplace_back(rest);
  return {};
}

Result<> argument_words(std::string_view rest, LineWords& out, char escape) {
  out.args = quoted_words(rest, escape);
  return {};
}

/// `a=b c=d`, or the old `a the rest`.
Result<> pair_words(std::string_view rest, LineWords& out, char escape) {
  const auto words = quoted_words(rest, escape);
  if (words.empty()) return {};
  if (words[0].find('=') == std::string::npos) {
    const auto [name, value] = cut_word(rest);
    if (name.size() == rest.size()) return fail(Code::invalid_argument, "{} must have two arguments", to_upper(out.name));
    out.args = {std::string(name), std::string(value)};
    return {};
  }
  for (const auto& word : words) {
    const auto equals = word.find('=');
    if (equals == std::string::npos)
      return fail(Code::invalid_argument, "Syntax error - can't find = in {}. Must be of the form: name=value",
                  go_quote(word.substr(0, 256)));
    out.args.push_back(word.substr(0, equals));
    out.args.push_back(word.substr(equals + 1));
  }
  return {};
}

Result<> health_words(std::string_view rest, LineWords& out, char escape) {
  std::size_t end = 0;
  while (end < rest.size() && !is_space(static_cast<unsigned char>(rest[end]))) ++end;
  if (end == 0) return {};
  out.args.emplace_back(rest.substr(0, end));
  return command_words(trim_left_space(rest.substr(end)), out, escape);
}

Result<> trigger_words(std::string_view rest, LineWords& out, char escape) {
  if (rest.empty()) return {};
  // A trigger cannot hold another one: it is looked at only as far as that goes.
  if (to_upper(cut_word(rest).first) == "ONBUILD") {
    out.args.emplace_back("ONBUILD");
    return {};
  }
  auto trigger = TRY(split_line(rest, escape));
  out.takes_heredocs = trigger.takes_heredocs;
  out.args.push_back(std::move(trigger.name));
  for (auto& arg : trigger.args) out.args.push_back(std::move(arg));
  return {};
}

struct Rule {
  std::string_view name;
  Result<> (*split)(std::string_view, LineWords&, char);
  bool heredocs = false;
};

constexpr std::array<Rule, 18> kRules = {{{"ADD", list_words, true},
                                          {"ARG", argument_words},
                                          {"CMD", command_words},
                                          {"COPY", list_words, true},
                                          {"ENTRYPOINT", command_words},
                                          {"ENV", pair_words},
                                          {"EXPOSE", blank_words},
                                          {"FROM", blank_words},
                                          {"HEALTHCHECK", health_words},
                                          {"LABEL", pair_words},
                                          {"MAINTAINER", whole_text},
                                          {"ONBUILD", trigger_words},
                                          {"RUN", command_words, true},
                                          {"SHELL", command_words},
                                          {"STOPSIGNAL", whole_text},
                                          {"USER", whole_text},
                                          {"VOLUME", list_words},
                                          {"WORKDIR", whole_text}}};

}  // namespace

Result<LineWords> split_line(std::string_view line, char escape) {
  LineWords out;
  const auto [name, rest] = cut_word(trim_space(line));
  out.name = name;
  auto args = rest;
  out.flags = take_flags(args, escape);
  const auto upper = to_upper(name);
  for (const auto& rule : kRules) {
    if (rule.name != upper) continue;
    TRY(rule.split(trim_space(args), out, escape));
    if (rule.heredocs) out.takes_heredocs = !out.json;
    return out;
  }
  return out;
}

}  // namespace fulcrum::image::build
