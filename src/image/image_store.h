// Images: records over blobs and layers, with names, holders, leases and garbage collection.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/id.h"
#include "base/wait.h"
#include "image/content_store.h"
#include "image/layer_store.h"
#include "image/reference.h"

namespace fulcrum::image {

namespace build {
class BuildCache;
}

/// An image's ID: the digest of its config.
using ImageId = Digest;

/// One layer of an image, as stored.
struct ImageLayer {
  Digest diff_id;          ///< of the uncompressed tar
  Digest blob;             ///< of the tar as it came (compressed or not)
  std::string media_type;  ///< of the blob
  std::uint64_t size = 0;  ///< bytes of the blob
};

/// What is recorded of an image.
struct ImageRecord {
  ImageId id;
  Digest manifest;  ///< of the manifest that brought it
  std::string manifest_media_type;
  std::vector<ImageLayer> layers;         ///< lowest first
  std::vector<std::string> tags;          ///< normalised references, sorted
  std::vector<std::string> repo_digests;  ///< "docker.io/library/nginx@sha256:…", sorted
  std::uint64_t size = 0;                 ///< bytes of its unpacked layers, each counted once
  Time added{};
  Time tagged{};       ///< when a name was last given to it; unset: never
  ImageId parent;      ///< the image it was made from by commit or build; empty: none that is known
  std::string config;  ///< the config blob, JSON (api/oci/image_spec.h decodes it)
};

/// One step of an image's history.
struct HistoryEntry {
  std::string created;  ///< RFC 3339; empty when unknown
  std::string created_by;
  std::string comment;
  std::optional<Digest> diff_id;  ///< unset for steps that made no layer
  std::uint64_t size = 0;         ///< bytes of the unpacked layer
};

/// What a container needs of an image.
struct ResolvedImage {
  ImageId id;
  std::string config;                   ///< JSON
  std::vector<std::string> layer_dirs;  ///< top-most first, as overlayfs's lowerdir wants; each read-only to all
};

/// Keeps blobs and layers from being collected until it is dropped. A pull holds one from before its first look into the store until its
/// image is recorded. Leases live in memory: after a crash there are none, and what they kept is collected.
class Lease {
 public:
  Lease(Lease&&) noexcept;
  Lease& operator=(Lease&&) = delete;
  ~Lease();
  /// Call before checking whether a blob or layer is there: from then on it stays.
  void protect(const Digest& digest);

 private:
  friend class ImageStore;
  struct Shared;
  Lease(std::shared_ptr<Shared> shared, std::uint64_t key);
  std::shared_ptr<Shared> shared_;  ///< shared by the store and its leases
  std::uint64_t key_ = 0;
};

/// How far an unpack is.
using UnpackProgress = std::function<void(const Digest& diff_id, std::uint64_t done_bytes, std::uint64_t total_bytes)>;

/// What add() records.
struct AddSpec {
  Digest manifest;                      ///< in the content store, with its config and layer blobs
  std::vector<Reference> tags;          ///< names to give; each moves from the image that had it
  std::vector<Reference> repo_digests;  ///< repository@digest by which it was fetched
  UnpackOptions unpack;
  unsigned parallel = 2;                                ///< layers unpacked at once
  UnpackProgress progress;                              ///< called from several threads; may be empty
  std::function<void(const Digest& diff_id)> unpacked;  ///< a layer is there; called from several threads; may be empty
  ImageId parent;                                       ///< see ImageRecord::parent
};

struct RemoveOptions {
  bool force = false;        ///< also with several tags, or when held
  bool keep_layers = false;  ///< leave blobs and layers to a later collect()
};

/// What went away.
struct Removed {
  std::vector<std::string> untagged;  ///< references
  std::vector<ImageId> deleted;
  std::uint64_t bytes = 0;  ///< freed on disk: blobs and unpacked layers
};

/// The image store of one data folder:
///   images.db  build-cache.db  content/blobs/<algorithm>/<hex>  content/ingest/  layers/<diffID>/fs/
/// Thread-safe. One process at a time (the folder is locked). Crash-safe: an image exists when its record does. open() removes half-made
/// files; whole blobs and layers without a record wait for collect(), so that an interrupted pull need not start again.
class ImageStore {
 public:
  /// Errors: failed_precondition when another process has the folder.
  [[nodiscard]] static Result<ImageStore> open(const std::string& data_dir, const Clock& clock = Clock::system());
  ImageStore(ImageStore&&) noexcept;
  ImageStore& operator=(ImageStore&&) noexcept;
  ~ImageStore();

  const ContentStore& content() const;
  const LayerStore& layers() const;
  const Clock& clock() const;
  /// What builds remember; what it points to stays until it is pruned.
  build::BuildCache& build_cache() const;
  [[nodiscard]] Lease lease() const;

  /// Checks that manifest, config and layers agree, unpacks layers that are not there yet, records the image and its names.
  /// Idempotent. Errors: not_found (a blob), invalid_argument (manifest or config), data_loss (diffID), resource_exhausted.
  [[nodiscard]] Result<ImageId> add(const AddSpec& spec, Lease& lease, const StopSource& stop);

  /// Finds by reference, by ID ("sha256:…", its hex, or a unique prefix of at least 4 digits), or by repository@digest.
  /// Errors: not_found "no such image: x"; invalid_argument for an ambiguous prefix.
  [[nodiscard]] Result<ImageRecord> inspect(std::string_view reference_or_id) const;
  /// All images, newest first.
  [[nodiscard]] Result<std::vector<ImageRecord>> list() const;
  /// The steps by which it came to be, newest first, as `docker history` prints them.
  [[nodiscard]] Result<std::vector<HistoryEntry>> history(std::string_view reference_or_id) const;
  /// inspect(), with the folders to mount; finds hidden images by their whole ID, too. hold() the image before mounting them.
  [[nodiscard]] Result<ResolvedImage> resolve(std::string_view reference_or_id) const;

  /// Gives another name; it moves from the image that had it.
  [[nodiscard]] Result<> tag(std::string_view reference_or_id, const Reference& name);
  /// Records that a registry has the image under this repository@digest. Errors: invalid_argument without a digest.
  [[nodiscard]] Result<> add_repo_digest(const ImageId& id, const Reference& name);
  /// Removes a name, and the image with its last name; by ID, all names. Errors: not_found, failed_precondition when held or, by ID, named
  /// in several repositories, unless forced.
  [[nodiscard]] Result<Removed> remove(std::string_view reference_or_id, const RemoveOptions& options = {});
  /// Removes these of an image's names (as its record has them), whichever remain.
  [[nodiscard]] Result<> untag(const ImageId& id, const std::vector<std::string>& names);
  /// Removes an image that has no name. One that is held is only hidden: nobody finds it but resolve() by its whole ID, and it goes with
  /// its last holder. Nothing is collected. Errors: not_found, failed_precondition when it has a name.
  [[nodiscard]] Result<> forget(const ImageId& id);
  /// Removes images without a name; with `all`, also named ones that nobody holds.
  [[nodiscard]] Result<Removed> prune(bool all);
  /// Removes blobs and layers that no image, holder or lease needs. Returns the bytes freed.
  [[nodiscard]] Result<std::uint64_t> collect();

  /// `holder` (a workload's ID) keeps the image from removal until release(). Persistent, idempotent. Errors: not_found.
  [[nodiscard]] Result<> hold(const ImageId& id, const std::string& holder);
  /// Absence is success.
  [[nodiscard]] Result<> release(const std::string& holder);
  [[nodiscard]] Result<std::vector<std::string>> holders(const ImageId& id) const;

 private:
  struct State;
  explicit ImageStore(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace fulcrum::image
