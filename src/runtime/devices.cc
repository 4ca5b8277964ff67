#include "runtime/devices.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>

#include "base/sys.h"
#include "os/mount.h"
#include "runtime/root_path.h"

namespace fulcrum::runtime {
namespace {

struct DefaultDevice {
  const char* path;
  unsigned major;
  unsigned minor;
};
constexpr DefaultDevice kDefaults[] = {{"/dev/null", 1, 3}, {"/dev/random", 1, 8}, {"/dev/full", 1, 7},
                                       {"/dev/tty", 5, 0},  {"/dev/zero", 1, 5},   {"/dev/urandom", 1, 9}};

struct Link {
  const char* path;
  const char* target;
};
constexpr Link kLinks[] = {
    {"fd", "/proc/self/fd"}, {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"}, {"stderr", "/proc/self/fd/2"}};

mode_t node_type(const std::string& type) {
  if (type == "b") return S_IFBLK;
  if (type == "p") return S_IFIFO;
  return S_IFCHR;
}

/// Is the node at `name` the one that we would make?
bool is_same_node(int directory, const std::string& name, mode_t type, dev_t number) {
  struct stat st = {};
  return ::fstatat(directory, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0 && (st.st_mode & S_IFMT) == type &&
         (type == S_IFIFO || st.st_rdev == number);
}

/// Binds the host's node of the same path, after checking that it is the device that was asked for.
Result<> bind_device(int directory, const std::string& name, const oci::Device& device) {
  auto source = TRY(sys::open(device.path, O_PATH), "bind device {}", device.path);
  struct stat st = {};
  if (::fstat(source.get(), &st) != 0) return fail_errno(errno, "stat {}", device.path);
  const auto wanted = ::makedev(static_cast<unsigned>(device.major), static_cast<unsigned>(device.minor));
  if ((st.st_mode & S_IFMT) != node_type(device.type) || (device.type != "p" && st.st_rdev != wanted)) {
    return fail(Code::failed_precondition, "bind device {}: the host's {} is another device", device.path, device.path);
  }
  {
    auto made = sys::openat(directory, name, O_WRONLY | O_CREAT | O_NOFOLLOW, 0600);
  }
  auto target = TRY(sys::openat(directory, name, O_PATH | O_NOFOLLOW), "bind device {}", device.path);
  auto tree = TRY(os::clone_tree(source.get(), "", false), "bind device {}", device.path);
  return os::attach(tree.get(), target.get());
}

Result<> make_device(int directory, const std::string& name, const oci::Device& device, bool bind) {
  const auto type = node_type(device.type);
  const auto number = ::makedev(static_cast<unsigned>(device.major), static_cast<unsigned>(device.minor));
  if (bind) return bind_device(directory, name, device);
  const mode_t mode = device.file_mode.value_or(0666) & 07777;
  if (::mknodat(directory, name.c_str(), type | mode, number) != 0) {
    if (errno == EPERM) return bind_device(directory, name, device);
    if (errno != EEXIST) return fail_errno(errno, "make device {}", device.path);
    if (!is_same_node(directory, name, type, number))
      return fail(Code::already_exists, "make device {}: another file is there", device.path);
  }
  // The umask is 0 here; but an older node keeps its mode.
  if (device.file_mode && ::fchmodat(directory, name.c_str(), mode, 0) != 0) return fail_errno(errno, "set mode of {}", device.path);
  const uid_t uid = device.uid.value_or(0);
  const gid_t gid = device.gid.value_or(0);
  if ((uid != 0 || gid != 0) && ::fchownat(directory, name.c_str(), uid, gid, AT_SYMLINK_NOFOLLOW) != 0) {
    return fail_errno(errno, "set owner of {}", device.path);
  }
  return {};
}

}  // namespace

Result<> make_devices(int root, const std::vector<oci::Device>& devices, bool bind) {
  auto dev = TRY(ensure_directory(root, "/dev"));
  for (const auto& entry : kDefaults) {
    const bool overridden =
        std::any_of(devices.begin(), devices.end(), [&](const auto& device) { return clean_path(device.path) == entry.path; });
    if (overridden) continue;
    const oci::Device device{
        .path = entry.path, .type = "c", .major = entry.major, .minor = entry.minor, .file_mode = {}, .uid = {}, .gid = {}};
    TRY(make_device(dev.get(), entry.path + sizeof("/dev/") - 1, device, bind));
  }
  for (const auto& device : devices) {
    if (clean_path(device.path) == "/dev/ptmx") continue;  // made from the container's own devpts
    auto parent = TRY(ensure_parent(root, device.path));
    TRY(make_device(parent.directory.get(), parent.name, device, bind));
  }
  return {};
}

Result<> make_device_links(int root) {
  auto dev = TRY(ensure_directory(root, "/dev"));
  for (const auto& link : kLinks) {
    if (::symlinkat(link.target, dev.get(), link.path) != 0 && errno != EEXIST) return fail_errno(errno, "link /dev/{}", link.path);
  }
  if (::access("/proc/kcore", F_OK) == 0 && ::symlinkat("/proc/kcore", dev.get(), "core") != 0 && errno != EEXIST) {
    return fail_errno(errno, "link /dev/core");
  }
  if (::unlinkat(dev.get(), "ptmx", 0) != 0 && errno != ENOENT) return fail_errno(errno, "remove /dev/ptmx");
  if (::symlinkat("pts/ptmx", dev.get(), "ptmx") != 0) return fail_errno(errno, "link /dev/ptmx");
  return {};
}

}  // namespace fulcrum::runtime
