// Writes tars: ustar, with pax records where ustar is too narrow. Equal entries give equal bytes.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/wait.h"
#include "image/tar_reader.h"

namespace fulcrum::image {

/// Where a stream goes.
using Sink = std::function<Result<>(std::string_view)>;
/// A sink that writes to a descriptor (pipe, socket or file), waiting as long as `stop` does not fire. A pipe or socket should be
/// non-blocking: within a blocking write a stop is not noticed.
Sink fd_sink(int fd, const StopSource& stop);

/// A stretch of a file that has data; the rest is holes.
struct DataRange {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

/// Not to be used after an error.
class TarWriter {
 public:
  explicit TarWriter(Sink sink) : sink_(std::move(sink)) {}

  /// Writes an entry's header. After that of a file come exactly entry.size bytes by write().
  [[nodiscard]] Result<> add(const TarEntry& entry);
  /// The same for a file with holes (pax, GNU sparse 1.0): the data of `ranges`, in order, follows by write().
  [[nodiscard]] Result<> add_sparse(const TarEntry& entry, std::span<const DataRange> ranges);
  [[nodiscard]] Result<> write(std::string_view data);
  /// Adds a small file whole.
  [[nodiscard]] Result<> add_file(const std::string& name, std::string_view content);
  /// Writes the end mark. Errors: internal when a file's data is not complete.
  [[nodiscard]] Result<> finish();

 private:
  Result<> header(const TarEntry& entry, const std::string& pax, std::uint64_t stored_size);
  Result<> pad(std::uint64_t size);

  Sink sink_;
  std::uint64_t left_ = 0;     ///< bytes of the current file still to come
  std::uint64_t padding_ = 0;  ///< zeros after them
};

}  // namespace fulcrum::image
