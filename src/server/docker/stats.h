// From the engine's counters to Docker's.
#pragma once

#include <span>
#include <string_view>

#include "api/docker/stats.h"
#include "network/network.h"
#include "sandbox/sandbox.h"

namespace fulcrum::server::docker {

/// CPU time of the whole machine, idle time included: what a container's time is compared with.
struct MachineCpu {
  std::uint64_t total_ns = 0;
  std::uint32_t online = 0;
};
/// Out of /proc/stat.
MachineCpu machine_cpu(std::string_view proc_stat);

api::docker::ContainerStats container_stats(const sandbox::Usage& usage, std::span<const network::EndpointStats> networks,
                                            const MachineCpu& machine);

}  // namespace fulcrum::server::docker
