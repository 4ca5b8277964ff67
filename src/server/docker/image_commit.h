// `docker commit`: a container's changes and configuration as an image.
#pragma once

#include "api/docker/container_config.h"
#include "api/oci/image_spec.h"
#include "api/workload/workload.h"
#include "server/docker/support.h"

namespace fulcrum::server::docker {

/// How containers of an image made of this one run: what it was made with, over what its image says.
oci::ImageRunConfig committed_config(const api::WorkloadSpec& spec, const oci::ImageRunConfig& image);

/// What a request wants instead, over that: single values replace, variables, labels, ports and volumes are added.
oci::ImageRunConfig merged_config(const api::docker::ContainerConfig& wanted, oci::ImageRunConfig config);

/// POST /commit
[[nodiscard]] Result<> commit_container(Api& api, Request& request, ResponseWriter& response);

}  // namespace fulcrum::server::docker
