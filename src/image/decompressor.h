// Undoes the compression of a stream, told by its content, hashing what comes out.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "base/error.h"
#include "base/id.h"
#include "base/wait.h"

namespace fulcrum::image {

/// How a stream is compressed.
enum class Compression : std::uint8_t { none, gzip, zstd, xz, bzip2 };

/// Tells by the first bytes (at least 6 are wanted).
Compression detect_compression(std::string_view start);

struct StreamLimits {
  std::uint64_t max_bytes = std::uint64_t{64} << 30;  ///< that come out
  std::uint64_t max_ratio = 1500;                     ///< out : in, looked at past 64 MiB; the best that gzip does on zeros is about 1030
};

/// Reads a descriptor, plain or compressed with gzip, zstd, xz or bzip2, to its end.
class Decompressor {
 public:
  /// Reads from `fd`, from where it stands; it must outlive the object. `progress` gets the bytes taken so far.
  [[nodiscard]] static Result<Decompressor> open(int fd, const StreamLimits& limits, const StopSource& stop,
                                                 std::function<void(std::uint64_t)> progress = {});
  Decompressor(Decompressor&&) noexcept;
  Decompressor& operator=(Decompressor&&) = delete;
  ~Decompressor();

  /// The next piece, valid until the next call; empty at the end. Errors: data_loss (malformed or truncated), resource_exhausted,
  /// cancelled.
  [[nodiscard]] Result<std::string_view> next();
  /// The sha256 of all that came out. Call once, at the end.
  Digest finish();
  std::uint64_t bytes() const;

 private:
  struct State;
  explicit Decompressor(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace fulcrum::image
