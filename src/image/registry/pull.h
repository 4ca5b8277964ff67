// The steps of one pull.
#pragma once

#include "base/error.h"
#include "image/registry/client.h"
#include "image/registry/download.h"
#include "image/registry/session.h"

namespace fulcrum::image::registry {

/// What Client::pull does, with its parts given.
[[nodiscard]] Result<PulledImage> pull_image(Shared& shared, InFlight& in_flight, const Reference& reference, const ContentStore& store,
                                             const PullOptions& options, const ProgressSink& progress, const StopSource& stop);
/// What the reference names, from the first endpoint that knows it.
[[nodiscard]] Result<RemoteImage> describe_reference(Shared& shared, const Reference& reference, const Bounds& bounds);
/// The same without its platforms: one request.
[[nodiscard]] Result<oci::Descriptor> resolve_reference(Shared& shared, const Reference& reference, const Bounds& bounds);

}  // namespace fulcrum::image::registry
