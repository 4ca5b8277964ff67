// OCI runtime specification, `linux.seccomp`.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fulcrum::oci {

inline constexpr auto kSeccompActions =
    std::to_array<std::string_view>({"SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_TRAP", "SCMP_ACT_ERRNO",
                                     "SCMP_ACT_TRACE", "SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_NOTIFY"});
inline constexpr auto kSeccompOperators = std::to_array<std::string_view>(
    {"SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE", "SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ"});
inline constexpr auto kSeccompFlags = std::to_array<std::string_view>(
    {"SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"});

/// `syscalls[].args[]`: one comparison of a system call's argument.
struct SeccompArg {
  std::uint32_t index = 0;  ///< 0–5
  std::uint64_t value = 0;
  std::uint64_t value_two = 0;  ///< the datum of SCMP_CMP_MASKED_EQ; `value` is its mask
  std::string op;               ///< "SCMP_CMP_EQ", …
  friend bool operator==(const SeccompArg&, const SeccompArg&) = default;
};

/// `syscalls[]`: what happens to these calls when all `args` match.
struct SeccompSyscall {
  std::vector<std::string> names;
  std::string action;  ///< "SCMP_ACT_ALLOW", …
  std::optional<std::uint32_t> errno_ret;
  std::vector<SeccompArg> args;
  friend bool operator==(const SeccompSyscall&, const SeccompSyscall&) = default;
};

/// `linux.seccomp`.
struct Seccomp {
  std::string default_action;
  std::optional<std::uint32_t> default_errno_ret;
  std::vector<std::string> architectures;         ///< "SCMP_ARCH_X86_64", …
  std::optional<std::vector<std::string>> flags;  ///< unset differs from empty: unset asks for SPEC_ALLOW where it works, as runc does
  std::string listener_path;
  std::string listener_metadata;
  std::vector<SeccompSyscall> syscalls;
  friend bool operator==(const Seccomp&, const Seccomp&) = default;
};

}  // namespace fulcrum::oci
