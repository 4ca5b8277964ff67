#include "image/build/flags.h"

#include <algorithm>

#include "image/build/go_text.h"

namespace fulcrum::image::build {

Result<Flags> Flags::parse(std::span<const std::string> given, std::span<const FlagRule> rules) {
  Flags out;
  for (const auto& text : given) {
    const auto equals = text.find('=');
    Flag flag{text.substr(0, equals).substr(2), equals == std::string::npos ? "" : text.substr(equals + 1)};
    const auto name = "--" + shown(flag.name);
    const auto rule = std::find_if(rules.begin(), rules.end(), [&](const FlagRule& r) { return r.name == flag.name; });
    if (rule == rules.end()) return fail(Code::invalid_argument, "unknown flag: {}", name);
    const bool again = std::any_of(out.flags_.begin(), out.flags_.end(), [&](const Flag& f) { return f.name == flag.name; });
    if (again && rule->kind != FlagRule::Kind::texts) return fail(Code::invalid_argument, "duplicate flag specified: {}", name);
    const bool missing =
        rule->kind == FlagRule::Kind::truth ? equals != std::string::npos && flag.value.empty() : equals == std::string::npos;
    if (missing) return fail(Code::invalid_argument, "missing a value on flag: {}", name);
    if (rule->kind == FlagRule::Kind::truth) {
      const auto value = to_lower(flag.value);
      if (!value.empty() && value != "true" && value != "false")
        return fail(Code::invalid_argument, "expecting boolean value for flag {}, not: {}", name, shown(flag.value));
      flag.value = value == "false" ? "false" : "true";
    }
    out.flags_.push_back(std::move(flag));
  }
  return out;
}

std::string Flags::text(std::string_view name) const {
  const auto found = std::find_if(flags_.begin(), flags_.end(), [&](const Flag& f) { return f.name == name; });
  return found == flags_.end() ? "" : found->value;
}

std::vector<std::string> Flags::texts(std::string_view name) const {
  std::vector<std::string> out;
  for (const auto& flag : flags_)
    if (flag.name == name) out.push_back(flag.value);
  return out;
}

std::optional<bool> Flags::truth(std::string_view name) const {
  const auto value = text(name);
  return value.empty() ? std::nullopt : std::optional(value == "true");
}

}  // namespace fulcrum::image::build
