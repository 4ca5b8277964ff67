#include <algorithm>
#include <set>
#include <utility>

#include "base/sys.h"
#include "image/diff.h"
#include "image/mount_points.h"
#include "image/tree_node.h"

namespace fulcrum::image {

namespace {

/// The folders, top-most first, that one folder of the lower view is merged of. Layers are immutable and every step down is checked to be a
/// folder, so paths are safe here.
using Stack = std::vector<std::string>;

/// What the lower view has at a name.
struct Below {
  bool exists = false;
  Stack folders;  ///< of a folder
};

Result<Below> look_below(const Stack& stack, const std::string& name) {
  Below below;
  for (const auto& folder : stack) {
    const auto opened = TRY(sys::open(folder, O_PATH | O_DIRECTORY | O_NOFOLLOW));
    const auto node = TRY(TreeNode::look(opened.get(), name));
    if (!node) continue;
    if (node->is_whiteout()) break;
    const bool first = !std::exchange(below.exists, true);
    if (!node->is_folder()) {
      if (!first) break;  // a file below a folder hides what is further down
      return below;
    }
    below.folders.push_back(folder + "/" + name);
    if (TRY(node->is_opaque())) break;
  }
  return below;
}

class Lister {
 public:
  explicit Lister(const StopSource& stop) : stop_(stop) {}

  /// `hiding`: the folder is opaque, or within one that is.
  Result<> folder(int upper, const Stack& below, const std::string& path, std::size_t depth, bool hiding) {
    if (depth > kMaxTreeDepth) return fail(Code::resource_exhausted, "{}…: more than {} folders deep", path.substr(0, 64), kMaxTreeDepth);
    for (const auto& name : TRY(names_in(upper))) TRY(child(upper, name, below, path, depth, hiding), "{}/{}", path, name);
    return {};
  }
  std::vector<Change> take() {
    std::sort(changes_.begin(), changes_.end(), [](const Change& a, const Change& b) { return a.path < b.path; });
    return std::move(changes_);
  }

 private:
  Result<> child(int upper, const std::string& name, const Stack& stack, const std::string& path, std::size_t depth, bool hiding) {
    if (stop_.stop_requested()) return fail(Code::cancelled, "cancelled");
    const auto node = TRY(TreeNode::look(upper, name));
    if (!node) return {};
    const auto below = TRY(look_below(stack, name));
    const auto here = path + "/" + name;
    if (node->is_whiteout()) {
      if (below.exists) changes_.push_back({Change::Kind::deleted, here});
      return {};
    }
    if (!below.exists && TRY(is_mount_point(here, *node))) {
      ++mount_points_;
      return {};
    }
    const auto before = changes_.size();
    const auto mount_points = mount_points_;
    changes_.push_back({below.exists ? Change::Kind::changed : Change::Kind::added, here});
    if (!node->is_folder()) return {};
    const auto opened = TRY(node->open());
    hiding = hiding || TRY(node->is_opaque());
    if (hiding) TRY(list_hidden(opened.get(), below.folders, here));
    TRY(folder(opened.get(), below.folders, here, depth + 1, hiding));
    // It is here only because mount points were made in it.
    if (changes_.size() == before + 1 && mount_points_ > mount_points && TRY(same_folder(*node, below))) changes_.pop_back();
    return {};
  }

  /// Whether the folder is as it is below, where it may not be at all.
  static Result<bool> same_folder(const TreeNode& node, const Below& below) {
    if (below.folders.empty()) return !below.exists;
    const auto there = TRY(sys::lstat(below.folders.front()));
    return there && there->st_mode == node.st.st_mode && there->st_uid == node.st.st_uid && there->st_gid == node.st.st_gid;
  }

  /// What an opaque folder hides and has not itself is deleted.
  Result<> list_hidden(int upper, const Stack& stack, const std::string& path) {
    std::set<std::string> names;
    for (const auto& folder : stack) {
      for (auto& name : TRY(sys::list_directory(folder))) names.insert(std::move(name));
    }
    for (const auto& name : names) {
      const bool seen = TRY(look_below(stack, name)).exists;
      const auto ours = TRY(TreeNode::look(upper, name));
      if (seen && !ours) changes_.push_back({Change::Kind::deleted, path + "/" + name});
    }
    return {};
  }

  const StopSource& stop_;
  std::vector<Change> changes_;
  std::size_t mount_points_ = 0;  // met and not listed
};

}  // namespace

Result<std::vector<Change>> list_changes(int upper, const std::vector<std::string>& lowers, const StopSource& stop) {
  Lister lister(stop);
  TRY(lister.folder(upper, lowers, "", 0, false), "list changes");
  return lister.take();
}

}  // namespace fulcrum::image
