// The flags of one instruction, checked against what it knows.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "image/build/dockerfile.h"

namespace fulcrum::image::build {

/// A flag that an instruction knows.
struct FlagRule {
  enum class Kind : std::uint8_t { text, truth, texts };
  std::string_view name;
  Kind kind = Kind::text;
};

/// What was given.
class Flags {
 public:
  /// Errors: invalid_argument in docker's words: "unknown flag: --x", "duplicate flag specified: --x", "missing a value on flag: --x".
  [[nodiscard]] static Result<Flags> parse(std::span<const std::string> given, std::span<const FlagRule> rules);
  /// The value, or "".
  std::string text(std::string_view name) const;
  std::vector<std::string> texts(std::string_view name) const;
  std::optional<bool> truth(std::string_view name) const;
  /// In the order given.
  const std::vector<Flag>& all() const { return flags_; }

 private:
  std::vector<Flag> flags_;
};

}  // namespace fulcrum::image::build
