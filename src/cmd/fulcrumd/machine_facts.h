// What this machine has, found out once at the start, for GET /v1/info.
#pragma once

#include <optional>
#include <string>

#include "fulcrumd/options.h"
#include "os/rootless.h"

namespace fulcrum::daemon {

/// The kernel's ID of this boot.
std::string boot_id();
/// JSON object: kernel, cpus, memory, cgroup layout, which features of the kernel work, folders.
std::string machine_facts(const Options& options, const std::optional<os::Rootless>& rootless);

}  // namespace fulcrum::daemon
