// The command line, as runc has it: flags with one or two dashes, values after "=" or a space. A few hundred lines of CLI library would
// cost more time at start than a whole container.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace fulcrum::oci_cli {

enum class FlagKind { boolean, text, list };

struct Flag {
  std::string_view name;
  std::string_view alias;  ///< one letter, or empty
  FlagKind kind = FlagKind::boolean;
  std::string_view help;
};

/// What was given.
class Args {
 public:
  bool has(std::string_view name) const { return values_.contains(std::string(name)); }
  /// A boolean flag: "--x", "--x=true", not "--x=false".
  bool flag(std::string_view name) const;
  std::string text(std::string_view name, std::string_view fallback = {}) const;
  std::vector<std::string> list(std::string_view name) const;
  /// Error: invalid_argument naming the flag.
  [[nodiscard]] Result<std::int64_t> number(std::string_view name, std::int64_t fallback) const;

  std::vector<std::string> positional;

 private:
  friend Result<Args> parse_args(std::span<const Flag>, std::span<const std::string>, bool);
  std::map<std::string, std::vector<std::string>> values_;
};

/// Parses `words`. With `stop_at_positional`, everything from the first word that is no flag on is positional ("exec ID ls -l").
[[nodiscard]] Result<Args> parse_args(std::span<const Flag> flags, std::span<const std::string> words, bool stop_at_positional);

}  // namespace fulcrum::oci_cli
