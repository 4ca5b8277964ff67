// Images as the controllers and servers use them: the store and the registry client together.
#pragma once

#include <memory>
#include <string>

#include "control/mechanisms.h"
#include "image/registry/client.h"
#include "image/registry/progress.h"

namespace fulcrum::control {

struct PullRequest {
  std::string reference;
  std::string platform;  ///< empty: the host's
};
struct PulledAs {
  image::ImageId id;
  Digest digest;         ///< of what the reference names
  bool changed = false;  ///< the name means another image than before, or is new
};

/// How far a blob is. `status` is a word of registry::BlobStatus, or of a pull: extracting, unpacked (final).
struct TransferStep {
  Digest blob;
  std::string_view status;
  std::uint64_t current = 0, total = 0;
};

/// Whoever wants to know how a transfer goes. Both are called from several threads, `found` before the first step; each may be empty.
struct TransferListener {
  /// The layers' blobs, lowest first, once they are known. Other blobs (configs) may be told of, too.
  std::function<void(const std::vector<Digest>& layers)> found;
  std::function<void(const TransferStep&)> step;
};

/// The same for who wants lines: each step with the first digits of its blob's digest; `unpacked` is left out.
using PullProgress = std::function<void(const std::string& id, std::string_view status, std::uint64_t current, std::uint64_t total)>;
TransferListener step_listener(PullProgress progress);

/// Fetches an image and records it under its name.
[[nodiscard]] Result<PulledAs> pull_image(image::ImageStore& store, image::registry::Client& client, const PullRequest& request,
                                          const TransferListener& listener, const StopSource& stop);

/// Sends the image that the store has under this name, and records by which digest the registry has it. Blobs that it has in another
/// repository are taken from there.
[[nodiscard]] Result<Digest> push_image(image::ImageStore& store, image::registry::Client& client, const image::Reference& reference,
                                        const TransferListener& listener, const StopSource& stop);

/// Both must outlive it.
std::unique_ptr<Images> make_images(image::ImageStore& store, image::registry::Client& client);

}  // namespace fulcrum::control
