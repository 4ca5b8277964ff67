// What the daemon does before it serves: makes the world equal to the store.
#pragma once

#include <string>

#include "control/workload/parts.h"
#include "sandbox/sandbox.h"

namespace fulcrum::control {

/// Networks and endpoints back into the kernel, orphans away, and after a restart of the machine those workloads marked for a start whose
/// policy wants it. Workloads themselves are the reconciler's: it sees what ended meanwhile. Returns the revision of the store to watch
/// from. Errors: those of the store and of the network.
[[nodiscard]] Result<store::Revision> recover(Parts& parts, sandbox::Sandbox& sandbox, const std::string& boot_id);

}  // namespace fulcrum::control
