// A workload's phase in Docker's words. One total projection, used by list, inspect, events and wait.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "api/workload/workload.h"

namespace fulcrum::server::docker {

/// created, running, paused, restarting, removing or exited: what State.Status and the `status` filter say. Docker also has "dead", for
/// what could not be removed; the engine tries again instead, so nothing is ever dead.
std::string_view docker_status(const api::WorkloadStatus& status);

/// Whether Docker says State.Running: also of what is paused, or waits to be restarted.
bool docker_running(const api::WorkloadStatus& status);

/// What `docker ps` shows: "Up 3 minutes (healthy)", "Exited (0) 2 seconds ago", "Created".
std::string docker_status_text(const api::WorkloadStatus& status, Time now);

/// As Docker's tools write a span of time: "Less than a second", "About an hour", "3 weeks".
std::string human_duration(std::chrono::nanoseconds span);

}  // namespace fulcrum::server::docker
