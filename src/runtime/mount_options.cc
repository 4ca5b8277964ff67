#include "runtime/mount_options.h"

#include <linux/mount.h>

#include <algorithm>
#include <span>

namespace fulcrum::runtime {
namespace {

// <sys/mount.h> and <linux/mount.h> cannot be included together on older C libraries; the second has both families.
constexpr unsigned long kNoSymFollow = 256;

struct FlagOption {
  std::string_view name;
  bool clear;
  unsigned long flag;
};
struct AttributeOption {
  std::string_view name;
  bool clear;
  std::uint64_t attribute;
};

constexpr FlagOption kFlags[] = {
    {"async", true, MS_SYNCHRONOUS},
    {"atime", true, MS_NOATIME},
    {"bind", false, MS_BIND},
    {"defaults", false, 0},
    {"dev", true, MS_NODEV},
    {"diratime", true, MS_NODIRATIME},
    {"dirsync", false, MS_DIRSYNC},
    {"exec", true, MS_NOEXEC},
    {"iversion", false, MS_I_VERSION},
    {"lazytime", false, MS_LAZYTIME},
    {"loud", true, MS_SILENT},
    {"mand", false, MS_MANDLOCK},
    {"noatime", false, MS_NOATIME},
    {"nodev", false, MS_NODEV},
    {"nodiratime", false, MS_NODIRATIME},
    {"noexec", false, MS_NOEXEC},
    {"noiversion", true, MS_I_VERSION},
    {"nolazytime", true, MS_LAZYTIME},
    {"nomand", true, MS_MANDLOCK},
    {"norelatime", true, MS_RELATIME},
    {"nostrictatime", true, MS_STRICTATIME},
    {"nosuid", false, MS_NOSUID},
    {"nosymfollow", false, kNoSymFollow},
    {"rbind", false, MS_BIND | MS_REC},
    {"relatime", false, MS_RELATIME},
    {"remount", false, MS_REMOUNT},
    {"ro", false, MS_RDONLY},
    {"rw", true, MS_RDONLY},
    {"silent", false, MS_SILENT},
    {"strictatime", false, MS_STRICTATIME},
    {"suid", true, MS_NOSUID},
    {"sync", false, MS_SYNCHRONOUS},
    {"symfollow", true, kNoSymFollow},
};

constexpr AttributeOption kRecursive[] = {
    {"rro", false, MOUNT_ATTR_RDONLY},
    {"rrw", true, MOUNT_ATTR_RDONLY},
    {"rnosuid", false, MOUNT_ATTR_NOSUID},
    {"rsuid", true, MOUNT_ATTR_NOSUID},
    {"rnodev", false, MOUNT_ATTR_NODEV},
    {"rdev", true, MOUNT_ATTR_NODEV},
    {"rnoexec", false, MOUNT_ATTR_NOEXEC},
    {"rexec", true, MOUNT_ATTR_NOEXEC},
    {"rnodiratime", false, MOUNT_ATTR_NODIRATIME},
    {"rdiratime", true, MOUNT_ATTR_NODIRATIME},
    {"rrelatime", false, MOUNT_ATTR_RELATIME},
    {"rnorelatime", true, MOUNT_ATTR_RELATIME},
    {"rnoatime", false, MOUNT_ATTR_NOATIME},
    {"ratime", true, MOUNT_ATTR_NOATIME},
    {"rstrictatime", false, MOUNT_ATTR_STRICTATIME},
    {"rnostrictatime", true, MOUNT_ATTR_STRICTATIME},
    {"rnosymfollow", false, MOUNT_ATTR_NOSYMFOLLOW},
    {"rsymfollow", true, MOUNT_ATTR_NOSYMFOLLOW},
};

constexpr FlagOption kPropagation[] = {
    {"private", false, MS_PRIVATE},       {"rprivate", false, MS_PRIVATE | MS_REC},
    {"shared", false, MS_SHARED},         {"rshared", false, MS_SHARED | MS_REC},
    {"slave", false, MS_SLAVE},           {"rslave", false, MS_SLAVE | MS_REC},
    {"unbindable", false, MS_UNBINDABLE}, {"runbindable", false, MS_UNBINDABLE | MS_REC},
};

template <class Table>
auto find(const Table& table, std::string_view name) {
  return std::find_if(std::begin(table), std::end(table), [&](const auto& entry) { return entry.name == name; });
}

bool apply_flag(std::string_view name, MountOptions& options) {
  const auto entry = find(kFlags, name);
  if (entry == std::end(kFlags)) return false;
  if (entry->clear) {
    options.flags &= ~entry->flag;
    options.cleared |= entry->flag;
  } else {
    options.flags |= entry->flag;
    options.cleared &= ~entry->flag;
  }
  return true;
}

/// The atime policy is one field, not bits: any change of it clears the whole field first.
bool apply_recursive(std::string_view name, MountOptions& options) {
  const auto entry = find(kRecursive, name);
  if (entry == std::end(kRecursive)) return false;
  const bool atime = entry->attribute == MOUNT_ATTR_RELATIME || (entry->attribute & MOUNT_ATTR__ATIME) != 0;
  if (atime) {
    options.recursive_clear |= MOUNT_ATTR__ATIME;
    options.recursive_set &= ~static_cast<std::uint64_t>(MOUNT_ATTR__ATIME);
    if (!entry->clear) options.recursive_set |= entry->attribute;
    return true;
  }
  (entry->clear ? options.recursive_clear : options.recursive_set) |= entry->attribute;
  (entry->clear ? options.recursive_set : options.recursive_clear) &= ~entry->attribute;
  return true;
}

bool apply_word(std::string_view name, MountOptions& options) {
  if (const auto flags = propagation_flags(name); flags != 0) {
    options.propagation.push_back(flags);
    return true;
  }
  if (name == "tmpcopyup") return options.copy_up = true;
  if (name == "idmap") return options.idmap = true;
  if (name == "ridmap") return options.idmap = options.idmap_recursive = true;
  return false;
}

}  // namespace

bool MountOptions::is_bind() const { return (flags & MS_BIND) != 0; }

std::uint64_t MountOptions::attributes() const {
  std::uint64_t attributes = 0;
  if ((flags & MS_RDONLY) != 0) attributes |= MOUNT_ATTR_RDONLY;
  if ((flags & MS_NOSUID) != 0) attributes |= MOUNT_ATTR_NOSUID;
  if ((flags & MS_NODEV) != 0) attributes |= MOUNT_ATTR_NODEV;
  if ((flags & MS_NOEXEC) != 0) attributes |= MOUNT_ATTR_NOEXEC;
  if ((flags & MS_NODIRATIME) != 0) attributes |= MOUNT_ATTR_NODIRATIME;
  if ((flags & kNoSymFollow) != 0) attributes |= MOUNT_ATTR_NOSYMFOLLOW;
  if ((flags & MS_NOATIME) != 0) {
    attributes |= MOUNT_ATTR_NOATIME;
  } else if ((flags & MS_STRICTATIME) != 0) {
    attributes |= MOUNT_ATTR_STRICTATIME;
  }
  return attributes;
}

MountOptions parse_mount_options(const std::vector<std::string>& options) {
  MountOptions result;
  for (const auto& option : options) {
    if (apply_flag(option, result) || apply_recursive(option, result) || apply_word(option, result)) continue;
    if (!result.data.empty()) result.data += ',';
    result.data += option;
  }
  return result;
}

unsigned long propagation_flags(std::string_view word) {
  const auto entry = find(kPropagation, word);
  return entry == std::end(kPropagation) ? 0 : entry->flag;
}

std::vector<std::string> known_mount_options() {
  std::vector<std::string> names{"idmap", "ridmap", "tmpcopyup"};
  for (const auto& entry : kFlags) names.emplace_back(entry.name);
  for (const auto& entry : kRecursive) names.emplace_back(entry.name);
  for (const auto& entry : kPropagation) names.emplace_back(entry.name);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace fulcrum::runtime
