#include "runtime/sysctl.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/sys.h"

namespace fulcrum::runtime {
namespace {

constexpr auto kIpc = std::to_array<std::string_view>({"kernel/msgmax", "kernel/msgmnb", "kernel/msgmni", "kernel/sem", "kernel/shmall",
                                                       "kernel/shmmax", "kernel/shmmni", "kernel/shm_rmid_forced"});

/// Does the configuration share the network namespace of the caller?
bool shares_network(const oci::Spec& spec) {
  const auto* network = spec.linux->find_namespace("network");
  if (network == nullptr) return true;
  if (network->path.empty()) return false;
  struct stat own = {};
  struct stat other = {};
  return ::stat("/proc/self/ns/net", &own) == 0 && ::stat(network->path.c_str(), &other) == 0 && own.st_ino == other.st_ino &&
         own.st_dev == other.st_dev;
}

Result<> check_one(const oci::Spec& spec, const std::string& key) {
  const auto path = sysctl_path(key);
  const auto& linux = *spec.linux;
  if (path.find("..") != std::string::npos || path.starts_with('/'))
    return fail(Code::invalid_argument, "sysctl {:?} is not a parameter", key);
  if (std::find(kIpc.begin(), kIpc.end(), path) != kIpc.end() || path.starts_with("fs/mqueue/")) {
    if (linux.find_namespace("ipc") != nullptr) return {};
    return fail(Code::invalid_argument, "sysctl {:?} is not allowed in the hosts ipc namespace", key);
  }
  if (path.starts_with("net/")) {
    if (!shares_network(spec)) return {};
    return fail(Code::invalid_argument, "sysctl {:?} not allowed in host network namespace", key);
  }
  if (path == "kernel/domainname" && linux.find_namespace("uts") != nullptr) return {};
  if (path == "kernel/hostname" && linux.find_namespace("uts") != nullptr) {
    return fail(Code::invalid_argument, "sysctl {:?} is not allowed as it conflicts with the OCI \"hostname\" field", key);
  }
  if (path.starts_with("user/") && linux.find_namespace("user") != nullptr) return {};
  return fail(Code::invalid_argument, "sysctl {:?} is not in a separate kernel namespace", key);
}

}  // namespace

std::string sysctl_path(std::string_view key) {
  const auto first = key.find_first_of("./");
  std::string path(key);
  if (first == std::string_view::npos || key[first] == '/') return path;
  for (auto& c : path) c = c == '.' ? '/' : c == '/' ? '.' : c;
  return path;
}

Result<> check_sysctls(const oci::Spec& spec) {
  if (!spec.linux) return {};
  for (const auto& [key, value] : spec.linux->sysctl) TRY(check_one(spec, key));
  return {};
}

Result<> write_sysctls(const oci::Spec& spec, int proc) {
  if (!spec.linux) return {};
  for (const auto& [key, value] : spec.linux->sysctl) {
    auto file = TRY(sys::openat(proc, "sys/" + sysctl_path(key), O_WRONLY | O_NOFOLLOW), "set sysctl {}", key);
    TRY(sys::write_all(file.get(), value), "set sysctl {}={}", key, value);
  }
  return {};
}

}  // namespace fulcrum::runtime
