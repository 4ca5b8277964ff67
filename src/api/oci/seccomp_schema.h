// How `linux.seccomp` travels.
#pragma once

#include "api/oci/seccomp.h"
#include "schema/schema.h"

namespace fulcrum::schema {

template <>
struct Schema<oci::SeccompArg> {
  static constexpr std::string_view name = "SeccompArg";
  static constexpr std::string_view doc = "A comparison of one argument.";
  static constexpr auto fields = std::tuple{
      always("index", &oci::SeccompArg::index, "0-5."),
      always("value", &oci::SeccompArg::value, "Value, or mask."),
      optional("valueTwo", &oci::SeccompArg::value_two, "Value under the mask."),
      required("op", &oci::SeccompArg::op, "SCMP_CMP_*."),
  };
};

template <>
struct Schema<oci::SeccompSyscall> {
  static constexpr std::string_view name = "SeccompSyscall";
  static constexpr std::string_view doc = "What happens to some system calls.";
  static constexpr auto fields = std::tuple{
      required("names", &oci::SeccompSyscall::names, "System calls."),
      required("action", &oci::SeccompSyscall::action, "SCMP_ACT_*."),
      optional("errnoRet", &oci::SeccompSyscall::errno_ret, "Error number returned, or message to the tracer."),
      optional("args", &oci::SeccompSyscall::args, "Comparisons that must all hold."),
  };
};

template <>
struct Schema<oci::Seccomp> {
  static constexpr std::string_view name = "Seccomp";
  static constexpr std::string_view doc = "System call filter.";
  static constexpr auto fields = std::tuple{
      required("defaultAction", &oci::Seccomp::default_action, "For calls without a rule."),
      optional("defaultErrnoRet", &oci::Seccomp::default_errno_ret, "Error number of the default action."),
      optional("architectures", &oci::Seccomp::architectures, "SCMP_ARCH_*."),
      optional("flags", &oci::Seccomp::flags, "SECCOMP_FILTER_FLAG_*."),
      optional("listenerPath", &oci::Seccomp::listener_path, "Unix socket that gets the listener."),
      optional("listenerMetadata", &oci::Seccomp::listener_metadata, "Opaque text for the listener."),
      optional("syscalls", &oci::Seccomp::syscalls, "Rules."),
  };
};

}  // namespace fulcrum::schema
