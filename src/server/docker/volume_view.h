// Volumes between Docker's words and the engine's: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "api/docker/volume.h"
#include "api/workload/workload.h"
#include "base/error.h"

namespace fulcrum::server::docker {

/// Docker's label of volumes that were given no name.
inline constexpr std::string_view kAnonymousVolume = "com.docker.volume.anonymous";

/// A volume's labels as clients see them.
std::map<std::string, std::string> volume_labels(const api::Volume& volume);
/// The volume as clients see it, without its usage.
api::docker::Volume volume_view(const api::Volume& volume);
/// What a client wants, as the engine says it. Errors in Docker's words: invalid_argument (the name), not_found (the driver).
[[nodiscard]] Result<api::VolumeSpec> volume_spec(const api::docker::VolumeCreate& wish);

}  // namespace fulcrum::server::docker
