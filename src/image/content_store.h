// Content-addressed blobs: <root>/blobs/<algorithm>/<hex>, written once, verified while they stream in.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/id.h"
#include "base/unique_fd.h"
#include "base/units.h"
#include "image/digest.h"

namespace fulcrum::image {

/// The largest blob accepted unless the writer says otherwise.
inline constexpr std::uint64_t kMaxBlobBytes = std::uint64_t{64} << 30;
/// The largest manifest, index or config read into memory (distribution-spec asks for at least 4 MiB).
inline constexpr std::size_t kMaxManifestBytes = std::size_t{8} << 20;

/// A stored blob.
struct BlobInfo {
  Digest digest;
  std::uint64_t size = 0;  ///< bytes
  Time modified{};
};

/// What a writer is to accept.
struct WriterSpec {
  /// Names the partial file, so that a later writer with the same key goes on where this one stopped. Any text; empty: no resuming.
  std::string key;
  std::optional<Digest> digest;       ///< what the content must hash to; unset: any, hashed with sha256
  std::optional<std::uint64_t> size;  ///< how long it must be
  std::uint64_t limit = kMaxBlobBytes;
};

/// Takes one blob in. Nothing is visible under its digest before commit(). Dropped without commit: a keyed writer leaves its partial file
/// for the next one, an unkeyed one leaves nothing.
class BlobWriter {
 public:
  BlobWriter(BlobWriter&&) noexcept = default;
  BlobWriter& operator=(BlobWriter&&) = delete;
  ~BlobWriter();

  /// Bytes taken in so far, those of the resumed partial file included: the offset to ask the sender for.
  std::uint64_t offset() const { return offset_; }
  /// Appends. Errors: invalid_argument past `size`, resource_exhausted past `limit` or on a full disk (the partial file is then removed).
  [[nodiscard]] Result<> write(std::string_view data);
  /// Forgets what came so far (the sender could not resume).
  [[nodiscard]] Result<> restart();
  /// Ends writing and returns the digest of what came, so that a lease can protect it before it appears.
  Digest seal();
  /// Verifies size and digest, syncs, renames into place. Storing what is there already is success.
  /// Errors: data_loss when digest or size differ (the partial file is removed).
  [[nodiscard]] Result<Digest> commit();
  /// Removes the partial file now.
  void discard();

 private:
  friend class ContentStore;
  BlobWriter(std::string root, std::string path, UniqueFd file, WriterSpec spec, Hasher hasher)
      : root_(std::move(root)), path_(std::move(path)), file_(std::move(file)), spec_(std::move(spec)), hasher_(std::move(hasher)) {}
  Result<> rehash();

  std::string root_;
  std::string path_;  ///< of the partial file; empty once it is gone
  UniqueFd file_;
  WriterSpec spec_;
  Hasher hasher_;
  std::uint64_t offset_ = 0;
  std::optional<Digest> sealed_;
};

/// The blobs of one data folder. Thread-safe: it keeps no state but the path.
class ContentStore {
 public:
  /// Opens or makes <root>. Partial files of unkeyed writers (debris of a crash) are removed, so only one process may use a store.
  [[nodiscard]] static Result<ContentStore> open(const std::string& root);

  /// Errors: aborted when another writer with this key is at work.
  [[nodiscard]] Result<BlobWriter> writer(WriterSpec spec) const;
  /// Opens for reading. Errors: not_found.
  [[nodiscard]] Result<UniqueFd> open(const Digest& digest) const;
  /// Reads a small blob whole and verifies it. Errors: not_found, resource_exhausted past `limit`, data_loss when the disk changed it.
  [[nodiscard]] Result<std::string> read(const Digest& digest, std::size_t limit = kMaxManifestBytes) const;
  /// Stores a small blob.
  [[nodiscard]] Result<Digest> put(std::string_view data) const;
  /// Errors: not_found.
  [[nodiscard]] Result<BlobInfo> stat(const Digest& digest) const;
  bool contains(const Digest& digest) const;
  /// Absence is success. Garbage collection calls this; others drop references and let it.
  [[nodiscard]] Result<> remove(const Digest& digest) const;
  /// Every blob, sorted by digest.
  [[nodiscard]] Result<std::vector<BlobInfo>> list() const;
  /// Re-hashes a blob. Errors: not_found, data_loss.
  [[nodiscard]] Result<> verify(const Digest& digest) const;
  /// Removes partial files that nobody writes and that were not touched since `before`. Returns the bytes freed.
  [[nodiscard]] Result<std::uint64_t> prune_partial(Time before) const;

  /// Where a blob lies; for programs that need a path.
  std::string path(const Digest& digest) const;

 private:
  explicit ContentStore(std::string root) : root_(std::move(root)) {}
  std::string root_;
};

}  // namespace fulcrum::image
