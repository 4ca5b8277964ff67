#include "os/overlay.h"

#include <fcntl.h>
#include <sys/mount.h>

#include "base/sys.h"

namespace fulcrum {

namespace {

constexpr std::size_t kMaxLowers = 500;    // OVL_MAX_STACK
constexpr std::size_t kMaxFsString = 255;  // what fsconfig(2) takes

/// A short name for a folder that stays the same folder: option strings are limited to 255 bytes, and paths may hold ':' and ','.
Result<std::string> pin(const std::string& path, std::vector<UniqueFd>& pins) {
  pins.push_back(TRY(sys::open(path, O_PATH | O_DIRECTORY)));
  return "/proc/self/fd/" + std::to_string(pins.back().get());
}

/// What the kernel wrote into the context's log, for the error message.
std::string log_of(int context) {
  char text[512];
  const auto got = ::read(context, text, sizeof text - 1);
  if (got <= 0) return "";
  std::string line(text, static_cast<std::size_t>(got));
  while (!line.empty() && line.back() == '\n') line.pop_back();
  return " (" + line + ")";
}

Result<> set(int context, const char* key, const std::string& value) {
  if (::fsconfig(context, FSCONFIG_SET_STRING, key, value.c_str(), 0) == 0) return {};
  const int error = errno;
  return fail_errno(error, "overlay option {}{}", key, log_of(context));
}

/// One call a folder where the kernel has it (6.5), else all in one short string.
Result<> set_lowers(int context, const std::vector<std::string>& lowers) {
  bool one_by_one = true;
  for (std::size_t i = 0; i < lowers.size() && one_by_one; ++i) {
    const auto added = set(context, "lowerdir+", lowers[i]);
    if (!added && (i > 0 || added.error().sys_errno != EINVAL)) return added;
    one_by_one = added.has_value();
  }
  if (one_by_one) return {};
  std::string all;
  for (const auto& lower : lowers) all += (all.empty() ? "" : ":") + lower;
  if (all.size() > kMaxFsString) {
    return fail(Code::unimplemented, "this kernel cannot mount {} layers as a detached overlay (Linux 6.5 can)", lowers.size());
  }
  return set(context, "lowerdir", all);
}

/// One folder alone is no overlay: a detached bind of it.
Result<UniqueFd> bind_detached(const std::string& path) {
  UniqueFd tree(::open_tree(AT_FDCWD, path.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  if (!tree.valid()) return fail_errno(errno, "bind {}", path);
  struct mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
  if (::mount_setattr(tree.get(), "", AT_EMPTY_PATH, &attributes, sizeof attributes) != 0)
    return fail_errno(errno, "make {} read-only", path);
  return tree;
}

}  // namespace

Result<UniqueFd> mount_overlay_detached(const OverlaySpec& spec) {
  if (spec.lowers.empty()) return fail(Code::invalid_argument, "an overlay needs a lower folder");
  if (spec.lowers.size() > kMaxLowers) return fail(Code::invalid_argument, "an overlay has at most {} lower folders", kMaxLowers);
  if (spec.upper.empty() && spec.lowers.size() == 1) return bind_detached(spec.lowers[0]);
  if (!spec.upper.empty() && spec.work.empty()) return fail(Code::invalid_argument, "an overlay with an upper folder needs a work folder");
  const UniqueFd context(::fsopen("overlay", FSOPEN_CLOEXEC));
  if (!context.valid()) return fail_errno(errno, "open overlay file system");
  std::vector<UniqueFd> pins;
  std::vector<std::string> lowers;
  for (const auto& lower : spec.lowers) lowers.push_back(TRY(pin(lower, pins)));
  TRY(set_lowers(context.get(), lowers));
  if (!spec.upper.empty()) {
    TRY(set(context.get(), "upperdir", TRY(pin(spec.upper, pins))));
    TRY(set(context.get(), "workdir", TRY(pin(spec.work, pins))));
  }
  if (spec.user_xattr && ::fsconfig(context.get(), FSCONFIG_SET_FLAG, "userxattr", nullptr, 0) != 0) {
    return fail_errno(errno, "overlay option userxattr");
  }
  if (::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
    const int error = errno;
    return fail_errno(error, "mount overlay on {}{}", spec.upper.empty() ? spec.lowers[0] : spec.upper, log_of(context.get()));
  }
  unsigned attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
  if (spec.read_only || spec.upper.empty()) attributes |= MOUNT_ATTR_RDONLY;
  UniqueFd mount(::fsmount(context.get(), FSMOUNT_CLOEXEC, attributes));
  if (!mount.valid()) return fail_errno(errno, "mount overlay");
  return mount;
}

}  // namespace fulcrum
