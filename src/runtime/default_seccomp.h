// The engine's default seccomp profile: everything is refused with EPERM but what ordinary programs use.
#pragma once

#include <span>
#include <string>

#include "api/oci/seccomp.h"

namespace fulcrum::runtime {

/// The profile for a process with these capabilities (names as "CAP_SYS_ADMIN"; the bounding set), for this machine's architecture. Equal
/// in effect to the default of Docker: a capability also allows the system calls that it is for.
oci::Seccomp default_seccomp(std::span<const std::string> capabilities);

}  // namespace fulcrum::runtime
