#include "runtime/rootfs.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <set>
#include <string>

#include "base/sys.h"
#include "os/mount.h"
#include "runtime/devices.h"
#include "runtime/root_path.h"

namespace fulcrum::runtime {
namespace {

constexpr int kMountDetach = 2;  // MNT_DETACH; <sys/mount.h> and <linux/mount.h> do not mix

Result<> set_propagation(const char* path, unsigned long flags) { return os::mount("", path, "", flags, ""); }

/// A root whose parent mount is shared could not be pivoted, and would appear on the host. The parent is the nearest folder above that is a
/// mount point.
Result<> make_parent_private(std::string path) {
  for (;;) {
    auto done = set_propagation(path.c_str(), MS_PRIVATE);
    if (done || path == "/" || done.error().sys_errno != EINVAL) return done;
    const auto slash = path.rfind('/');
    path = slash == 0 ? "/" : path.substr(0, slash);
  }
}

/// Where the root is attached until it is pivoted into. The user of a user namespace may have no way to root.path (a folder above it is
/// closed to others, as data folders should be); a detached root can then stand on any folder of this mount namespace that nothing is
/// opened from any more: sources of mounts were opened by the runtime.
Result<UniqueFd> mount_point(const RootfsPlan& plan, bool detached) {
  auto place = sys::open(plan.path, O_PATH | O_DIRECTORY);
  if (place || place.error().sys_errno != EACCES || !detached || !plan.user_namespace) return place;
  for (const auto* folder : {"/mnt", "/srv", "/opt", "/var", "/usr"})
    if (auto other = sys::open(folder, O_PATH | O_DIRECTORY)) return other;
  return place;
}

Result<UniqueFd> mount_root(RootfsPlan& plan) {
  const auto& word = plan.spec->linux ? plan.spec->linux->rootfs_propagation : std::string();
  const auto wanted = propagation_flags(word);
  TRY(set_propagation("/", wanted != 0 ? wanted | MS_REC : MS_SLAVE | MS_REC), "set propagation of /");
  if (wanted != 0) TRY(make_parent_private(plan.path), "make the mount around {} private", plan.path);
  if (plan.own_overlay != nullptr) {
    const OverlayOwner self;
    plan.overlay = TRY(mount_overlay_root(*plan.own_overlay, &self));
  }
  const bool detached = plan.overlay.valid();
  if (!detached) plan.overlay = TRY(os::clone_tree(AT_FDCWD, plan.path, true), "root {}", plan.path);
  auto place = TRY(mount_point(plan, detached), "root");
  TRY(os::attach(plan.overlay.get(), place.get()), "root {}", plan.path);
  return std::move(plan.overlay);
}

bool is_directory(int fd) {
  struct stat st = {};
  return ::fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
}

/// The host's /dev/null, checked to be that: a mask made of anything else would show what it ought to hide.
Result<UniqueFd> open_null() {
  auto null = TRY(sys::open("/dev/null", O_PATH | O_NOFOLLOW));
  struct stat st = {};
  if (::fstat(null.get(), &st) != 0) return fail_errno(errno, "stat /dev/null");
  if (!S_ISCHR(st.st_mode) || st.st_rdev != ::makedev(1, 3)) return fail(Code::failed_precondition, "/dev/null is not the null device");
  return null;
}

/// Folders are hidden by one empty read-only tmpfs, files by /dev/null.
class Mask {
 public:
  Result<> hide(int target) {
    if (!is_directory(target)) {
      if (!null_.valid()) null_ = TRY(open_null());
      auto tree = TRY(os::clone_tree(null_.get(), "", false));
      return os::attach(tree.get(), target);
    }
    if (!empty_.valid()) {
      auto fs = TRY(os::FileSystemContext::open("tmpfs"));
      TRY(fs.set("nr_inodes", "1"));
      TRY(fs.set("mode", "755"));
      TRY(fs.set_flag("ro"));
      empty_ = TRY(fs.mount(MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC));
      return os::attach(empty_.get(), target);
    }
    auto tree = TRY(os::clone_tree(empty_.get(), "", false));
    return os::attach(tree.get(), target);
  }

