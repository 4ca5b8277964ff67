// What this machine has, found out once at the start.
#pragma once

#include <optional>
#include <string>

#include "control/facts.h"
#include "fulcrumd/options.h"
#include "os/rootless.h"

namespace fulcrum::daemon {

/// The kernel's ID of this boot.
std::string boot_id();
/// Kernel, cgroup layout, which features of the kernel work, folders, options.
control::Facts machine_facts(const Options& options, const std::optional<os::Rootless>& rootless);

}  // namespace fulcrum::daemon
