// The part of a seccomp filter that answers ENOSYS to system calls newer than its profile. Private to this folder.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/oci/seccomp.h"

namespace fulcrum::runtime {

/// libseccomp's token of "SCMP_ARCH_X86_64" and so on.
std::optional<std::uint32_t> architecture_token(std::string_view name);

/// Profiles list what they allow; what they do not list is either dangerous or newer than they are. For the latter EPERM misleads
/// programs that would fall back on ENOSYS, so a profile that denies by default gets the stub (unless it says ENOSYS anyway).
bool wants_enosys(const oci::Seccomp& profile);

/// Instructions to stand before the filter: for each architecture, numbers above the largest that the profile names return ENOSYS.
std::string enosys_prefix(const oci::Seccomp& profile, const std::vector<std::uint32_t>& architectures);

}  // namespace fulcrum::runtime
