#include "sandbox/namespace/users.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "base/sys.h"
#include "base/words.h"

namespace fulcrum::sandbox {
namespace {

constexpr std::size_t kMaxFile = 4 << 20;

std::optional<std::uint32_t> number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > 0x7fffffff) return std::nullopt;
  return value;
}

// Calls visit(fields) for each line of a passwd or group file until it returns true.
template <class Visit>
bool each_line(const std::string& file, std::size_t fields, Visit visit) {
  for (const auto& line : split(file, '\n')) {
    const auto parts = split(line, ':');
    if (parts.size() >= fields && !parts[0].empty() && parts[0][0] != '#' && visit(parts)) return true;
  }
  return false;
}

Result<std::uint32_t> find_group(std::string_view group, const UserFiles& files) {
  std::optional<std::uint32_t> gid;
  const auto wanted = number(group);
  each_line(files.group, 3, [&](const auto& line) {
    const auto id = number(line[2]);
    if (!id || (line[0] != group && wanted != id)) return false;
    gid = id;
    return true;
  });
  if (gid) return *gid;
  if (wanted) return *wanted;
  return fail(Code::invalid_argument, "unable to find group {}: no matching entries in group file", group);
}

enum class Found { file, gone, missing, link };

// What one layer says of a name in a folder.
Found look(int folder, const std::string& name, bool directory, UniqueFd& out) {
  struct stat st;
  if (::fstatat(folder, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0) return Found::missing;
  if (S_ISLNK(st.st_mode)) return Found::link;
  if (S_ISCHR(st.st_mode) && st.st_rdev == 0) return Found::gone;
  if (directory ? !S_ISDIR(st.st_mode) : !S_ISREG(st.st_mode)) return Found::gone;
  auto fd = sys::openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!fd) return Found::missing;
  out = std::move(*fd);
  return Found::file;
}

bool opaque(int folder) {
  for (const char* name : {"trusted.overlay.opaque", "user.overlay.opaque"}) {
    char value = 0;
    if (::fgetxattr(folder, name, &value, 1) == 1 && value == 'y') return true;
  }
  return false;
}

}  // namespace

Result<UserIds> find_user(std::string_view user, const std::vector<std::string>& extra, const UserFiles& files) {
  const auto colon = user.find(':');
  const auto name = user.substr(0, colon);
  const std::string wanted(name.empty() ? "0" : name);
  const auto wanted_id = number(wanted);
  UserIds ids;
  std::string login;
  const bool known = each_line(files.passwd, 4, [&](const auto& line) {
    const auto uid = number(line[2]);
    const auto gid = number(line[3]);
    if (!uid || !gid || (line[0] != wanted && wanted_id != uid)) return false;
    ids.uid = *uid;
    ids.gid = *gid;
    login = line[0];
    if (line.size() > 5) ids.home = line[5];
    return true;
  });
  if (!known) {
    if (!wanted_id) return fail(Code::invalid_argument, "unable to find user {}: no matching entries in passwd file", wanted);
    ids.uid = *wanted_id;
  }
  if (colon != std::string_view::npos && colon + 1 < user.size()) {
    ids.gid = TRY(find_group(user.substr(colon + 1), files));
  } else if (!login.empty()) {
    each_line(files.group, 4, [&](const auto& line) {
      const auto members = split(line[3], ',');
      if (const auto gid = number(line[2]); gid && std::ranges::find(members, login) != members.end()) ids.groups.push_back(*gid);
      return false;
    });
  }
  for (const auto& group : extra) ids.groups.push_back(TRY(find_group(group, files)));
  std::ranges::sort(ids.groups);
  const auto repeated = std::ranges::unique(ids.groups);
  ids.groups.erase(repeated.begin(), repeated.end());
  std::erase(ids.groups, ids.gid);
  return ids;
}

Result<std::optional<std::string>> read_through_layers(const std::vector<std::string>& layers, const std::string& folder,
                                                       const std::string& name) {
  for (const auto& layer : layers) {
    const auto root = TRY(sys::open(layer, O_RDONLY | O_DIRECTORY));
    UniqueFd inside;
    const auto there = look(root.get(), folder, true, inside);
    if (there == Found::gone) return std::nullopt;
    if (there == Found::link) return fail(Code::failed_precondition, "/{} is a link", folder);
    if (there == Found::missing) continue;
    UniqueFd file;
    const auto found = look(inside.get(), name, false, file);
    if (found == Found::file) return TRY(sys::read_all(file.get(), kMaxFile), "read /{}/{}", folder, name);
    if (found == Found::gone) return std::nullopt;
    if (found == Found::link) return fail(Code::failed_precondition, "/{}/{} is a link", folder, name);
    if (opaque(inside.get())) return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace fulcrum::sandbox
