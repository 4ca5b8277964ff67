#include "os/capabilities.h"

#include <linux/capability.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

namespace fulcrum::os {
namespace {

constexpr auto kNames = std::to_array<std::string_view>({
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
});
static_assert(kNames.size() == CAP_LAST_CAP + 1 || CAP_LAST_CAP > 40);

struct KernelSets {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
};

std::uint32_t low(CapabilitySet set) { return static_cast<std::uint32_t>(set); }
std::uint32_t high(CapabilitySet set) { return static_cast<std::uint32_t>(set >> 32); }

}  // namespace

std::span<const std::string_view> capability_names() { return kNames; }

std::optional<unsigned> capability_number(std::string_view name) {
  for (unsigned i = 0; i < kNames.size(); ++i) {
    if (name.size() == kNames[i].size() && ::strncasecmp(name.data(), kNames[i].data(), name.size()) == 0) return i;
  }
  return std::nullopt;
}

CapabilitySet capability_set(std::span<const std::string> names, std::vector<std::string>* unknown) {
  CapabilitySet set = 0;
  for (const auto& name : names) {
    if (const auto number = capability_number(name)) {
      set |= CapabilitySet{1} << *number;
    } else if (unknown != nullptr) {
      unknown->push_back(name);
    }
  }
  return set;
}

Result<CapabilitySets> current_capabilities() {
  KernelSets sets;
  if (::syscall(SYS_capget, &sets.header, sets.data) != 0) return fail_errno(errno, "read capabilities");
  const auto join = [](std::uint32_t lower, std::uint32_t upper) { return CapabilitySet{lower} | CapabilitySet{upper} << 32; };
  return CapabilitySets{.effective = join(sets.data[0].effective, sets.data[1].effective),
                        .inheritable = join(sets.data[0].inheritable, sets.data[1].inheritable),
                        .permitted = join(sets.data[0].permitted, sets.data[1].permitted)};
}

Result<> raise_permitted_capabilities() {
  KernelSets sets;
  if (::syscall(SYS_capget, &sets.header, sets.data) != 0) return fail_errno(errno, "read capabilities");
  for (auto& data : sets.data) data.effective = data.permitted;
  if (::syscall(SYS_capset, &sets.header, sets.data) != 0) return fail_errno(errno, "set capabilities");
  return {};
}

Result<> limit_bounding_set(CapabilitySet keep) {
  for (unsigned number = 0; number < 64; ++number) {
    if ((keep >> number & 1) != 0) continue;
    if (::prctl(PR_CAPBSET_DROP, number, 0, 0, 0) == 0) continue;
    if (errno == EINVAL) break;                                    // past the last capability of this kernel
    if (::prctl(PR_CAPBSET_READ, number, 0, 0, 0) == 0) continue;  // not ours to drop, and not there
    return fail_errno(errno, "drop capability {} from the bounding set", number);
  }
  return {};
}

Result<CapabilitySet> apply_capabilities(const CapabilitySets& wanted) {
  const auto held = TRY(current_capabilities()).permitted;
  const CapabilitySet permitted = wanted.permitted & held;
  const CapabilitySet effective = wanted.effective & permitted;
  // Inheritable may only hold what is permitted and bounded.
  const CapabilitySet inheritable = wanted.inheritable & held & wanted.bounding;
  KernelSets sets;
  sets.data[0] = {low(effective), low(permitted), low(inheritable)};
  sets.data[1] = {high(effective), high(permitted), high(inheritable)};
  if (::syscall(SYS_capset, &sets.header, sets.data) != 0) return fail_errno(errno, "set capabilities");
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 && errno != EINVAL)
    return fail_errno(errno, "clear ambient capabilities");
  const CapabilitySet ambient = wanted.ambient & permitted & inheritable;
  for (unsigned number = 0; number < kNames.size(); ++number) {
    if ((ambient >> number & 1) == 0) continue;
    if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, number, 0, 0) != 0) return fail_errno(errno, "raise ambient {}", kNames[number]);
  }
  return (wanted.permitted | wanted.inheritable | wanted.effective | wanted.ambient) & ~held;
}

}  // namespace fulcrum::os
