// What both APIs do around a build: taking its context in, and telling of it afterwards.
#pragma once

#include <string>

#include "control/build/builder.h"
#include "http/server.h"
#include "image/build/context.h"
#include "server/native/api.h"

namespace fulcrum::server::native {

/// Unpacks the request's body, a tar, below `folder`.
[[nodiscard]] Result<image::build::BuildContext> receive_context(http::Request& request, const std::string& folder);
/// Fetches a context that lies at a URL. Errors: unimplemented for git repositories.
[[nodiscard]] Result<image::build::BuildContext> fetch_context(const std::string& remote, const std::string& folder,
                                                               const StopSource& stop);
/// Records the events of a finished build.
[[nodiscard]] Result<> tell_built(Api& api, const control::PreparedBuild& build, const image::build::BuiltImage& built);

}  // namespace fulcrum::server::native
