// The keys by which a user leaves a terminal without ending what runs in it.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace fulcrum::sandbox {

/// Watches typed bytes for a sequence of keys. What may be its beginning is held back until the next byte decides.
class DetachKeys {
 public:
  DetachKeys() = default;
  /// "ctrl-p,ctrl-q", "ctrl-@", "a": letters, DEL, or ctrl- with a letter or one of @[\]^_. Error: invalid_argument.
  [[nodiscard]] static Result<DetachKeys> parse(std::string_view text);

  /// Appends to `out` what is for the program. True when the sequence was completed: what follows it is dropped.
  bool feed(std::string_view typed, std::string& out);
  /// What the keys send.
  const std::string& bytes() const { return keys_; }
  bool empty() const { return keys_.empty(); }

 private:
  std::string keys_;
  std::size_t matched_ = 0;
};

}  // namespace fulcrum::sandbox
