// OCI linux.seccomp as a kernel filter.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/oci/seccomp.h"
#include "base/error.h"
#include "base/unique_fd.h"

namespace fulcrum::runtime {

/// A compiled filter, ready for one seccomp(2) call.
struct SeccompProgram {
  std::string code;         ///< an array of struct sock_filter
  std::uint32_t flags = 0;  ///< SECCOMP_FILTER_FLAG_*
  bool notify = false;      ///< some rule notifies: installing it returns a listener
  friend bool operator==(const SeccompProgram&, const SeccompProgram&) = default;
};

/// Compiles a profile with libseccomp. System calls that libseccomp does not know are skipped, as runc does; calls newer than every one
/// that the profile names get ENOSYS instead of the default action when that is ERRNO or a kill, so that programs fall back to older calls.
/// Errors: invalid_argument naming the field; unimplemented for a flag or action that this kernel lacks.
[[nodiscard]] Result<SeccompProgram> compile_seccomp(const oci::Seccomp& profile);

/// The same through a cache: `cache_dir` (made with mode 0700 when missing) holds programs by a hash of profile, libseccomp version and
/// kernel release. An entry that is not owned by us, writable by others, or damaged is compiled anew. A cache that cannot be written is no
/// error.
[[nodiscard]] Result<SeccompProgram> load_seccomp(const oci::Seccomp& profile, const std::string& cache_dir);

/// Installs the filter on the calling thread. Needs no_new_privs or CAP_SYS_ADMIN in its user namespace. Returns the listener when
/// `program.notify`, an invalid descriptor otherwise. No allocation on success.
[[nodiscard]] Result<UniqueFd> install_seccomp(const SeccompProgram& program);

/// What the agent at listenerPath is told, as the specification's container process state.
struct SeccompListenerState {
  std::string oci_version, id, status, bundle;
  std::vector<std::pair<std::string, std::string>> annotations;
  pid_t pid = 0;            ///< of the process that got the filter, in the runtime's pid namespace
  pid_t container_pid = 0;  ///< of the container's init, for `state.pid`
  std::string metadata;     ///< listenerMetadata
};
/// Sends the listener to the unix socket at `listener_path`: one message with fds ["seccompFd"].
[[nodiscard]] Result<> send_seccomp_listener(const std::string& listener_path, const SeccompListenerState& state, int listener);

/// For `features`: names that are recognised, and flags that this kernel accepts.
std::vector<std::string> known_seccomp_actions();
std::vector<std::string> known_seccomp_operators();
std::vector<std::string> known_seccomp_architectures();
std::vector<std::string> known_seccomp_flags();
std::vector<std::string> supported_seccomp_flags();

}  // namespace fulcrum::runtime
