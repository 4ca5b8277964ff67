// What list and inspect both tell of a container, as pure functions of its record.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "api/docker/container_summary.h"
#include "api/oci/image_spec.h"
#include "api/workload/workload.h"
#include "base/error.h"

namespace fulcrum::server::docker {

struct Api;

/// The workload's labels over those of its image, as Docker copies them when it makes a container.
std::map<std::string, std::string> container_labels(const api::WorkloadSpec& spec, const oci::ImageRunConfig& image);

/// Program and arguments in one line; what has blanks in it is quoted, as `docker ps` shows it.
std::string command_text(const std::vector<std::string>& words);

std::vector<api::docker::MountPoint> mount_points(const api::WorkloadStatus& status);

/// "bridge", "none", "host", "container:x", or the network's name.
std::string network_mode(const api::WorkloadSpec& spec);

/// Uids of networks by the engine's names.
using NetworkIds = std::map<std::string, std::string>;
[[nodiscard]] Result<NetworkIds> network_ids(Api& api);
/// Every network that it is in or is to be in, by Docker's name; addresses while it runs.
std::map<std::string, api::docker::EndpointSettings> container_endpoints(const api::Workload& container, const NetworkIds& ids);

/// Published and exposed ports, sorted. What is published on every address stands twice, for IPv4 and for IPv6.
std::vector<api::docker::Port> container_ports(const api::Workload& container, const oci::ImageRunConfig& image);

}  // namespace fulcrum::server::docker
