#include <fcntl.h>
#include <linux/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sys.h"
#include "os/mount.h"
#include "runtime/mounts.h"

namespace fulcrum::runtime {
namespace {

constexpr unsigned long kFlags = MS_NOSUID | MS_NODEV | MS_NOEXEC;

std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : ",") + word;
  return text;
}

/// The container's own folder of a hierarchy, by bind: what it sees when it shares the host's cgroup namespace.
Result<> bind_hierarchy(const CgroupHierarchy& hierarchy, const MountContext& context, int target, bool readonly) {
  if (context.cgroup_path.empty()) return fail(Code::failed_precondition, "the container has no cgroup");
  const auto source = hierarchy.directory(context.cgroup_path);
  auto tree = TRY(os::clone_tree(AT_FDCWD, source, false));
  std::uint64_t set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  if (readonly) set |= MOUNT_ATTR_RDONLY;
  TRY(os::set_attributes(tree.get(), {.set = set}, false));
  return os::attach(tree.get(), target);
}

/// In a cgroup namespace of its own, mounting the file system again shows the container's cgroup at the top.
Result<> mount_hierarchy(const CgroupHierarchy& hierarchy, const MountContext& context, int target, bool readonly) {
  if (!context.own_cgroup_namespace) return bind_hierarchy(hierarchy, context, target, readonly);
  const unsigned long flags = kFlags | (readonly ? MS_RDONLY : 0UL);
  if (hierarchy.v2) {
    // A user namespace that does not own the cgroup namespace, or a busy tree: the bind shows the same files.
    if (os::mount_at("cgroup2", target, "cgroup2", flags, "")) return {};
    return bind_hierarchy(hierarchy, context, target, readonly);
  }
  auto data = join(hierarchy.controllers);
  if (data.starts_with("name=")) data = "none," + data;
  return os::mount_at("cgroup", target, "cgroup", flags, data);
}

std::string folder_name(const CgroupHierarchy& hierarchy) {
  if (hierarchy.v2) return "unified";
  return hierarchy.mount_point.substr(hierarchy.mount_point.rfind('/') + 1);
}

Result<> mount_v1(const MountContext& context, int target, const MountOptions& options) {
  const bool readonly = (options.flags & MS_RDONLY) != 0;
  auto fs = TRY(os::FileSystemContext::open("tmpfs"));
  TRY(fs.set("mode", "755"));
  auto top = TRY(fs.mount(MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC));
  TRY(os::attach(top.get(), target));
  for (const auto& hierarchy : context.cgroups->hierarchies()) {
    const auto name = folder_name(hierarchy);
    if (::mkdirat(top.get(), name.c_str(), 0755) != 0) return fail_errno(errno, "make {}", name);
    auto place = TRY(sys::openat(top.get(), name, O_PATH | O_DIRECTORY | O_NOFOLLOW));
    TRY(mount_hierarchy(hierarchy, context, place.get(), readonly), "hierarchy {}", name);
    if (hierarchy.controllers.size() < 2 || hierarchy.v2) continue;
    for (const auto& controller : hierarchy.controllers) {
      if (controller != name && ::symlinkat(name.c_str(), top.get(), controller.c_str()) != 0)
        return fail_errno(errno, "link {}", controller);
    }
  }
  return readonly ? os::set_attributes(top.get(), {.set = MOUNT_ATTR_RDONLY}, false) : Result<>();
}

}  // namespace

Result<> mount_cgroups(const MountContext& context, int target, const MountOptions& options) {
  if (context.cgroups == nullptr) return fail(Code::unimplemented, "no cgroup file system is mounted here");
  if (context.cgroups->mode() != CgroupMode::v2) return mount_v1(context, target, options);
  return mount_hierarchy(*context.cgroups->unified(), context, target, (options.flags & MS_RDONLY) != 0);
}

}  // namespace fulcrum::runtime
