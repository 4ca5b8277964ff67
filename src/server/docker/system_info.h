// GET /version and GET /info as functions of what the engine knows.
#pragma once

#include "api/docker/system.h"
#include "control/facts.h"
#include "topology/topology.h"

namespace fulcrum::server::docker {

/// The architecture as Go names it: amd64.
std::string go_architecture(std::string_view machine);

api::docker::SystemVersion system_version(const control::Facts& facts);

/// What changes while the engine runs.
struct Counts {
  std::int64_t running = 0, paused = 0, stopped = 0, images = 0, events_listeners = 0, fds = 0, threads = 0;
};

api::docker::SystemInfo system_info(const control::Facts& facts, const topology::Topologies& topologies, const std::string& id,
                                    const Counts& counts, Time now);

}  // namespace fulcrum::server::docker
