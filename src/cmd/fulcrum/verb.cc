#include "cmd/fulcrum/verb.h"

#include <CLI/CLI.hpp>

#include "cmd/fulcrum/output.h"

namespace fulcrum::cli {
namespace {

/// Rewrites what stands before the literal part so that CLI11 cannot mistake a value for a flag: `-m 5` and `--memory 5` become
/// `--memory=5`.
class Normaliser {
 public:
  Normaliser(const CLI::App& app, int literal_after) : app_(app), literal_after_(literal_after) {}

  void run(const std::vector<std::string>& words, std::vector<std::string>& out, std::vector<std::string>& literal) {
    int positionals = 0;
    for (std::size_t i = 0; i < words.size(); ++i) {
      const auto& word = words[i];
      if (word == "--") {
        if (literal_after_ < 0) out.emplace_back("--");
        for (++i; i < words.size(); ++i) (literal_after_ >= 0 && positionals++ >= literal_after_ ? literal : out).push_back(words[i]);
        return;
      }
      if (word.size() < 2 || word[0] != '-') {
        if (literal_after_ >= 0 && positionals >= literal_after_) {
          literal.assign(words.begin() + static_cast<std::ptrdiff_t>(i), words.end());
          return;
        }
        ++positionals;
        out.push_back(word);
      } else if (word[1] == '-') {
        long_flag(words, i, out);
      } else {
        short_flags(words, i, out);
      }
    }
  }

 private:
  static bool takes_value(const CLI::Option* option) { return option != nullptr && option->get_items_expected_max() > 0; }

  void long_flag(const std::vector<std::string>& words, std::size_t& i, std::vector<std::string>& out) const {
    const auto& word = words[i];
    const bool joined = word.find('=') != std::string::npos;
    if (!joined && takes_value(app_.get_option_no_throw(word)) && i + 1 < words.size()) {
      out.push_back(word + "=" + words[++i]);
    } else {
      out.push_back(word);
    }
  }

  void short_flags(const std::vector<std::string>& words, std::size_t& i, std::vector<std::string>& out) const {
    const auto& word = words[i];
    for (std::size_t c = 1; c < word.size(); ++c) {
      const auto name = std::string("-") + word[c];
      const auto* option = app_.get_option_no_throw(name);
      if (!takes_value(option)) {
        out.push_back(name);
        continue;
      }
      auto value = word.substr(c + 1);
      if (value.starts_with('=')) value.erase(0, 1);
      if (value.empty() && i + 1 < words.size()) value = words[++i];
      out.push_back(option->get_lnames().empty() ? name + value : "--" + option->get_lnames()[0] + "=" + value);
      return;
    }
  }

  const CLI::App& app_;
  int literal_after_;
};

}  // namespace

CLI::Option* add_list(CLI::App& app, const std::string& names, std::vector<std::string>& target, const std::string& help) {
  return app.add_option(names, target, help)->allow_extra_args(false);
}

Result<> parse(const Command& command, Verb& verb, const std::vector<std::string>& arguments) {
  CLI::App app(std::string(command.summary), "fulcrum " + std::string(command.path));
  if (!command.examples.empty()) app.footer("Examples:\n" + std::string(command.examples));
  app.get_formatter()->column_width(34);
  verb.declare(app);
  std::vector<std::string> words;
  Normaliser(app, verb.literal_after()).run(arguments, words, verb.literal);
  try {
    app.parse(std::vector<std::string>(words.rbegin(), words.rend()));
  } catch (const CLI::CallForHelp&) {
    print(app.help());
    return fail(Code::cancelled, "help");
  } catch (const CLI::ParseError& e) {
    return fail(Code::invalid_argument, "{}: {}; see fulcrum {} --help", command.path, e.what(), command.path);
  }
  return {};
}

}  // namespace fulcrum::cli
