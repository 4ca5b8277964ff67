#include "sandbox/shim/options.h"

#include <charconv>
#include <string_view>

namespace fulcrum::sandbox::shim {
namespace {

template <class T>
Result<> read_number(std::string_view text, T& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc() || end != text.data() + text.size()) return fail(Code::invalid_argument, "\"{}\" is not a number", text);
  return {};
}

// Calls visit(name, member) for every option.
template <class O, class Visit>
void each_option(O& o, Visit visit) {
  visit("id", o.id);
  visit("run", o.run);
  visit("directory", o.directory);
  visit("state", o.state);
  visit("runtime", o.runtime);
  visit("runtime-root", o.runtime_root);
  visit("log-directory", o.log_directory);
  visit("log-size", o.log_size);
  visit("log-files", o.log_files);
  visit("oom-file", o.oom_file);
  visit("tty", o.tty);
  visit("input", o.input);
  visit("input-once", o.input_once);
  visit("shared-pid", o.shared_pid);
}

Result<> assign(std::string_view text, std::string& out) {
  out = text;
  return {};
}
Result<> assign(std::string_view text, bool& out) {
  if (text != "true" && text != "false") return fail(Code::invalid_argument, "\"{}\" is neither true nor false", text);
  out = text == "true";
  return {};
}
Result<> assign(std::string_view text, std::int64_t& out) { return read_number(text, out); }
Result<> assign(std::string_view text, std::uint32_t& out) { return read_number(text, out); }

}  // namespace

std::vector<std::string> to_arguments(const Options& options) {
  std::vector<std::string> words;
  each_option(options, [&](std::string_view name, const auto& value) { words.push_back(fmt::format("--{}={}", name, value)); });
  return words;
}

Result<Options> parse_arguments(std::span<const char* const> arguments) {
  Options options;
  for (const std::string_view word : arguments) {
    const auto equals = word.find('=');
    if (!word.starts_with("--") || equals == std::string_view::npos) return fail(Code::invalid_argument, "\"{}\" is no option", word);
    bool known = false;
    Result<> assigned;
    each_option(options, [&](std::string_view name, auto& member) {
      if (name != word.substr(2, equals - 2)) return;
      known = true;
      assigned = assign(word.substr(equals + 1), member);
    });
    if (!known) return fail(Code::invalid_argument, "\"{}\" is no option", word);
    TRY(std::move(assigned), "{}", word.substr(0, equals));
  }
  if (options.id.empty() || options.directory.empty() || options.state.empty() || options.runtime.empty()) {
    return fail(Code::invalid_argument, "id, directory, state and runtime must be given");
  }
  return options;
}

}  // namespace fulcrum::sandbox::shim
