// The container's view of files: its root, mounts, devices, console, masked and read-only paths.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "api/oci/runtime_spec.h"
#include "base/error.h"
#include "base/unique_fd.h"
#include "runtime/mounts.h"
#include "runtime/overlay_root.h"

namespace fulcrum::runtime {

/// What init needs to know to build its root.
struct RootfsPlan {
  const oci::Spec* spec = nullptr;
  const std::vector<PlannedMount>* mounts = nullptr;
  std::string path;                          ///< absolute path of root.path on the host
  UniqueFd overlay;                          ///< a detached mount to be put there; invalid: bind the folder onto itself
  const OverlayRoot* own_overlay = nullptr;  ///< to be mounted by init itself, which has no privileged runtime to do it
  bool no_pivot = false;
  bool user_namespace = false;
  bool mount_namespace = true;
};

/// Makes root and mounts in the calling process's mount namespace, up to the moment of the createRuntime hooks. Returns the root folder.
[[nodiscard]] Result<UniqueFd> build_root(RootfsPlan& plan, MountContext& context);
/// Binds the terminal end on /dev/console.
[[nodiscard]] Result<> bind_console(int root, int terminal);
/// Masked and read-only paths, read-only root.
[[nodiscard]] Result<> seal_root(const RootfsPlan& plan, int root);
/// Makes `root` the root of the process, and lets go of the host's files.
[[nodiscard]] Result<> enter_root(const RootfsPlan& plan, int root);

}  // namespace fulcrum::runtime
