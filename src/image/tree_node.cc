#include "image/tree_node.h"

#include <fcntl.h>
#include <sys/xattr.h>

#include <algorithm>

#include "base/sys.h"

namespace fulcrum::image {

namespace {

bool has_none(int error) { return error == ENODATA || error == ENOTSUP || error == EPERM || error == ENOENT; }

}  // namespace

Result<std::optional<TreeNode>> TreeNode::look(int folder, const std::string& name) {
  TreeNode node;
  auto pinned = sys::openat(folder, name, O_PATH | O_NOFOLLOW);
  if (!pinned) {
    if (pinned.error().code == Code::not_found) return std::nullopt;
    return std::unexpected(pinned.error());
  }
  node.pin = std::move(*pinned);
  if (::fstat(node.pin.get(), &node.st) != 0) return fail_errno(errno, "stat {}", name);
  return node;
}

Result<UniqueFd> TreeNode::open() const {
  if (!is_folder() && !S_ISREG(st.st_mode)) return fail(Code::internal, "neither folder nor regular file");
  return sys::open(path(), O_RDONLY | (is_folder() ? O_DIRECTORY : 0));
}

Result<std::optional<std::string>> TreeNode::xattr(const std::string& name) const {
  const auto at = path();
  for (int attempt = 0; attempt < 8; ++attempt) {
    const auto size = ::getxattr(at.c_str(), name.c_str(), nullptr, 0);
    if (size < 0) return has_none(errno) ? Result<std::optional<std::string>>(std::nullopt) : fail_errno(errno, "read attribute {}", name);
    std::string value(static_cast<std::size_t>(size), '\0');
    const auto got = ::getxattr(at.c_str(), name.c_str(), value.data(), value.size());
    if (got < 0 && errno == ERANGE) continue;  // it grew
    if (got < 0) return has_none(errno) ? Result<std::optional<std::string>>(std::nullopt) : fail_errno(errno, "read attribute {}", name);
    value.resize(static_cast<std::size_t>(got));
    return value;
  }
  return fail(Code::unavailable, "attribute {} keeps changing", name);
}

Result<std::vector<std::string>> TreeNode::xattr_names() const {
  const auto at = path();
  std::string list(64 << 10, '\0');  // the kernel's limit
  const auto got = ::listxattr(at.c_str(), list.data(), list.size());
  std::vector<std::string> names;
  if (got < 0) return has_none(errno) ? Result<std::vector<std::string>>(names) : fail_errno(errno, "list attributes");
  list.resize(static_cast<std::size_t>(got));
  for (std::size_t at_name = 0; at_name < list.size();) {
    const auto end = list.find('\0', at_name);
    names.push_back(list.substr(at_name, end - at_name));
    if (end == std::string::npos) break;
    at_name = end + 1;
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<bool> TreeNode::is_opaque() const {
  for (const char* name : {"trusted.overlay.opaque", "user.overlay.opaque"}) {
    if (TRY(xattr(name)) == "y") return true;
  }
  return false;
}

Result<std::vector<std::string>> names_in(int folder) { return sys::list_directory("/proc/self/fd/" + std::to_string(folder) + "/."); }

}  // namespace fulcrum::image
