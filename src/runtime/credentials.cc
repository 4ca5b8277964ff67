#include "runtime/credentials.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>
#include <climits>

#include "base/sys.h"
#include "os/capabilities.h"

namespace fulcrum::runtime {
namespace {

constexpr std::size_t kMaxPasswd = 1 << 20;

/// Standard streams belong to the user, so that /dev/stdout can be opened again. Foreign streams stay as they are.
void give_streams(uid_t uid) {
  struct stat null = {};
  const bool known = ::stat("/dev/null", &null) == 0;
  for (int fd = 0; fd < 3; ++fd) {
    struct stat st = {};
    if (::fstat(fd, &st) != 0 || st.st_uid == uid) continue;
    if (known && S_ISCHR(st.st_mode) && st.st_rdev == null.st_rdev) continue;
    if (::fchown(fd, uid, st.st_gid) != 0) continue;  // unmapped owner, read-only mount: not ours to change
  }
}

Result<> set_groups(const oci::User& user, bool may_set_groups) {
  if (!may_set_groups) {
    if (user.additional_gids.empty()) return {};
    return fail(Code::permission_denied, "additional groups are not possible in this user namespace (setgroups is denied)");
  }
  const std::vector<gid_t> groups(user.additional_gids.begin(), user.additional_gids.end());
  if (::syscall(SYS_setgroups, groups.size(), groups.data()) != 0) return fail_errno(errno, "set groups");
  return {};
}

Result<> set_ids(const oci::User& user) {
  if (::syscall(SYS_setresgid, user.gid, user.gid, user.gid) != 0) return fail_errno(errno, "set group id {}", user.gid);
  if (::syscall(SYS_setresuid, user.uid, user.uid, user.uid) != 0) return fail_errno(errno, "set user id {}", user.uid);
  return {};
}

/// A working folder that was reached through a leaked descriptor has no path below the root: getcwd(2) then says "(unreachable)…".
Result<> check_inside() {
  char path[PATH_MAX];
  const auto n = ::syscall(SYS_getcwd, path, sizeof path);
  if (n < 0 && errno == ENOENT) return fail(Code::failed_precondition, "current working directory was removed");
  if (n < 0) return fail_errno(errno, "getcwd");
  if (path[0] != '/') {
    return fail(Code::permission_denied,
                "current working directory is outside of container mount namespace root -- possible container breakout detected");
  }
  return {};
}

bool enter_folder(const std::string& cwd, int& err) {
  if (::chdir(cwd.c_str()) == 0) return true;
  err = errno;
  return false;
}

os::CapabilitySets wanted_sets(const oci::Capabilities& capabilities, std::vector<std::string>& unknown) {
  return {.bounding = os::capability_set(capabilities.bounding, &unknown),
          .effective = os::capability_set(capabilities.effective, &unknown),
          .inheritable = os::capability_set(capabilities.inheritable, &unknown),
          .permitted = os::capability_set(capabilities.permitted, &unknown),
          .ambient = os::capability_set(capabilities.ambient, &unknown)};
}

std::string capability_warning(os::CapabilitySet missing, const std::vector<std::string>& unknown) {
  std::string names;
  for (unsigned i = 0; i < os::capability_names().size(); ++i) {
    if ((missing >> i & 1) != 0) names += (names.empty() ? "" : ", ") + std::string(os::capability_names()[i]);
  }
  for (const auto& name : unknown) {
    if (names.find(name) == std::string::npos) names += (names.empty() ? "" : ", ") + name;
  }
  return names.empty() ? names : "capabilities that cannot be granted here: " + names;
}

bool is_executable(const std::string& path, int& err) {
  struct stat st = {};
  if (::stat(path.c_str(), &st) != 0) {
    err = errno;
    return false;
  }
  err = S_ISDIR(st.st_mode) ? EISDIR : EACCES;
  return S_ISREG(st.st_mode) && (st.st_mode & 0111) != 0;
}

std::string text_of(int err) {
  std::string text = fail_errno_text(err, "").error().message;
  const auto colon = text.rfind(": ");
  if (colon != std::string::npos) text = text.substr(colon + 2);
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z') text[0] = static_cast<char>(text[0] - 'A' + 'a');
  return text;  // tools match on Go's lower-case wording
}

}  // namespace

Result<> become_user(const oci::Process& process, bool may_set_groups, std::string* warning) {
  std::vector<std::string> unknown;
  const bool has_capabilities = process.capabilities.has_value();
  const auto sets = has_capabilities ? wanted_sets(*process.capabilities, unknown) : os::CapabilitySets{};
  if (has_capabilities) {
    TRY(os::limit_bounding_set(sets.bounding));
    if (::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) return fail_errno(errno, "keep capabilities");
  }
  give_streams(process.user.uid);
  const auto cwd = process.cwd.empty() ? std::string("/") : process.cwd;
  int err = 0;
  const bool entered = enter_folder(cwd, err);
  TRY(set_groups(process.user, may_set_groups));
  TRY(set_ids(process.user));
  // A folder that only the user may enter (NFS with root squash) works now.
  if (!entered && !enter_folder(cwd, err)) return fail_errno(err, "chdir to cwd ({:?}) set in config.json failed", cwd);
  TRY(check_inside());
  if (process.user.umask) ::umask(*process.user.umask & 0777);
  if (has_capabilities) {
    if (::prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) != 0) return fail_errno(errno, "keep no capabilities");
    const auto missing = TRY(os::apply_capabilities(sets));
    if (warning != nullptr) *warning = capability_warning(missing, unknown);
  }
  return {};
}

