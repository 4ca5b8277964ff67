// From the files that a step changed to a layer: its tar among the blobs, its folder among the layers, each written once.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/error.h"
#include "base/wait.h"
#include "image/build/cache.h"
#include "image/image_store.h"

namespace fulcrum::image::build {

/// Names in an upper folder that the container's start made as places to mount on, and the step itself could not touch.
std::span<const char* const> mount_points();

struct LayerSpec {
  std::string upper;                  ///< of an overlay that nobody mounts any more, on the layers' file system; it is moved away
  std::vector<std::string> lowers;    ///< what it lay on, top-most first
  bool mount_points = false;          ///< leave out mount_points() that none of `lowers` has
  std::optional<std::int64_t> epoch;  ///< later times become this one, in the tar and in the folder
};

/// Makes the layer. Nothing: the folder changes nothing. The lease protects it. Errors: as those of write_layer().
[[nodiscard]] Result<std::optional<BuiltLayer>> make_layer(const ImageStore& store, const LayerSpec& spec, Lease& lease,
                                                           const StopSource& stop);

}  // namespace fulcrum::image::build
