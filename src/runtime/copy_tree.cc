#include <dirent.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <climits>
#include <memory>
#include <string>

#include "base/sys.h"
#include "os/mount.h"
#include "runtime/mounts.h"

namespace fulcrum::runtime {
namespace {

constexpr int kMaxDepth = 256;
constexpr std::size_t kMaxAttributes = 64 << 10;

Result<> copy_entries(int from, int to, int depth);

Result<> copy_bytes(int from, int to) {
  for (;;) {
    const auto n = ::sendfile(to, from, nullptr, 1 << 20);
    if (n == 0) return {};
    if (n < 0 && errno != EINTR) return fail_errno(errno, "copy");
  }
}

/// Extended attributes that the target does not take are left behind, as cp -a does without complaint for security.*.
Result<> copy_attributes(int from, int to) {
  std::string names(kMaxAttributes, '\0');
  const auto length = ::flistxattr(from, names.data(), names.size());
  if (length <= 0) return {};
  std::string value(kMaxAttributes, '\0');
  for (const char* name = names.data(); name < names.data() + length; name += std::char_traits<char>::length(name) + 1) {
    const auto size = ::fgetxattr(from, name, value.data(), value.size());
    if (size < 0) continue;
    if (::fsetxattr(to, name, value.data(), static_cast<std::size_t>(size), 0) != 0 && errno != EOPNOTSUPP && errno != EPERM) {
      return fail_errno(errno, "copy attribute {}", name);
    }
  }
  return {};
}

Result<> copy_meta(int to, const struct stat& st) {
  if (::fchown(to, st.st_uid, st.st_gid) != 0) return fail_errno(errno, "set owner");
  if (::fchmod(to, st.st_mode & 07777) != 0) return fail_errno(errno, "set mode");
  const struct timespec times[2] = {st.st_atim, st.st_mtim};
  if (::futimens(to, times) != 0) return fail_errno(errno, "set times");
  return {};
}

Result<> copy_link(int from, int to, const char* name, const struct stat& st) {
  char target[PATH_MAX];
  const auto n = ::readlinkat(from, name, target, sizeof target - 1);
  if (n < 0) return fail_errno(errno, "read link");
  target[n] = '\0';
  if (::symlinkat(target, to, name) != 0) return fail_errno(errno, "make link");
  if (::fchownat(to, name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) != 0) return fail_errno(errno, "set owner");
  return {};
}

Result<> copy_entry(int from, int to, const char* name, int depth) {
  struct stat st = {};
  if (::fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) != 0) return fail_errno(errno, "stat");
  if (S_ISLNK(st.st_mode)) return copy_link(from, to, name, st);
  if (S_ISDIR(st.st_mode)) {
    if (::mkdirat(to, name, 0700) != 0) return fail_errno(errno, "make folder");
    auto source = TRY(sys::openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    auto target = TRY(sys::openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    TRY(copy_entries(source.get(), target.get(), depth + 1));
    TRY(copy_attributes(source.get(), target.get()));
    return copy_meta(target.get(), st);
  }
  if (!S_ISREG(st.st_mode)) {
    if (::mknodat(to, name, st.st_mode, st.st_rdev) != 0) return fail_errno(errno, "make node");
    if (::fchownat(to, name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) != 0) return fail_errno(errno, "set owner");
    if (::fchmodat(to, name, st.st_mode & 07777, 0) != 0) return fail_errno(errno, "set mode");
    return {};
  }
  auto source = TRY(sys::openat(from, name, O_RDONLY | O_NOFOLLOW));
  auto target = TRY(sys::openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  TRY(copy_bytes(source.get(), target.get()));
  TRY(copy_attributes(source.get(), target.get()));
  return copy_meta(target.get(), st);
}

Result<> copy_entries(int from, int to, int depth) {
  if (depth > kMaxDepth) return fail(Code::resource_exhausted, "folders are nested deeper than {}", kMaxDepth);
  auto names = TRY(sys::list_directory(os::fd_path(from) + "/."));
  for (const auto& name : names) TRY(copy_entry(from, to, name.c_str(), depth), "{}", name);
  return {};
}

}  // namespace

Result<> copy_tree(int from, int to) {
  struct stat st = {};
  if (::fstat(from, &st) != 0) return fail_errno(errno, "stat");
  TRY(copy_entries(from, to, 0));
  TRY(copy_attributes(from, to));
  return copy_meta(to, st);
}

}  // namespace fulcrum::runtime
