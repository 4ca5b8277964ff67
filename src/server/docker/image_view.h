// Images of the store in Docker's words: pure projections.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/docker/image.h"
#include "api/oci/image_spec.h"
#include "image/build/glob.h"
#include "image/image_store.h"
#include "server/docker/operation.h"

namespace fulcrum::server::docker {

/// The Config of an image: what it does not say is null, as Docker writes it.
api::docker::ImageConfig image_config(const oci::ImageRunConfig& config);

/// An entry of a list, nothing counted.
api::docker::ImageSummary image_summary(const image::ImageRecord& record, const oci::ImageConfig& config);

/// Members that this version had otherwise: null names, VirtualSize, Containers.
void adapt(api::docker::ImageSummary& summary, ApiVersion version);

/// `layer_dirs`: top-most first.
api::docker::ImageInspect image_inspect(const image::ImageRecord& record, const oci::ImageConfig& config,
                                        const std::vector<std::string>& layer_dirs, ApiVersion version);

/// The newest step first. `lineage`: the image and those it was made from, newest first; each gives a step its ID and names.
std::vector<api::docker::ImageHistoryItem> image_history(const std::vector<image::HistoryEntry>& entries,
                                                         std::span<const image::ImageRecord> lineage);

/// Whether one of a name's forms ("nginx:latest", "nginx", with domain and without) matches a pattern.
bool reference_matches(const std::string& stored, const std::vector<image::build::Glob>& patterns);

/// Chain IDs of an image's layers (a layer with all below it), lowest first.
std::vector<std::string> chain_ids(const image::ImageRecord& record);

/// Seconds since the epoch of an RFC 3339 text; 0 when it is none.
std::int64_t unix_seconds(const std::string& rfc3339);

}  // namespace fulcrum::server::docker
