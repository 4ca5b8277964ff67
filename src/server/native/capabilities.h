// GET /v1/capabilities: one page of what works, degrades and is refused, over all APIs of the engine.
#pragma once

#include <string>

#include "http/router.h"
#include "topology/topology.h"

namespace fulcrum::server::native {

/// Adds the route. `docker_operations`: a JSON array, how Docker's API on the same socket answers each of its operations.
void add_capability_route(http::Router& router, const topology::Topologies& topologies, const std::string& docker_operations);

}  // namespace fulcrum::server::native
