// The launcher stage of an ordinary user's daemon: where its folders are, into which namespaces it goes, and when these end.
#pragma once

#include <optional>
#include <string>

#include "base/error.h"
#include "fulcrumd/options.h"
#include "os/rootless.h"
#include "sandbox/sandbox.h"

namespace fulcrum::daemon {

/// Is this to be a rootless engine: asked for, or started by somebody who is not root?
bool is_rootless(const Options& options);
/// Folders of this user for those that were not given: $XDG_DATA_HOME/fulcrum (~/.local/share/fulcrum), $XDG_RUNTIME_DIR/fulcrum. All
/// become absolute. Error: failed_precondition when the environment does not tell where they are.
[[nodiscard]] Result<> choose_user_folders(Options& options);
/// choose_user_folders(), then into the namespaces; warnings are logged. Call before any thread exists.
[[nodiscard]] Result<os::Rootless> go_rootless(Options& options);
/// Why ports cannot be published; empty: they can.
std::string why_no_ports(const Options& options, const os::Rootless& rootless);
/// After the daemon's orderly end: ends the namespaces, unless a workload still lives in them.
[[nodiscard]] Result<> leave_rootless(const Options& options, sandbox::Sandbox& sandbox);
/// `fulcrumd … --rootless-enter COMMAND…`: runs a command inside the namespaces of the engine of this run folder, in this process's place.
/// Returns only on an error.
[[nodiscard]] Error enter_and_execute(Options& options);

}  // namespace fulcrum::daemon
