// From a Workload to what inspect shows: the way back of container_spec(). All of it follows from what the engine stores, so a workload
// that was declared natively is shown as well as one that came through this API.
#pragma once

#include <map>
#include <string>

#include "api/docker/container.h"
#include "api/oci/image_spec.h"
#include "api/workload/workload.h"
#include "server/docker/container_view.h"

namespace fulcrum::server::docker {

/// Config: what was declared, laid over what the image says.
api::docker::ContainerConfig view_config(const api::Workload& workload, const oci::ImageConfig& image);
/// HostConfig, with Docker's defaults filled in.
api::docker::HostConfig view_host_config(const api::Workload& workload);
api::docker::ContainerState view_state(const api::WorkloadStatus& status);
/// Networks, and ports while it runs.
api::docker::NetworkSettings view_networks(const api::Workload& workload, const oci::ImageConfig& image, const NetworkIds& ids);
/// "2024-05-01T10:00:00.000000001Z"; Go's zero time when there is none.
std::string view_time(const std::optional<Time>& time);

/// What is not in the record: paths and sizes that the sandbox knows, and the processes beside the first.
struct ContainerFacts {
  std::string resolv_conf, hostname, hosts;  ///< empty: there is none
  std::string log;
  std::map<std::string, std::string> root;  ///< LowerDir, UpperDir, …
  std::optional<std::int64_t> size_rw, size_root_fs;
  std::vector<std::string> execs;  ///< those that wait or run
};

/// All of it, as JSON: notation() laid over the encoded structs.
std::string view_container(const api::Workload& workload, const oci::ImageConfig& image, const NetworkIds& ids,
                           const ContainerFacts& facts);

}  // namespace fulcrum::server::docker
