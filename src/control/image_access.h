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
  Digest digest;  ///< of what the reference names
};

/// Called from several threads. `status` is a word of registry::BlobStatus, or extracting.
using PullProgress = std::function<void(const std::string& id, std::string_view status, std::uint64_t current, std::uint64_t total)>;

/// Fetches an image and records it under its name.
[[nodiscard]] Result<PulledAs> pull_image(image::ImageStore& store, image::registry::Client& client, const PullRequest& request,
                                          const PullProgress& progress, const StopSource& stop);

/// Both must outlive it.
std::unique_ptr<Images> make_images(image::ImageStore& store, image::registry::Client& client);

}  // namespace fulcrum::control
