// What steps of builds gave: the build cache's index, in SQLite, beside the layers that it points to.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/id.h"
#include "base/units.h"
#include "image/sqlite.h"

namespace fulcrum::image::build {

/// A layer that a step made: a plain tar among the blobs, so its blob is its own diffID, and a folder among the layers.
struct BuiltLayer {
  Digest diff_id;
  std::uint64_t size = 0;        ///< bytes of the tar
  std::uint64_t disk_bytes = 0;  ///< bytes of file data
  friend bool operator==(const BuiltLayer&, const BuiltLayer&) = default;
};

/// What a step gave.
struct CachedStep {
  std::string key;                  ///< hex: everything that the step's result depends on, hashed
  std::string parent;               ///< the key of the step before it; empty: none
  std::string comment;              ///< the history's text
  std::string created;              ///< RFC 3339
  std::optional<BuiltLayer> layer;  ///< unset: the step changed no file
  Time added{};
  Time used{};
  std::uint64_t uses = 0;
};

/// Thread-safe. A row may outlive its layer: who finds one looks whether the layer is there.
class BuildCache {
 public:
  /// Opens or makes the index. What is in a damaged one is only a cache: it begins anew.
  [[nodiscard]] static Result<BuildCache> open(const std::string& path);
  BuildCache(BuildCache&&) noexcept = default;

  [[nodiscard]] Result<std::optional<CachedStep>> find(const std::string& key) const;
  /// Records a step, instead of what its key had.
  [[nodiscard]] Result<> put(const CachedStep& step);
  /// Counts a use of each.
  [[nodiscard]] Result<> touch(const std::vector<std::string>& keys, Time now);
  /// All, least recently used first.
  [[nodiscard]] Result<std::vector<CachedStep>> list() const;
  [[nodiscard]] Result<> remove(const std::vector<std::string>& keys);
  /// The digests that the rows need.
  [[nodiscard]] Result<std::set<std::string>> live() const;

 private:
  explicit BuildCache(sqlite::Database db) : db_(std::move(db)), mutex_(std::make_unique<std::mutex>()) {}
  Result<std::vector<CachedStep>> load(const std::string& where, const std::vector<std::string>& values) const;

  sqlite::Database db_;
  std::unique_ptr<std::mutex> mutex_;  // apart, so that the index can be moved
};

}  // namespace fulcrum::image::build
