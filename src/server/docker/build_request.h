// The parameters of POST /build in the engine's own words.
#pragma once

#include <string>
#include <string_view>

#include "control/build/builder.h"
#include "http/message.h"

namespace fulcrum::server::docker {

/// What a client of the classic builder asks for.
struct BuildOptions {
  control::BuildRequest request;
  std::string remote;  ///< a URL instead of a body; empty: the body is the context
  bool quiet = false;  ///< only the image's ID is written
};

/// Every parameter works or is refused by name. Errors: invalid_argument; unimplemented for what only BuildKit does.
[[nodiscard]] Result<BuildOptions> parse_build_options(const http::Query& query);

}  // namespace fulcrum::server::docker
