#include "fulcrumd/machine_facts.h"

#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <boost/json.hpp>

#include "base/sys.h"
#include "os/cgroup_layout.h"

namespace fulcrum::daemon {

namespace json = boost::json;

namespace {

bool has_filesystem(std::string_view name) {
  const auto list = sys::read_file("/proc/filesystems", 1 << 20).value_or("");
  return list.find("\t" + std::string(name) + "\n") != std::string::npos;
}

bool has_seccomp() {
  const std::uint32_t action = SECCOMP_RET_ERRNO;
  return ::syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

std::int64_t number_in(const char* path) { return std::strtoll(sys::read_file(path, 256).value_or("0").c_str(), nullptr, 10); }

json::object cgroup_facts() {
  const auto layout = CgroupLayout::detect();
  if (!layout) return {{"mode", "none"}, {"error", layout.error().message}};
  json::array controllers;
  for (const auto& hierarchy : layout->hierarchies())
    for (const auto& controller : hierarchy.controllers) controllers.emplace_back(controller);
  return {{"mode", std::string(to_string(layout->mode()))}, {"controllers", std::move(controllers)}};
}

}  // namespace

std::string boot_id() {
  auto text = sys::read_file("/proc/sys/kernel/random/boot_id", 256).value_or("unknown");
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

std::string machine_facts(const Options& options, const std::optional<os::Rootless>& rootless) {
  struct utsname name{};
  ::uname(&name);
  struct sysinfo memory{};
  ::sysinfo(&memory);
  json::object facts{{"version", FULCRUM_VERSION},
                     {"kernel", name.release},
                     {"architecture", name.machine},
                     {"host", name.nodename},
                     {"cpus", ::sysconf(_SC_NPROCESSORS_ONLN)},
                     {"memory", static_cast<std::uint64_t>(memory.totalram) * memory.mem_unit},
                     {"bootId", boot_id()},
                     {"cgroup", cgroup_facts()},
                     {"dataDir", options.data_dir},
                     {"runDir", options.run_dir},
                     {"socket", options.socket},
                     {"cgroupParent", options.cgroup_parent},
                     {"instance", options.instance},
                     {"defaultUserns", options.userns}};
  facts["rootless"] = rootless.has_value();
  if (rootless) {
    facts["rootlessUserIds"] = rootless->user_ids;
    facts["rootlessNetwork"] = rootless->network;
    facts["rootlessHolder"] = rootless->holder;
  }
  facts["features"] = json::object{{"overlayfs", has_filesystem("overlay")},
                                   {"erofs", has_filesystem("erofs")},
                                   {"seccomp", has_seccomp()},
                                   {"userNamespaces", number_in("/proc/sys/user/max_user_namespaces") > 0},
                                   {"apparmor", sys::exists("/sys/kernel/security/apparmor")},
                                   {"selinux", sys::exists("/sys/fs/selinux/enforce")},
                                   {"kvmDevice", sys::exists("/dev/kvm")},
                                   {"ipForward", number_in("/proc/sys/net/ipv4/ip_forward") == 1}};
  return json::serialize(facts);
}

}  // namespace fulcrum::daemon
