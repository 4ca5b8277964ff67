// Hooks of config.json.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "api/oci/mounts.h"
#include "base/error.h"
#include "runtime/state.h"

namespace fulcrum::runtime {

/// The state as the specification gives it to hooks on standard input: ociVersion, id, status, pid, bundle, annotations.
std::string hook_state(const SavedState& state, Status status, pid_t pid);

/// Runs hooks one after the other, each with `state` on standard input and its own timeout. The first that fails ends the list; the error
/// has what it printed. A hook without env gets `inherited`, or when that is null this process's environment, as with runc.
[[nodiscard]] Result<> run_hooks(std::string_view moment, const std::vector<oci::Hook>& hooks, const std::string& state,
                                 const std::vector<std::string>* inherited = nullptr);

/// Runs all of them, whatever becomes of each: a failure is only warned of.
void run_last_hooks(std::string_view moment, const std::vector<oci::Hook>& hooks, const std::string& state,
                    const std::function<void(const std::string&)>& warn);

}  // namespace fulcrum::runtime
