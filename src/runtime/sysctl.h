// Kernel parameters of a container: only those that its own namespaces have.
#pragma once

#include <string>
#include <string_view>

#include "api/oci/runtime_spec.h"
#include "base/error.h"

namespace fulcrum::runtime {

/// "net.ipv4.conf.eth0/100.forwarding" and "net/ipv4/conf/eth0.100/forwarding" are the same parameter: both as a path below /proc/sys.
std::string sysctl_path(std::string_view key);
/// Refuses parameters that would change the host: error wording as runc ("sysctl \"net.core.somaxconn\" not allowed in host network
/// namespace").
[[nodiscard]] Result<> check_sysctls(const oci::Spec& spec);
/// Writes them through a descriptor of a procfs that the container has not touched.
[[nodiscard]] Result<> write_sysctls(const oci::Spec& spec, int proc);

}  // namespace fulcrum::runtime
