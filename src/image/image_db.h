// The image store's index, in SQLite: records, names, holders.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/id.h"
#include "image/image_store.h"
#include "image/sqlite.h"

namespace fulcrum::image {

/// One connection behind one mutex: each method is one transaction. Records and names are on the disk when a method returns; holders
/// outlive the process, but perhaps not a loss of power, as little as the workloads that hold.
class ImageDb {
 public:
  [[nodiscard]] static Result<ImageDb> open(const std::string& path);
  ImageDb(ImageDb&&) noexcept = default;

  /// Records an image (kept as it is when it is there already, but no longer hidden) and moves names to it.
  [[nodiscard]] Result<> add(const ImageRecord& image);
  /// The record without its config; nothing when there is none.
  [[nodiscard]] Result<std::optional<ImageRecord>> get(const ImageId& id) const;
  /// All that are not hidden, newest first, without their configs.
  [[nodiscard]] Result<std::vector<ImageRecord>> list() const;
  [[nodiscard]] Result<std::optional<ImageId>> find_name(const std::string& name) const;
  enum class Find { visible, hidden_too };
  /// At most two IDs that start with `prefix`.
  [[nodiscard]] Result<std::vector<ImageId>> find_prefix(const std::string& prefix, Find which = Find::visible) const;
  [[nodiscard]] Result<> tag(const std::string& name, const ImageId& id, Time now);
  enum class Drop {
    names,        ///< only the names
    unless_held,  ///< names and record, or nothing at all when somebody holds it
    regardless,   ///< the names; the record too unless somebody holds it
  };
  /// Removes these names, and the record with its last name as `how` says. True: the record went.
  [[nodiscard]] Result<bool> drop(const ImageId& id, const std::vector<std::string>& names, Drop how);
  /// Hides an image that has no name, so that it goes with its last holder; without holders it goes now. False: it has a name.
  [[nodiscard]] Result<bool> hide(const ImageId& id);
  [[nodiscard]] Result<> hold(const ImageId& id, const std::string& holder);
  [[nodiscard]] Result<> release(const std::string& holder);
  [[nodiscard]] Result<std::vector<std::string>> holders(const ImageId& id) const;
  /// Every digest that a record needs: configs, manifests, blobs and diffIDs.
  [[nodiscard]] Result<std::set<std::string>> live() const;

 private:
  explicit ImageDb(sqlite::Database db) : db_(std::move(db)), mutex_(std::make_unique<std::mutex>()) {}
  Result<std::vector<ImageRecord>> load(const std::string& where, const std::vector<std::string>& values) const;

  sqlite::Database db_;
  std::unique_ptr<std::mutex> mutex_;  // apart, so that the index can be moved
};

}  // namespace fulcrum::image
