// Device nodes and links below /dev.
#pragma once

#include <vector>

#include "api/oci/linux.h"
#include "base/error.h"

namespace fulcrum::runtime {

/// Makes the six default devices and those of the configuration below `root`. Where nodes cannot be made (`bind`: in a user namespace), or
/// the kernel refuses (EPERM), the host's node is bound instead.
[[nodiscard]] Result<> make_devices(int root, const std::vector<oci::Device>& devices, bool bind);
/// /dev/fd, /dev/stdin, /dev/stdout, /dev/stderr, /dev/core and /dev/ptmx. What exists stays, but /dev/ptmx.
[[nodiscard]] Result<> make_device_links(int root);

}  // namespace fulcrum::runtime
