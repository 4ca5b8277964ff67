// Regular expressions that clients may send: matching takes time in proportion to text and pattern, whatever they are.
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace fulcrum {

/// A pattern in the common subset of regular expressions: . [a-z] [^a-z] \d \w \s \D \W \S ( ) (?: ) | * + ? {m,n} ^ $, and (?i) at the
/// beginning. Bytes, not characters. No look-around, no back references.
class Pattern {
 public:
  /// Nothing when it is malformed, uses something else, or is too large.
  static std::optional<Pattern> parse(std::string_view text);
  /// Whether some part of the text matches.
  bool found_in(std::string_view text) const;

 private:
  friend class PatternParser;
  enum class Op : std::uint8_t { one_of, split, jump, begin, end };
  /// `split` goes on at both targets, `jump` at the first; both relative. `one_of` takes one byte of `bytes`.
  struct Step {
    Op op;
    std::int32_t first = 0, second = 0;
    std::bitset<256> bytes = {};
  };
  using Steps = std::vector<Step>;

  void enter(std::size_t step, std::size_t at, std::size_t size, std::vector<bool>& seen, std::vector<std::size_t>& states) const;

  Steps steps_;
};

}  // namespace fulcrum
