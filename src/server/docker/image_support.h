// What the handlers of images share: finding, naming, telling.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "api/docker/image.h"
#include "api/oci/image_spec.h"
#include "server/docker/support.h"

namespace fulcrum::server::docker {

/// The image that a client names: by name, ID, unique prefix of an ID, or repository@digest. Errors: not_found "No such image: x:latest",
/// invalid_argument.
[[nodiscard]] Result<image::ImageRecord> find_image(Api& api, std::string_view reference);

/// The `repo` and `tag` parameters as one name; nothing when there is no repo. Errors: invalid_argument, also for a repo with a digest.
[[nodiscard]] Result<std::optional<image::Reference>> repo_and_tag(std::string_view repo, std::string_view tag);

/// A name of the store in the form that people type: "nginx:latest".
std::string familiar(const std::string& stored);

/// Records what happened to an image, with its labels as attributes. `name` is what a filter finds it by.
[[nodiscard]] Result<> tell_image(Api& api, std::string_view action, const image::ImageRecord& record, const std::string& name);

/// The container that uses an image: for conflicts and counts.
struct ImageUser {
  std::string container;  ///< its ID
  bool running = false;
};

/// Who uses which image, by image ID: those that were made of it, and those that mount it.
[[nodiscard]] Result<std::multimap<std::string, ImageUser>> image_users(Api& api);

/// How GET /images/json and the image part of GET /system/df are asked for.
struct ImageListOptions {
  bool all = false;  ///< also the nameless ones that others were made from
  bool shared_size = false;
  bool containers = false;  ///< count them
};

/// The images that a client may see, the newest first, in the newest version's form.
[[nodiscard]] Result<std::vector<api::docker::ImageSummary>> image_summaries(Api& api, const ImageListOptions& options,
                                                                             const Filters& filters);

/// Bytes that all unpacked layers take on disk, each counted once: LayersSize of GET /system/df.
[[nodiscard]] Result<std::int64_t> layers_size(Api& api);

}  // namespace fulcrum::server::docker
