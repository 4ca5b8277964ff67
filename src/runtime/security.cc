#include "runtime/security.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/sys.h"

namespace fulcrum::runtime {

bool has_apparmor() {
  const auto enabled = sys::read_file("/sys/module/apparmor/parameters/enabled", 16);
  return enabled && enabled->starts_with('Y');
}

bool has_selinux() { return ::access("/sys/fs/selinux/enforce", F_OK) == 0; }

Result<> check_security(const oci::Process& process) {
  if (!process.apparmor_profile.empty() && process.apparmor_profile != "unconfined" && !has_apparmor()) {
    return fail(Code::unimplemented, "apparmor profile {:?}: AppArmor is not enabled on this host", process.apparmor_profile);
  }
  if (!process.selinux_label.empty() && !has_selinux()) {
    return fail(Code::unimplemented, "selinux label {:?}: SELinux is not enabled on this host", process.selinux_label);
  }
  return {};
}

Result<> check_security(const oci::Spec& spec) {
  if (spec.process) TRY(check_security(*spec.process));
  if (!spec.linux) return {};
  if (!spec.linux->mount_label.empty() && !has_selinux()) {
    return fail(Code::unimplemented, "mountLabel {:?}: SELinux is not enabled on this host", spec.linux->mount_label);
  }
  if (!spec.linux->mount_label.empty()) return fail(Code::unimplemented, "mountLabel is not supported by this runtime");
  if (spec.linux->intel_rdt) return fail(Code::unimplemented, "intelRdt is not supported by this runtime");
  if (!spec.linux->net_devices.empty()) return fail(Code::unimplemented, "netDevices is not supported by this runtime");
  return {};
}

Result<> apply_security(const oci::Process& process, int proc) {
  if (!process.apparmor_profile.empty() && has_apparmor()) {
    auto file = sys::openat(proc, "thread-self/attr/apparmor/exec", O_WRONLY | O_NOFOLLOW);
    if (!file) file = sys::openat(proc, "thread-self/attr/exec", O_WRONLY | O_NOFOLLOW);
    if (!file) return std::unexpected(std::move(file).error());
    TRY(sys::write_all(file->get(), "exec " + process.apparmor_profile), "apply apparmor profile {}", process.apparmor_profile);
  }
  if (process.selinux_label.empty()) return {};
  auto file = TRY(sys::openat(proc, "thread-self/attr/exec", O_WRONLY | O_NOFOLLOW));
  return sys::write_all(file.get(), process.selinux_label);
}

}  // namespace fulcrum::runtime
