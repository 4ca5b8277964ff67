// How clients write the address of a registry.
#pragma once

#include <string>
#include <string_view>

namespace fulcrum::server::docker {

/// "https://index.docker.io/v1/", "docker.io" and nothing are Docker Hub ("docker.io"); of other addresses the host and port.
std::string registry_host(std::string_view address);

}  // namespace fulcrum::server::docker
