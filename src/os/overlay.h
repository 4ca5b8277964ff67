// A private view of an overlay: mounted, yet attached nowhere.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "os/user_namespace.h"

namespace fulcrum {

/// The folders of an overlay mount. The upper must not be mounted by anybody else at the time.
struct OverlaySpec {
  std::vector<std::string> lowers;            ///< top-most first, at least one
  std::string upper;                          ///< empty: a read-only view of the lowers
  std::string work;                           ///< empty folder on the upper's file system; needed with an upper
  bool user_xattr = os::in_user_namespace();  ///< overlay state in user.overlay.* instead of trusted.overlay.*
  bool read_only = false;                     ///< refuse writes in spite of an upper
};

/// Mounts the overlay detached (fsopen(2), fsmount(2)): nothing appears in any mount table, and the mount goes away with the descriptor.
/// Open files in it by sys::open_in_root(). nosuid and nodev: files are only read and written through it, never run.
/// Errors: invalid_argument, permission_denied without CAP_SYS_ADMIN, failed_precondition when the upper is in use.
[[nodiscard]] Result<UniqueFd> mount_overlay_detached(const OverlaySpec& spec);

}  // namespace fulcrum
