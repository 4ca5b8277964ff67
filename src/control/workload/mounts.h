// Volumes, binds, tmpfs, secrets and configs: from names in a spec to what the sandbox mounts.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "control/workload/parts.h"
#include "sandbox/sandbox.h"

namespace fulcrum::control {

/// On anonymous volumes: the uid of the workload that they were made for.
inline constexpr std::string_view kAnonymousLabel = "fulcrum.anonymous";

/// A workload as its volumes know it.
struct VolumeUser {
  std::string uid, name;
};
using VolumeUsers = std::map<std::string, std::vector<VolumeUser>, std::less<>>;

/// Decides which volume stands at which target, anonymous ones included (those of the image too), and makes the volumes that are missing.
/// What was decided before (`workload.status.mounts`) stays. Returns the mounts to be shown and kept in the status; nothing is shown
/// that was not stored: a caller stores the result before a sandbox uses it.
/// Errors: invalid_argument, unimplemented, not_found; aborted while a volume of that name is being removed.
[[nodiscard]] Result<std::vector<api::MountStatus>> resolve_volumes(const Parts& parts, const api::Workload& workload,
                                                                    const oci::ImageConfig& image);

/// The mounts for one run, with host paths checked and files of secrets and configs written.
[[nodiscard]] Result<std::vector<sandbox::ResolvedMount>> sandbox_mounts(const Parts& parts, const api::Workload& workload);

/// The volumes and binds among them, in the same order.
[[nodiscard]] Result<std::vector<sandbox::ResolvedMount>> volume_mounts(const Parts& parts, const api::Workload& workload);

/// Removes the files of secrets and configs. Absence is success.
[[nodiscard]] Result<> remove_files(const Parts& parts, const std::string& uid);

/// Makes a volume's record and folder, or finds it. Errors: already_exists with `exclusive`; aborted while it is being removed.
[[nodiscard]] Result<api::Volume> ensure_volume(const Parts& parts, const api::VolumeSpec& spec, bool anonymous, bool exclusive);
/// Removes a volume. Errors: not_found; failed_precondition when a workload uses it (names it).
[[nodiscard]] Result<> remove_volume(const Parts& parts, const std::string& name);
/// The volumes that are in use, each with the workloads that use it.
[[nodiscard]] Result<VolumeUsers> volume_users(const Parts& parts);
struct PrunedVolumes {
  std::vector<std::string> names;
  std::uint64_t bytes = 0;
};
/// Removes the volumes that nobody uses and that `chosen` wants gone.
[[nodiscard]] Result<PrunedVolumes> prune_volumes(const Parts& parts, const std::function<bool(const api::Volume&)>& chosen);

}  // namespace fulcrum::control
