#include "os/mount.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace fulcrum::os {
namespace {

/// ENOSYS is what old kernels and strict filters say.
std::unexpected<Error> call_failed(int err, const char* call, std::string what) {
  if (err == ENOSYS) {
    auto error = fail(Code::unimplemented, "{}: {} is not in this kernel", what, call);
    error.error().sys_errno = err;
    return error;
  }
  return fail_errno_text(err, std::move(what));
}

}  // namespace

std::string fd_path(int fd) { return fmt::format("/proc/self/fd/{}", fd); }

Result<UniqueFd> clone_tree(int dirfd, const std::string& path, bool recursive) {
  unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;
  if (path.empty()) flags |= AT_EMPTY_PATH;
  if (recursive) flags |= AT_RECURSIVE;
  const int fd = ::open_tree(dirfd, path.c_str(), flags);
  if (fd < 0) return call_failed(errno, "open_tree", path.empty() ? "clone mount" : "clone mount " + path);
  return UniqueFd(fd);
}

Result<> attach(int mount_fd, int target_fd) {
  if (::move_mount(mount_fd, "", target_fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0) {
    return call_failed(errno, "move_mount", "attach mount");
  }
  return {};
}

Result<> set_attributes(int fd, const MountAttributes& attributes, bool recursive) {
  struct mount_attr attr = {};
  attr.attr_set = attributes.set;
  attr.attr_clr = attributes.clear;
  attr.propagation = attributes.propagation;
  if (attributes.user_namespace >= 0) attr.userns_fd = static_cast<std::uint64_t>(attributes.user_namespace);
  const unsigned flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0U);
  if (::mount_setattr(fd, "", flags, &attr, sizeof attr) != 0) return call_failed(errno, "mount_setattr", "set mount attributes");
  return {};
}

Result<FileSystemContext> FileSystemContext::open(const std::string& type) {
  const int fd = ::fsopen(type.c_str(), FSOPEN_CLOEXEC);
  if (fd < 0) return call_failed(errno, "fsopen", "open file system " + type);
  return FileSystemContext(type, UniqueFd(fd));
}

Error FileSystemContext::explain(int err, std::string_view what) const {
  char message[512];
  const auto n = ::read(fd_.get(), message, sizeof message);
  std::string log = n > 2 ? std::string(message + 2, static_cast<std::size_t>(n) - 2) : std::string();
  while (!log.empty() && log.back() == '\n') log.pop_back();
  auto text = log.empty() ? fmt::format("{}: {}", type_, what) : fmt::format("{}: {} ({})", type_, what, log);
  return call_failed(err, "fsconfig", std::move(text)).error();
}

Result<> FileSystemContext::set(const std::string& key, const std::string& value) {
  if (::fsconfig(fd_.get(), FSCONFIG_SET_STRING, key.c_str(), value.c_str(), 0) != 0) {
    return std::unexpected(explain(errno, fmt::format("{}={}", key, value)));
  }
  return {};
}

Result<> FileSystemContext::set_flag(const std::string& key) {
  if (::fsconfig(fd_.get(), FSCONFIG_SET_FLAG, key.c_str(), nullptr, 0) != 0) return std::unexpected(explain(errno, key));
  return {};
}

Result<> FileSystemContext::set_fd(const std::string& key, int fd) {
  if (::fsconfig(fd_.get(), FSCONFIG_SET_FD, key.c_str(), nullptr, fd) != 0) return std::unexpected(explain(errno, key + " by descriptor"));
  return {};
}

Result<UniqueFd> FileSystemContext::mount(std::uint64_t attributes) {
  if (::fsconfig(fd_.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) return std::unexpected(explain(errno, "create"));
  const int fd = ::fsmount(fd_.get(), FSMOUNT_CLOEXEC, static_cast<unsigned>(attributes));
  if (fd < 0) return std::unexpected(explain(errno, "mount"));
  return UniqueFd(fd);
}

Result<> mount(const std::string& source, const std::string& target, const std::string& type, unsigned long flags,
               const std::string& data) {
  if (::mount(source.c_str(), target.c_str(), type.empty() ? nullptr : type.c_str(), flags, data.empty() ? nullptr : data.c_str()) != 0) {
    return fail_errno(errno, "mount {}", type.empty() ? source : type);
  }
  return {};
}

Result<> mount_at(const std::string& source, int target_fd, const std::string& type, unsigned long flags, const std::string& data) {
  return mount(source, fd_path(target_fd), type, flags, data);
}

}  // namespace fulcrum::os
