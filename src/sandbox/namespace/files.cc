// The files of a workload as one tree, running or not.
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "base/sys.h"
#include "os/mount.h"
#include "runtime/mounts.h"
#include "runtime/overlay_root.h"
#include "sandbox/namespace/namespace_sandbox.h"

namespace fulcrum::sandbox {
namespace {

/// The place of a mount below `root`, made when it is not there, as the runtime does.
Result<UniqueFd> mount_point(int root, const std::string& path, bool folder) {
  auto found = sys::open_in_root(root, path, O_PATH);
  if (found || found.error().code != Code::not_found || path.empty() || path == "/") return found;
  const auto slash = path.rfind('/');
  const auto parent = TRY(mount_point(root, slash == std::string::npos || slash == 0 ? "/" : path.substr(0, slash), true));
  const auto name = path.substr(slash == std::string::npos ? 0 : slash + 1);
  const int made = folder ? ::mkdirat(parent.get(), name.c_str(), 0755) : ::mknodat(parent.get(), name.c_str(), S_IFREG | 0644, 0);
  if (made != 0 && errno != EEXIST) return fail_errno(errno, "make mount point {}", path);
  return sys::open_in_root(root, path, O_PATH);
}

Result<> add_mount(int root, const ResolvedMount& mount) {
  if (mount.type != "bind") return {};  // a tmpfs is empty, and ends with its run
  const auto source = TRY(sys::open(mount.source, O_PATH), "mount at {}", mount.target);
  struct stat info{};
  if (::fstat(source.get(), &info) != 0) return fail_errno(errno, "mount at {}", mount.target);
  const auto tree = TRY(os::clone_tree(source.get(), "", mount.recursive), "mount at {}", mount.target);
  if (mount.read_only) TRY(os::set_attributes(tree.get(), {.set = MOUNT_ATTR_RDONLY}, false), "mount at {}", mount.target);
  return os::attach(tree.get(), TRY(mount_point(root, mount.target, S_ISDIR(info.st_mode))).get());
}

/// Puts the tree together where nobody sees it, and takes it along as one detached mount, which lives as long as its descriptor. The
/// calling thread is in a mount namespace of its own afterwards.
Result<UniqueFd> assemble(const UniqueFd& overlay, const std::string& place, const std::vector<ResolvedMount>& mounts) {
  if (::unshare(CLONE_NEWNS) != 0) return fail_errno(errno, "a mount namespace");
  TRY(os::mount("", "/", "", MS_REC | MS_PRIVATE, ""), "a mount namespace");
  TRY(os::attach(overlay.get(), TRY(sys::open(place, O_PATH | O_DIRECTORY)).get()));
  const auto root = TRY(sys::open(place, O_PATH | O_DIRECTORY));
  for (const auto& mount : mounts) TRY(add_mount(root.get(), mount));
  return os::clone_tree(root.get(), "", true);
}

}  // namespace

Result<UniqueFd> NamespaceSandbox::running_root(const WorkloadId& id) const {
  const auto reply = TRY(ask(id, {.type = shim::Type::status}));
  if (reply.pid == 0) return fail(Code::failed_precondition, "workload {} does not run", id.str());
  auto fd = TRY(sys::open(fmt::format("/proc/{}/root", reply.pid), O_PATH | O_DIRECTORY));
  // The number was not given to another process meanwhile.
  if (TRY(ask(id, {.type = shim::Type::status})).pid != reply.pid)
    return fail(Code::failed_precondition, "workload {} does not run", id.str());
  return fd;
}

Result<UniqueFd> NamespaceSandbox::root(const Files& files) {
  const auto folder = data(files.id);
  if (files.bare) {
    std::vector<std::string> lower;
    if (sys::exists(folder + "/upper")) lower.push_back(folder + "/upper");
    lower.insert(lower.end(), files.layer_dirs.begin(), files.layer_dirs.end());
    return runtime::mount_overlay_root({.lower = std::move(lower), .upper = {}, .work = {}}, nullptr);
  }
  if (auto running = running_root(files.id)) return running;
  for (const char* name : {"/upper", "/work"}) TRY(sys::make_directories(folder + name, 0755));
  TRY(fill_volumes(files.layer_dirs, files.mounts));
  auto overlay =
      TRY(runtime::mount_overlay_root({.lower = files.layer_dirs, .upper = folder + "/upper", .work = folder + "/work"}, nullptr));
  if (files.mounts.empty()) return overlay;
  // A thread of its own leaves the daemon's mount namespace and ends: no other thread ever does.
  Result<UniqueFd> tree = fail(Code::internal, "nothing was mounted");
  std::thread([&] { tree = assemble(overlay, config_.run_dir + "/sandboxes", files.mounts); }).join();
  return tree;
}

Result<std::string> NamespaceSandbox::upper(const WorkloadId& id) { return data(id) + "/upper"; }

// An empty volume gets what the image has at its place.
Result<> NamespaceSandbox::fill_volumes(const std::vector<std::string>& layers, const std::vector<ResolvedMount>& mounts) const {
  UniqueFd root;
  for (const auto& mount : mounts) {
    if (!mount.copy_up || mount.type != "bind" || !TRY(sys::list_directory(mount.source)).empty()) continue;
    if (!root.valid()) root = TRY(runtime::mount_overlay_root({.lower = layers, .upper = {}, .work = {}}, nullptr), "fill volumes");
    const auto from = sys::open_in_root(root.get(), mount.target, O_RDONLY | O_DIRECTORY);
    if (!from) continue;  // the image has no such folder
    const auto to = TRY(sys::open(mount.source, O_RDONLY | O_DIRECTORY | O_NOFOLLOW), "fill volume at {}", mount.target);
    TRY(runtime::copy_tree(from->get(), to.get()), "fill volume at {}", mount.target);
  }
  return {};
}

}  // namespace fulcrum::sandbox
