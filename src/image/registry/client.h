// The registry client (OCI distribution-spec 1.1, Docker's registry API v2): pull, push, resolve, list, delete, log in.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/oci/image_spec.h"
#include "base/error.h"
#include "base/id.h"
#include "base/wait.h"
#include "image/content_store.h"
#include "image/reference.h"
#include "image/registry/options.h"
#include "image/registry/progress.h"

namespace fulcrum::image::registry {

struct PullOptions {
  oci::Platform platform = oci::host_platform();  ///< which image of an index
  bool all_platforms = false;                     ///< every image of an index instead
  Deadline deadline;                              ///< of the whole pull
  /// Called with each digest before the store is asked for it, from the calling thread: where a caller leases it (Lease::protect).
  std::function<void(const Digest&)> protect;
  /// Called once, from the calling thread, when it is known what is wanted and nothing but manifests has come: all of PulledImage is set.
  std::function<void(const struct PulledImage&)> found;
  /// Whether the unpacked layer with this diffID is there, so that its blob is not needed. Empty: blobs are always fetched.
  std::function<bool(const Digest& diff_id)> have_layer;
};

/// What a pull brought into the content store.
struct PulledImage {
  Reference reference;                  ///< as asked for
  oci::Descriptor target;               ///< what the reference names: an index or a manifest. Its digest makes the repo digest
  oci::Descriptor manifest;             ///< of the wanted platform; with all_platforms the first that fits, its digest empty when none does
  oci::Descriptor config;               ///< of that manifest
  std::vector<oci::Descriptor> layers;  ///< of that manifest, lowest first
  std::vector<oci::Descriptor> manifests;  ///< every image manifest that was fetched
};

/// What a registry has under a name.
struct RemoteImage {
  oci::Descriptor target;                ///< a manifest or an index
  std::vector<oci::Platform> platforms;  ///< of each manifest of an index, or of the image
};

struct PushOptions {
  std::vector<std::string> mount_from;  ///< repository paths of the same registry that may have the blobs
  Deadline deadline;                    ///< of the whole push
};

/// Thread-safe. Use one client per content store: it sees to it that two pulls do not fetch one blob twice.
///
/// Errors of every call: unauthenticated (401), permission_denied (403), not_found (404), resource_exhausted (429 and limits), unavailable
/// (the registry cannot be reached, answers 5xx, cuts or stalls, after the tries of RetryPolicy), failed_precondition (TLS), data_loss
/// (digest or size differ), unimplemented (schema 1, an unknown way to log in), cancelled, deadline_exceeded, invalid_argument (options).
/// They name the reference.
class Client {
 public:
  explicit Client(Options options);
  /// One with other options that shares this one's transfers: both see to it together that no blob is fetched twice.
  Client sibling(Options options) const;
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  ~Client();

  /// Fetches an image: blobs in parallel, those in the store not again; then the manifest, then the index. By digest, nothing else is
  /// accepted.
  [[nodiscard]] Result<PulledImage> pull(const Reference& reference, const ContentStore& store, const PullOptions& options,
                                         const ProgressSink& progress, const StopSource& stop);
  /// Sends `target` (a manifest or index of the store) with all that it names, and gives it the reference's tag (or its digest alone).
  /// Returns the digest, which is the target's: bytes are sent as they are. Errors also: failed_precondition when something is not stored.
  [[nodiscard]] Result<Digest> push(const Reference& reference, const Digest& target, const ContentStore& store, const PushOptions& options,
                                    const ProgressSink& progress, const StopSource& stop);
  /// What the reference names now, without fetching blobs.
  [[nodiscard]] Result<oci::Descriptor> resolve(const Reference& reference, const StopSource& stop, const Deadline& deadline);
  /// What the reference names now, and for which platforms; of a single image its config is read.
  [[nodiscard]] Result<RemoteImage> describe(const Reference& reference, const StopSource& stop, const Deadline& deadline);
  /// The tags of a repository, in the registry's order (at most 100,000).
  [[nodiscard]] Result<std::vector<std::string>> tags(const Reference& repository, const StopSource& stop, const Deadline& deadline);
  /// The repositories of a registry that its catalog shows (at most 100,000). Many registries refuse this.
  [[nodiscard]] Result<std::vector<std::string>> catalog(const std::string& domain, const StopSource& stop, const Deadline& deadline);
  /// Deletes a manifest by digest. A tag alone is refused (invalid_argument): the digest under it may have other tags.
  [[nodiscard]] Result<> remove(const Reference& reference, const StopSource& stop, const Deadline& deadline);
  /// Verifies a credential with the registry; nothing is stored.
  [[nodiscard]] Result<> login(const std::string& domain, const Credential& credential, const StopSource& stop, const Deadline& deadline);

 private:
  struct State;
  explicit Client(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace fulcrum::image::registry
