// Content digests: their text form, and the hash that makes them while bytes stream by.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/id.h"

namespace fulcrum::image {

/// Checks "sha256:<64 hex>" or "sha512:<128 hex>", lower case (image-spec, descriptor.md). Errors: invalid_argument; unimplemented for
/// another registered algorithm.
[[nodiscard]] Result<Digest> parse_digest(std::string_view text);
/// "sha256" or "sha512". Only for a digest that parse_digest accepted.
std::string_view digest_algorithm(const Digest& digest);
/// The hexadecimal part.
std::string_view digest_hex(const Digest& digest);

/// A running hash.
class Hasher {
 public:
  /// `algorithm` is "sha256" or "sha512"; unimplemented otherwise.
  [[nodiscard]] static Result<Hasher> create(std::string_view algorithm = "sha256");
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;
  ~Hasher();

  void update(std::string_view data);
  /// The digest of everything so far. The hash cannot be fed afterwards.
  Digest finish();

 private:
  struct State;
  explicit Hasher(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// The sha256 digest of `data`.
Digest digest_of(std::string_view data);

}  // namespace fulcrum::image
