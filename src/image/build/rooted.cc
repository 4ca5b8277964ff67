#include "image/build/rooted.h"

#include <fcntl.h>
#include <unistd.h>

#include <climits>
#include <deque>

#include "base/sys.h"
#include "base/words.h"
#include "image/build/go_text.h"

namespace fulcrum::image::build {

namespace {

std::string join(const std::vector<std::string>& parts) {
  std::string out;
  for (const auto& part : parts) {
    if (!out.empty()) out += '/';
    out += part;
  }
  return out;
}

Result<std::string> target_of(const TreeNode& link) {
  std::string out(PATH_MAX, '\0');
  const auto got = ::readlinkat(link.pin.get(), "", out.data(), out.size());
  if (got < 0) return fail_errno(errno, "read link");
  out.resize(static_cast<std::size_t>(got));
  return out;
}

}  // namespace

Result<std::string> resolve_in(int root, std::string_view path, bool follow_last) {
  std::vector<std::string> done;
  std::deque<std::string> todo;
  const auto put_before = [&](std::string_view text) {
    auto parts = split(text, '/');
    todo.insert(todo.begin(), std::make_move_iterator(parts.begin()), std::make_move_iterator(parts.end()));
  };
  put_before(path);
  for (int links = 0; !todo.empty();) {
    const auto part = std::move(todo.front());
    todo.pop_front();
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      if (!done.empty()) done.pop_back();
      continue;
    }
    done.push_back(part);
    if (todo.empty() && !follow_last) break;
    const auto node = TRY(look_in(root, join(done)));
    if (!node || !S_ISLNK(node->st.st_mode)) continue;
    if (++links > 255) return fail(Code::invalid_argument, "{}: too many links", shown(path));
    const auto target = TRY(target_of(*node));
    done.pop_back();
    if (target.starts_with('/')) done.clear();
    put_before(target);
  }
  return join(done);
}

Result<std::optional<TreeNode>> look_in(int root, const std::string& path) {
  TreeNode node;
  auto pinned = sys::open_in_root(root, path.empty() ? "." : path, O_PATH | O_NOFOLLOW);
  if (!pinned) {
    const auto error = pinned.error().sys_errno;
    if (error == ENOENT || error == ENOTDIR) return std::nullopt;
    return std::unexpected(pinned.error());
  }
  node.pin = std::move(*pinned);
  if (::fstat(node.pin.get(), &node.st) != 0) return fail_errno(errno, "stat {}", path);
  return node;
}

Result<std::optional<UniqueFd>> open_regular(int root, const std::string& name) {
  const auto node = TRY(look_in(root, TRY(resolve_in(root, name))));
  if (!node) return std::nullopt;
  if (!S_ISREG(node->st.st_mode)) return fail(Code::invalid_argument, "{} is not a regular file", shown(name));
  return TRY(node->open());
}

std::pair<std::string, std::string> split_path(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return {"", path};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

}  // namespace fulcrum::image::build
