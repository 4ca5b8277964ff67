// The native API of docs/api.md: one function per noun adds its routes. Handlers translate and call; they decide nothing.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "control/build/builder.h"
#include "control/engine.h"
#include "control/facts.h"
#include "http/router.h"
#include "http/server.h"
#include "image/image_store.h"
#include "image/registry/client.h"
#include "topology/topology.h"

namespace fulcrum::server::native {

/// What the handlers call. All of it outlives the server.
struct Api {
  control::Engine& engine;
  image::ImageStore& images;
  image::registry::Client& registry;
  /// A client with other credentials, for a request that brings its own.
  std::function<image::registry::Client(const image::registry::Credential&, const std::string& domain, bool insecure)> registry_as;
  const topology::Topologies& topologies;
  control::Facts facts;  ///< what the machine has, found out at the start
  control::Builder& builder;
};

/// All routes.
void add_routes(http::Router& router, Api& api);

void add_workload_routes(http::Router& router, Api& api);
void add_action_routes(http::Router& router, Api& api);
void add_stream_routes(http::Router& router, Api& api);
void add_log_routes(http::Router& router, Api& api);
void add_file_routes(http::Router& router, Api& api);
void add_stats_routes(http::Router& router, Api& api);
void add_image_routes(http::Router& router, Api& api);
void add_registry_routes(http::Router& router, Api& api);
void add_build_routes(http::Router& router, Api& api);
void add_volume_routes(http::Router& router, Api& api);
void add_network_routes(http::Router& router, Api& api);
void add_secret_routes(http::Router& router, Api& api);
void add_event_routes(http::Router& router, Api& api);
void add_system_routes(http::Router& router, Api& api);

/// The body of an error: {"code","message","violations":[{"path","message"}]}.
std::string error_body(const Error& error, int status, const http::Request* request);

}  // namespace fulcrum::server::native
