#include "sandbox/stream/detach_keys.h"

#include <algorithm>

#include "base/words.h"

namespace fulcrum::sandbox {
namespace {

// The byte of one key; 0x100 when it is none.
unsigned key_byte(std::string_view name) {
  if (name.size() == 1) return static_cast<unsigned char>(name[0]);
  if (name == "DEL") return 0x7f;
  if (name.size() != 6 || !name.starts_with("ctrl-")) return 0x100;
  const char c = name[5];
  if (c >= 'a' && c <= 'z') return static_cast<unsigned>(c - 'a' + 1);
  if (c >= 'A' && c <= 'Z') return static_cast<unsigned>(c - 'A' + 1);
  if (c == '@') return 0;
  if (c >= '[' && c <= '_') return static_cast<unsigned>(c - '[' + 27);
  return 0x100;
}

}  // namespace

Result<DetachKeys> DetachKeys::parse(std::string_view text) {
  DetachKeys keys;
  if (text.empty()) return keys;
  for (const auto& name : split(text, ',')) {
    const auto byte = key_byte(name);
    if (byte > 0xff) return fail(Code::invalid_argument, "detach keys: \"{}\" is no key", name);
    keys.keys_ += static_cast<char>(byte);
  }
  if (keys.keys_.size() > 16) return fail(Code::invalid_argument, "detach keys: more than 16");
  return keys;
}

bool DetachKeys::feed(std::string_view typed, std::string& out) {
  if (keys_.empty()) {
    out += typed;
    return false;
  }
  for (const char c : typed) {
    // What was held back was a false start as far as it cannot begin the sequence anew.
    auto seen = keys_.substr(0, matched_) + c;
    std::size_t keep = std::min(seen.size(), keys_.size());
    while (keep > 0 && seen.compare(seen.size() - keep, keep, keys_, 0, keep) != 0) --keep;
    out.append(seen, 0, seen.size() - keep);
    matched_ = keep;
    if (matched_ == keys_.size()) {
      matched_ = 0;
      return true;
    }
  }
  return false;
}

}  // namespace fulcrum::sandbox
