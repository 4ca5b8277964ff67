#include "fulcrumd/machine_facts.h"

#include <linux/magic.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdlib>

#include "base/sys.h"
#include "base/words.h"
#include "commit.h"
#include "os/cgroup_layout.h"

namespace fulcrum::daemon {

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

control::CgroupFacts cgroup_facts() {
  const auto layout = CgroupLayout::detect();
  if (!layout) return {.error = layout.error().message};
  control::CgroupFacts facts{.mode = std::string(to_string(layout->mode()))};
  for (const auto& hierarchy : layout->hierarchies())
    for (const auto& controller : hierarchy.controllers) facts.controllers.push_back(controller);
  if (const auto* memory = layout->find("memory"); memory != nullptr) {
    facts.swap = memory->v2 ? sys::exists("/proc/swaps") : sys::exists(memory->mount_point + "/memory.memsw.limit_in_bytes");
    facts.oom_kill = !memory->v2;
  }
  return facts;
}

control::KernelFeatures kernel_features() {
  return {.overlayfs = has_filesystem("overlay"),
          .erofs = has_filesystem("erofs"),
          .seccomp = has_seccomp(),
          .user_namespaces = number_in("/proc/sys/user/max_user_namespaces") > 0,
          .apparmor = sys::exists("/sys/kernel/security/apparmor"),
          .selinux = sys::exists("/sys/fs/selinux/enforce"),
          .kvm_device = sys::exists("/dev/kvm"),
          .ip_forward = number_in("/proc/sys/net/ipv4/ip_forward") == 1};
}

/// A value of /etc/os-release, without its quotes.
std::string os_release(std::string_view name) {
  const auto text = sys::read_file("/etc/os-release", 1 << 16).value_or("");
  for (const auto& line : split(text, '\n')) {
    if (!line.starts_with(name) || line.size() <= name.size() || line[name.size()] != '=') continue;
    auto value = line.substr(name.size() + 1);
    if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'')) value = value.substr(1, value.size() - 2);
    return value;
  }
  return "";
}

/// The kind of file system that a folder lies on, by the names that container engines print.
std::string filesystem_of(const std::string& directory) {
  struct statfs info{};
  if (::statfs(directory.c_str(), &info) != 0) return "unknown";
  switch (static_cast<unsigned long>(info.f_type)) {
    case EXT4_SUPER_MAGIC: return "extfs";
    case XFS_SUPER_MAGIC: return "xfs";
    case BTRFS_SUPER_MAGIC: return "btrfs";
    case TMPFS_MAGIC: return "tmpfs";
    case OVERLAYFS_SUPER_MAGIC: return "overlayfs";
    default: return fmt::format("0x{:x}", info.f_type);
  }
}

/// A proxy of the environment, its credentials masked.
std::string proxy(const char* upper, const char* lower) {
  const char* value = std::getenv(upper);
  if (value == nullptr) value = std::getenv(lower);
  if (value == nullptr) return "";
  std::string url = value;
  const auto scheme = url.find("://");
  const auto begin = scheme == std::string::npos ? 0 : scheme + 3;
  if (const auto at = url.rfind('@'); at != std::string::npos && at > begin) url.replace(begin, at - begin, "xxxxx:xxxxx");
  return url;
}

void add_options(const Options& options, control::Facts& facts) {
  facts.data_dir = options.data_dir;
  facts.run_dir = options.run_dir;
  facts.socket = options.socket;
  facts.cgroup_parent = options.cgroup_parent;
  facts.instance = options.instance;
  facts.default_userns = options.userns;
  facts.debug = options.log_level == "debug";
  facts.insecure_registries = options.insecure_registries;
  for (const auto& pool : options.pools) facts.pools.push_back({.base = pool, .size = options.pool_prefix});
  for (const auto& mirror : options.registry_mirrors)
    if (const auto equals = mirror.find('='); equals != std::string::npos)
      facts.registry_mirrors[mirror.substr(0, equals)].push_back(mirror.substr(equals + 1));
}

}  // namespace

std::string boot_id() {
  auto text = sys::read_file("/proc/sys/kernel/random/boot_id", 256).value_or("unknown");
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

control::Facts machine_facts(const Options& options, const std::optional<os::Rootless>& rootless) {
  struct utsname name{};
  ::uname(&name);
  struct sysinfo memory{};
  ::sysinfo(&memory);
  control::Facts facts{.version = FULCRUM_VERSION,
                       .commit = kCommit,
                       .built = kCommitDate,
                       .kernel = name.release,
                       .architecture = name.machine,
                       .host = name.nodename,
                       .os_name = os_release("PRETTY_NAME"),
                       .os_version = os_release("VERSION_ID"),
                       .cpus = ::sysconf(_SC_NPROCESSORS_ONLN),
                       .memory = static_cast<std::uint64_t>(memory.totalram) * memory.mem_unit,
                       .boot_id = boot_id(),
                       .cgroup = cgroup_facts(),
                       .features = kernel_features(),
                       .backing_filesystem = filesystem_of(options.data_dir),
                       .http_proxy = proxy("HTTP_PROXY", "http_proxy"),
                       .https_proxy = proxy("HTTPS_PROXY", "https_proxy"),
                       .no_proxy = proxy("NO_PROXY", "no_proxy")};
  add_options(options, facts);
  if (rootless) {
    facts.rootless = {.user_ids = rootless->user_ids, .network = rootless->network, .holder = rootless->holder};
    facts.warnings = rootless->warnings;
  }
  return facts;
}

}  // namespace fulcrum::daemon
