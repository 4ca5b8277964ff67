// Lists of containers, for who shows all of them.
#pragma once

#include <vector>

#include "api/docker/container_summary.h"
#include "server/docker/support.h"

namespace fulcrum::server::docker {

/// Every container with its sizes, the newest first: the containers of GET /system/df.
[[nodiscard]] Result<std::vector<api::docker::ContainerSummary>> container_summaries(Api& api, const ApiVersion& version);

}  // namespace fulcrum::server::docker