 private:
  UniqueFd null_;
  UniqueFd empty_;
};

Result<> mask_paths(const std::vector<std::string>& paths, int root) {
  Mask mask;
  std::set<std::string> seen;  // a mask over a mask would cost a mount and hide nothing more
  for (const auto& path : paths) {
    if (!seen.insert(clean_path(path)).second) continue;
    auto target = sys::open_in_root(root, path, O_PATH);
    if (!target && (target.error().sys_errno == ENOENT || target.error().sys_errno == ENOTDIR)) continue;
    if (!target) return std::unexpected(with_context(target.error(), "mask " + path));
    TRY(mask.hide(target->get()), "mask {}", path);
  }
  return {};
}

Result<> make_paths_readonly(const std::vector<std::string>& paths, int root) {
  for (const auto& path : paths) {
    auto target = sys::open_in_root(root, path, O_PATH);
    if (!target && (target.error().sys_errno == ENOENT || target.error().sys_errno == ENOTDIR)) continue;
    if (!target) return std::unexpected(with_context(target.error(), "make read-only " + path));
    auto tree = TRY(os::clone_tree(target->get(), "", true), "make read-only {}", path);
    TRY(os::set_attributes(tree.get(), {.set = MOUNT_ATTR_RDONLY}, false), "make read-only {}", path);
    TRY(os::attach(tree.get(), target->get()), "make read-only {}", path);
  }
  return {};
}

Result<> pivot(int root) {
  if (::fchdir(root) != 0) return fail_errno(errno, "enter root");
  // The old root lands on top of the new one and is then taken away from there: no folder is needed for it.
  if (::syscall(SYS_pivot_root, ".", ".") != 0) return fail_errno(errno, "pivot_root");
  TRY(set_propagation(".", MS_SLAVE | MS_REC), "let go of the old root");
  if (::syscall(SYS_umount2, ".", kMountDetach) != 0) return fail_errno(errno, "unmount the old root");
  return {};
}

/// For initial ramdisks, whose root cannot be pivoted.
Result<> move_root(int root) {
  if (::fchdir(root) != 0) return fail_errno(errno, "enter root");
  TRY(os::mount(".", "/", "", MS_MOVE, ""), "move root");
  if (::chroot(".") != 0) return fail_errno(errno, "chroot");
  return {};
}

}  // namespace

Result<UniqueFd> build_root(RootfsPlan& plan, MountContext& context) {
  auto root = plan.mount_namespace ? mount_root(plan) : sys::open(plan.path, O_PATH | O_DIRECTORY);
  if (!root) return std::unexpected(std::move(root).error());
  context.root = root->get();
  TRY(make_mounts(*plan.mounts, context));
  if (fills_dev(*plan.mounts) && plan.mount_namespace) {
    const auto& linux = plan.spec->linux;
    TRY(make_devices(root->get(), linux ? linux->devices : std::vector<oci::Device>(), plan.user_namespace));
    TRY(make_device_links(root->get()));
  }
  const auto& process = plan.spec->process;
  if (process && process->cwd != "/" && !process->cwd.empty()) {
    // A missing working folder is made; where that is impossible, changing to it says so.
    (void)ensure_directory(root->get(), process->cwd);
  }
  return std::move(*root);
}

Result<> bind_console(int root, int terminal) {
  auto target = TRY(ensure_file(root, "/dev/console"), "console");
  auto tree = TRY(os::clone_tree(terminal, "", false), "console");
  return os::attach(tree.get(), target.get());
}

Result<> seal_root(const RootfsPlan& plan, int root) {
  if (!plan.mount_namespace) return {};
  const auto& spec = *plan.spec;
  TRY(finish_mounts(*plan.mounts, root));
  if (spec.linux) {
    TRY(make_paths_readonly(spec.linux->readonly_paths, root));
    TRY(mask_paths(spec.linux->masked_paths, root));
  }
  if (spec.root && spec.root->readonly) TRY(os::set_attributes(root, {.set = MOUNT_ATTR_RDONLY}, false), "make root read-only");
  return {};
}

Result<> enter_root(const RootfsPlan& plan, int root) {
  if (!plan.mount_namespace) {
    if (::fchdir(root) != 0 || ::chroot(".") != 0) return fail_errno(errno, "chroot");
  } else if (plan.no_pivot) {
    TRY(move_root(root));
  } else {
    TRY(pivot(root));
  }
  if (::chdir("/") != 0) return fail_errno(errno, "enter /");
  if (plan.mount_namespace && plan.spec->linux && !plan.spec->linux->rootfs_propagation.empty()) {
    const auto flags = propagation_flags(plan.spec->linux->rootfs_propagation);
    if (flags == 0) return fail(Code::invalid_argument, "rootfsPropagation {:?} is unknown", plan.spec->linux->rootfs_propagation);
    TRY(set_propagation("/", flags), "set propagation of the root");
  }
  return {};
}

}  // namespace fulcrum::runtime
