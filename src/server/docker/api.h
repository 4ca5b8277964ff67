// The Docker Engine API, translated onto the engine's own objects: a container is a Workload, and what `docker ps` shows, `fulcrum ls`
// shows. Handlers translate and call; they decide nothing.
// Source: the Engine API's OpenAPI descriptions, versions 1.24 to 1.47 (github.com/moby/moby, docs/api and api/swagger.yaml).
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "server/docker/operation.h"
#include "server/native/api.h"

namespace fulcrum::server::docker {

/// What the handlers call: the same as the native API's handlers, and what only Docker's API has to remember. All of it outlives the
/// server.
struct Api {
  native::Api& native;
  std::atomic<std::int64_t> event_listeners = 0;  ///< streams of GET /events
};

/// All routes, with and without a version before the path. The router must accept_version_prefix().
void add_routes(http::Router& router, Api& api);

/// Docker's body of an error: {"message":"…"}. For the paths of this API only.
std::string error_body(const Error& error, int status, const http::Request* request);

/// JSON array of all operations: {"method","path","standing","note"}.
std::string operations_json();

}  // namespace fulcrum::server::docker
