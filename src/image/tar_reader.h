// Reads tar streams, plain or compressed, hashing what is inside the compression in the same pass.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <ctime>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/id.h"
#include "base/wait.h"
#include "image/decompressor.h"

namespace fulcrum::image {

/// One header of a tar.
struct TarEntry {
  enum class Kind : std::uint8_t { file, directory, symlink, hardlink, char_device, block_device, fifo };
  Kind kind = Kind::file;
  std::string name;    ///< as written, unchecked
  std::string target;  ///< of a symbolic or hard link, as written, unchecked
  mode_t mode = 0;     ///< permission bits with setuid, setgid and sticky
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  struct timespec mtime{};
  std::uint64_t size = 0;  ///< apparent size of a file
  unsigned device_major = 0;
  unsigned device_minor = 0;
  std::vector<std::pair<std::string, std::string>> xattrs;
};

/// What the reader accepts. A limit that is passed is resource_exhausted.
struct TarLimits {
  StreamLimits stream;
  std::size_t max_path = 4095;              ///< bytes of a name or link target
  std::size_t max_xattr_bytes = 256 << 10;  ///< of one entry's extended attributes, names included
};

/// A forward-only reader of tar (ustar, pax, GNU; sparse files of all kinds) inside nothing, gzip, zstd, xz or bzip2, told by content.
/// Malformed or truncated input is data_loss.
class TarReader {
 public:
  /// Reads from `fd`, from where it stands. The descriptor must outlive the reader. `progress` gets the bytes taken from it so far.
  [[nodiscard]] static Result<TarReader> open(int fd, const TarLimits& limits, const StopSource& stop,
                                              std::function<void(std::uint64_t)> progress = {});
  TarReader(TarReader&&) noexcept;
  TarReader& operator=(TarReader&&) = delete;
  ~TarReader();

  /// The next entry, or nothing at the end. Unread data of the entry before is skipped.
  [[nodiscard]] Result<std::optional<TarEntry>> next();
  struct Block {
    std::uint64_t offset;   ///< in the file; gaps are holes
    std::string_view data;  ///< valid until the next call
  };
  /// The next piece of the current file, or nothing at its end.
  [[nodiscard]] Result<std::optional<Block>> block();
  /// The current file's whole content, holes as zeros; resource_exhausted past `limit`.
  [[nodiscard]] Result<std::string> content(std::size_t limit);

  /// Reads what follows the archive's end to the end of the stream and returns the digest of the whole uncompressed stream.
  [[nodiscard]] Result<Digest> finish();
  /// Uncompressed bytes so far.
  std::uint64_t stream_bytes() const;

 private:
  struct State;
  explicit TarReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace fulcrum::image
