// Linux security modules: what a configuration asks of them, and whether this kernel has them.
#pragma once

#include "api/oci/runtime_spec.h"
#include "base/error.h"

namespace fulcrum::runtime {

bool has_apparmor();
bool has_selinux();

/// Error: unimplemented "apparmor profile …: AppArmor is not enabled on this host", and what this runtime does not do (intelRdt,
/// netDevices).
[[nodiscard]] Result<> check_security(const oci::Spec& spec);
[[nodiscard]] Result<> check_security(const oci::Process& process);
/// Sets what execve applies: AppArmor profile and SELinux label, through the procfs behind `proc`.
[[nodiscard]] Result<> apply_security(const oci::Process& process, int proc);

}  // namespace fulcrum::runtime