std::string home_directory(uid_t uid) {
  const auto text = sys::read_file("/etc/passwd", kMaxPasswd);
  if (!text) return "/";
  for (std::size_t at = 0; at < text->size();) {
    const auto end = std::min(text->find('\n', at), text->size());
    std::vector<std::string_view> fields;
    const std::string_view line(text->data() + at, end - at);
    for (std::size_t from = 0; from <= line.size();) {
      const auto colon = std::min(line.find(':', from), line.size());
      fields.push_back(line.substr(from, colon - from));
      from = colon + 1;
    }
    at = end + 1;
    if (fields.size() < 6) continue;
    uid_t id = 0;
    const auto [rest, error] = std::from_chars(fields[2].data(), fields[2].data() + fields[2].size(), id);
    if (error == std::errc() && rest == fields[2].data() + fields[2].size() && id == uid) return std::string(fields[5]);
  }
  return "/";
}

Result<std::string> find_program(const std::string& name, const std::vector<std::string>& env) {
  int err = 0;
  if (name.find('/') != std::string::npos) {
    if (is_executable(name, err)) return name;
    const auto* call = err == EACCES || err == EISDIR ? "" : "stat ";
    auto error =
        fail(code_from_errno(err), "exec: {:?}: {}{}{}{}", name, call, *call != '\0' ? name : "", *call != '\0' ? ": " : "", text_of(err));
    error.error().sys_errno = err;
    return error;
  }
  std::string path;
  for (const auto& variable : env) {
    if (variable.starts_with("PATH=")) path = variable.substr(5);
  }
  bool denied = false;
  for (std::size_t at = 0; at <= path.size();) {
    const auto end = std::min(path.find(':', at), path.size());
    const auto folder = path.substr(at, end - at);
    at = end + 1;
    if (folder.empty()) continue;  // the current folder is never searched
    auto candidate = folder + "/" + name;
    if (is_executable(candidate, err)) return candidate;
    denied = denied || err == EACCES;
  }
  auto error = fail(Code::not_found, "exec: {:?}: {}", name, denied ? "permission denied" : "executable file not found in $PATH");
  error.error().sys_errno = denied ? EACCES : ENOENT;
  return error;
}

}  // namespace fulcrum::runtime
