// HostConfig.Runtime: the continuum's switch in Docker's API.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "topology/topology.h"

namespace fulcrum::server::docker {

/// What a container gets that names no runtime, and how `inspect` calls it.
inline constexpr std::string_view kDefaultRuntime = "runc";

/// The names that may be given here, each with the topology it stands for: "runc", "io.containerd.runc.v2" and "fulcrum" are the engine's
/// own runtime for containers, "fulcrum-<topology>" each other point of the continuum that this machine can offer.
std::map<std::string, api::Topology> runtimes(const topology::Topologies& topologies);
/// The topology of a name; empty means the default. Errors: invalid_argument, in Docker's words: "unknown or invalid runtime name: x".
[[nodiscard]] Result<api::Topology> runtime_topology(const topology::Topologies& topologies, std::string_view name);

/// How `inspect` calls a topology.
std::string_view runtime_name(api::Topology topology);

}  // namespace fulcrum::server::docker
