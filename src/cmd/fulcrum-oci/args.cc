#include "args.h"

#include <charconv>

namespace fulcrum::oci_cli {
namespace {

const Flag* find_flag(std::span<const Flag> flags, std::string_view name) {
  for (const auto& flag : flags) {
    if (flag.name == name || (!flag.alias.empty() && flag.alias == name)) return &flag;
  }
  return nullptr;
}

}  // namespace

bool Args::flag(std::string_view name) const {
  const auto found = values_.find(std::string(name));
  return found != values_.end() && found->second.back() != "false" && found->second.back() != "0";
}

std::string Args::text(std::string_view name, std::string_view fallback) const {
  const auto found = values_.find(std::string(name));
  return found == values_.end() ? std::string(fallback) : found->second.back();
}

std::vector<std::string> Args::list(std::string_view name) const {
  const auto found = values_.find(std::string(name));
  return found == values_.end() ? std::vector<std::string>() : found->second;
}

Result<std::int64_t> Args::number(std::string_view name, std::int64_t fallback) const {
  if (!has(name)) return fallback;
  const auto value = text(name);
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size()) {
    return fail(Code::invalid_argument, "invalid value {:?} for flag --{}", value, name);
  }
  return number;
}

Result<Args> parse_args(std::span<const Flag> flags, std::span<const std::string> words, bool stop_at_positional) {
  Args args;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto& word = words[i];
    const bool is_flag = word.size() > 1 && word[0] == '-';
    if (!is_flag || word == "--") {
      if (word != "--") args.positional.push_back(word);
      if (!stop_at_positional && word != "--") continue;
      args.positional.insert(args.positional.end(), words.begin() + static_cast<std::ptrdiff_t>(i) + 1, words.end());
      break;
    }
    const auto body = std::string_view(word).substr(word[1] == '-' ? 2 : 1);
    const auto equals = body.find('=');
    const auto* flag = find_flag(flags, body.substr(0, equals));
    if (flag == nullptr) return fail(Code::invalid_argument, "flag provided but not defined: {}", word.substr(0, word.find('=')));
    auto& values = args.values_[std::string(flag->name)];
    if (equals != std::string_view::npos) {
      values.emplace_back(body.substr(equals + 1));
    } else if (flag->kind == FlagKind::boolean) {
      values.emplace_back("true");
    } else {
      if (++i == words.size()) return fail(Code::invalid_argument, "flag needs an argument: {}", word);
      values.push_back(words[i]);
    }
  }
  return args;
}

}  // namespace fulcrum::oci_cli
