// The steps of one push.
#pragma once

#include "base/error.h"
#include "image/registry/client.h"
#include "image/registry/session.h"

namespace fulcrum::image::registry {

/// What Client::push does, with its parts given.
[[nodiscard]] Result<Digest> push_image(Shared& shared, const Reference& reference, const Digest& target, const ContentStore& store,
                                        const PushOptions& options, const ProgressSink& progress, const StopSource& stop);

}  // namespace fulcrum::image::registry
