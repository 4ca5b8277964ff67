#include "runtime/root_path.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vector>

#include "base/sys.h"

namespace fulcrum::runtime {
namespace {

constexpr int kMaxLinks = 40;

std::string parent_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}
std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

/// Where the link `name` in `directory` (itself at `parent`) leads, as a path from the root.
Result<std::string> follow(int directory, const std::string& parent, const std::string& name) {
  char target[PATH_MAX];
  const auto n = ::readlinkat(directory, name.c_str(), target, sizeof target);
  if (n <= 0) return fail_errno(errno, "read link {}", name);
  const std::string text(target, static_cast<std::size_t>(n));
  return clean_path(text[0] == '/' ? text : parent + "/" + text);
}

enum class Kind { directory, file };

Result<UniqueFd> ensure(int root, const std::string& path, Kind kind, int links) {
  const int flags = O_PATH | (kind == Kind::directory ? O_DIRECTORY : 0);
  auto opened = sys::open_in_root(root, path, flags);
  if (opened || opened.error().sys_errno != ENOENT) return opened;
  if (links > kMaxLinks) return fail(Code::not_found, "{}: too many links that lead nowhere", path);
  const auto parent = parent_of(path);
  const auto name = name_of(path);
  auto directory = TRY(ensure(root, parent, Kind::directory, links));
  if (kind == Kind::directory) {
    if (::mkdirat(directory.get(), name.c_str(), 0755) != 0 && errno != EEXIST) return fail_errno(errno, "make {}", path);
  } else if (!sys::openat(directory.get(), name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0755) && errno != EEXIST) {
    return fail_errno(errno, "make {}", path);
  }
  opened = sys::open_in_root(root, path, flags);
  if (opened || opened.error().sys_errno != ENOENT) return opened;
  // The name is there and yet leads nowhere: a link.
  const auto target = TRY(follow(directory.get(), parent, name));
  return ensure(root, target, kind, links + 1);
}

}  // namespace

std::string clean_path(const std::string& path) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at < path.size();) {
    const auto end = std::min(path.find('/', at), path.size());
    const auto part = path.substr(at, end - at);
    at = end + 1;
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      parts.push_back(part);
    } else if (!parts.empty()) {
      parts.pop_back();
    }
  }
  std::string result;
  for (const auto& part : parts) result += "/" + part;
  return result.empty() ? "/" : result;
}

Result<UniqueFd> ensure_directory(int root, const std::string& path) { return ensure(root, clean_path(path), Kind::directory, 0); }

Result<UniqueFd> ensure_file(int root, const std::string& path) { return ensure(root, clean_path(path), Kind::file, 0); }

Result<Parent> ensure_parent(int root, const std::string& path) {
  const auto clean = clean_path(path);
  if (clean == "/") return fail(Code::invalid_argument, "{}: is the root", path);
  return Parent{.directory = TRY(ensure_directory(root, parent_of(clean))), .name = name_of(clean)};
}

}  // namespace fulcrum::runtime
