// Carries a copy plan out.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <map>

#include "base/sys.h"
#include "image/build/copy_plan.h"
#include "image/build/go_text.h"
#include "image/build/rooted.h"
#include "image/tar_reader.h"
#include "image/tree_node.h"
#include "image/tree_writer.h"
#include "os/user_namespace.h"

namespace fulcrum::image::build {

namespace {

std::string path_of(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

/// Copies the data of a file, holes left out.
Result<> copy_data(int from, int to, off_t size, const StopSource& stop) {
  std::string buffer(1 << 18, '\0');
  for (off_t at = 0; at < size;) {
    if (stop.stop_requested()) return fail(Code::cancelled, "stopped");
    const auto data = ::lseek(from, at, SEEK_DATA);
    if (data < 0 && errno == ENXIO) break;
    if (data > at) at = data;
    const auto got = ::pread(from, buffer.data(), buffer.size(), at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno(errno, "read");
    if (got == 0) break;
    for (ssize_t done = 0; done < got;) {
      const auto put = ::pwrite(to, buffer.data() + done, static_cast<std::size_t>(got - done), at + done);
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return fail_errno(errno, "write");
      done += put;
    }
    at += got;
  }
  if (::ftruncate(to, size) != 0) return fail_errno(errno, "extend");
  return {};
}

/// Puts operations into one tree.
class Installer {
 public:
  Installer(int root, bool keep_owner, const std::optional<Owner>& owner, const StopSource& stop)
      : root_(root), stop_(stop), chosen_(owner), may_chown_(os::mapped_user_ids() != 1) {
    if (owner) {
      owner_ = owner;
    } else if (!keep_owner) {
      owner_ = Owner{};
    }
  }

  Result<> run(const CopyOperation& operation) {
    auto target = TRY(resolve_in(root_, operation.target));
    const auto there = TRY(look_in(root_, target));
    switch (operation.kind) {
      case CopyOperation::Kind::folder: return copy_folder(operation, target, there.has_value());
      case CopyOperation::Kind::archive: return unpack(operation, target);
      case CopyOperation::Kind::file:
      case CopyOperation::Kind::text: break;
    }
    if (operation.into_folder || (there && there->is_folder())) target += (target.empty() ? "" : "/") + operation.base_name;
    const auto [folder, base] = split_path(target);
    const auto parent = TRY(make_folders(folder, owner_));
    if (operation.kind == CopyOperation::Kind::text) return write_text(operation, parent.get(), base);
    const auto node = TRY(source_node(operation));
    links_.clear();
    return install(node, parent.get(), base, target, operation, "", 0);
  }

 private:
  static Result<TreeNode> source_node(const CopyOperation& operation) {
    auto node =
        operation.root == AT_FDCWD ? TRY(TreeNode::look(AT_FDCWD, operation.source)) : TRY(look_in(operation.root, operation.source));
    if (!node) return fail(Code::not_found, "source path not found: {}", operation.source);
    return std::move(*node);
  }

  Result<> change_owner(int folder, const std::string& base, const Owner& owner) const {
    const auto failed = may_chown_ && ::fchownat(folder, base.c_str(), owner.uid, owner.gid, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) != 0;
    if (failed) return fail_errno(errno, "change owner to {}:{}", owner.uid, owner.gid);
    return {};
  }

  /// A folder that has no links in its path, with those above it: new ones are 0755.
  Result<UniqueFd> make_folders(const std::string& path, const std::optional<Owner>& owner) const {
    auto at = TRY(sys::open_in_root(root_, ".", O_RDONLY | O_DIRECTORY));
    for (std::size_t start = 0; start < path.size();) {
      const auto end = std::min(path.find('/', start), path.size());
      const auto name = path.substr(start, end - start);
      const auto so_far = path.substr(0, end);
      start = end + 1;
      const bool made = ::mkdirat(at.get(), name.c_str(), 0755) == 0;
      if (!made && errno != EEXIST) return fail_errno(errno, "make folder /{}", so_far);
      auto next = TRY(sys::openat(at.get(), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW), "folder /{}", so_far);
      if (made) {
        if (::fchmod(next.get(), 0755) != 0) return fail_errno(errno, "change mode of /{}", so_far);
        if (owner) TRY(change_owner(next.get(), "", *owner));
      }
      at = std::move(next);
    }
    return at;
  }

  Result<> copy_folder(const CopyOperation& operation, const std::string& target, bool existed) {
    const auto node = TRY(source_node(operation));
    rules_ = TRY(IgnoreRules::create(operation.exclude));
    links_.clear();
    const auto folder = TRY(make_folders(target, std::nullopt));
    TRY(copy_children(node, folder.get(), target, operation, "", 0));
    if (existed) return {};
    if (owner_) TRY(change_owner(folder.get(), "", *owner_));
    if (operation.mode && ::fchmod(folder.get(), *operation.mode) != 0) return fail_errno(errno, "change mode of /{}", target);
    return {};
  }

  /// Whether something below is not left out.
  Result<bool> keeps_some(const TreeNode& folder, const std::string& relative, std::size_t depth) const {
    if (depth > kMaxTreeDepth) return fail(Code::resource_exhausted, "{}: more than {} folders deep", relative, kMaxTreeDepth);
    const auto opened = TRY(folder.open());
    for (const auto& name : TRY(names_in(opened.get()))) {
      const auto below = relative + "/" + name;
      if (!rules_.excludes(below)) return true;
      const auto node = TRY(TreeNode::look(opened.get(), name));
      if (node && node->is_folder() && TRY(keeps_some(*node, below, depth + 1))) return true;
    }
    return false;
  }

  Result<> copy_children(const TreeNode& source, int folder, const std::string& path, const CopyOperation& operation,
                         const std::string& relative, std::size_t depth) {
    if (depth > kMaxTreeDepth) return fail(Code::resource_exhausted, "{}: more than {} folders deep", path, kMaxTreeDepth);
    const auto opened = TRY(source.open());
    for (const auto& name : TRY(names_in(opened.get()))) {
      const auto node = TRY(TreeNode::look(opened.get(), name));
      if (!node) continue;
      const auto below = relative.empty() ? name : relative + "/" + name;
      if (rules_.excludes(below) && !(rules_.has_exceptions() && node->is_folder() && TRY(keeps_some(*node, below, depth)))) continue;
      TRY(install(*node, folder, name, path.empty() ? name : path + "/" + name, operation, below, depth));
    }
    return {};
  }

  /// Removes what is in the way of a file; a folder stays for a folder.
  static Result<> make_room(int folder, const std::string& base, bool for_folder) {
    const auto there = TRY(TreeNode::look(folder, base));
    if (!there || (there->is_folder() && for_folder)) return {};
    if (there->is_folder()) return sys::remove_tree(path_of(folder) + "/" + base);
    if (::unlinkat(folder, base.c_str(), 0) != 0) return fail_errno(errno, "replace {}", base);
    return {};
  }

  Result<> install(const TreeNode& node, int folder, const std::string& base, const std::string& path, const CopyOperation& operation,
                   const std::string& relative, std::size_t depth) {
    if (stop_.stop_requested()) return fail(Code::cancelled, "stopped");
    const auto mode = node.st.st_mode;
    if (S_ISSOCK(mode)) return {};
    TRY(make_room(folder, base, S_ISDIR(mode)), "/{}", path);
    if (S_ISDIR(mode)) {
      if (::mkdirat(folder, base.c_str(), 0700) != 0 && errno != EEXIST) return fail_errno(errno, "make folder /{}", path);
      const auto made = TRY(sys::openat(folder, base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
      TRY(copy_children(node, made.get(), path, operation, relative, depth + 1));
    } else if (S_ISREG(mode)) {
      if (TRY(link_again(node, folder, base, path))) return {};
      TRY(copy_file(node, folder, base), "/{}", path);
    } else if (S_ISLNK(mode)) {
      std::string target(PATH_MAX, '\0');
      const auto got = ::readlinkat(node.pin.get(), "", target.data(), target.size());
      if (got < 0) return fail_errno(errno, "read link /{}", path);
      target.resize(static_cast<std::size_t>(got));
      if (::symlinkat(target.c_str(), folder, base.c_str()) != 0) return fail_errno(errno, "make link /{}", path);
    } else if (::mknodat(folder, base.c_str(), (mode & S_IFMT) | 0600U, node.st.st_rdev) != 0) {
      return fail_errno(errno, "make device node /{}", path);
    }
    const Owner own{node.st.st_uid, node.st.st_gid};
    return set_metadata(node, folder, base, path, owner_.value_or(own), operation);
  }

  /// Names of one file stay names of one file within an operation.
  Result<bool> link_again(const TreeNode& node, int folder, const std::string& base, const std::string& path) {
    if (node.st.st_nlink < 2) return false;
    const auto [first, is_new] = links_.try_emplace({node.st.st_dev, node.st.st_ino}, path);
    if (is_new) return false;
    const auto there = TRY(look_in(root_, first->second));
    if (!there) return false;
    if (::linkat(AT_FDCWD, there->path().c_str(), folder, base.c_str(), AT_SYMLINK_FOLLOW) != 0) return fail_errno(errno, "link /{}", path);
    return true;
  }

  Result<> copy_file(const TreeNode& node, int folder, const std::string& base) const {
    const auto from = TRY(node.open());
    const auto to = TRY(sys::openat(folder, base, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
    return copy_data(from.get(), to.get(), node.st.st_size, stop_);
  }

  /// Owner first: chown(2) clears setuid bits and capabilities. Times are whole seconds, as archives have them.
  Result<> set_metadata(const TreeNode& node, int folder, const std::string& base, const std::string& path, const Owner& owner,
                        const CopyOperation& operation) const {
    TRY(change_owner(folder, base, owner), "/{}", path);
    if (!S_ISLNK(node.st.st_mode)) {
      const mode_t mode = operation.mode.value_or(node.st.st_mode & 07777U);
      if (::fchmodat(folder, base.c_str(), mode, 0) != 0) return fail_errno(errno, "change mode of /{}", path);
      TRY(copy_capability(node, path_of(folder) + "/" + base), "/{}", path);
    }
    return set_time(folder, base, operation.mtime.value_or(timespec{node.st.st_mtim.tv_sec, 0}));
  }

  static Result<> copy_capability(const TreeNode& node, const std::string& path) {
    if (!S_ISREG(node.st.st_mode)) return {};
    const auto value = TRY(node.xattr("security.capability"));
    if (!value || ::lsetxattr(path.c_str(), "security.capability", value->data(), value->size(), 0) == 0) return {};
    if (errno == ENOTSUP || errno == EPERM) return {};  // as when a layer is unpacked
    return fail_errno(errno, "set attribute security.capability");
  }

  static Result<> set_time(int folder, const std::string& base, const timespec& time) {
    const timespec times[2] = {time, time};
    if (::utimensat(folder, base.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0) return fail_errno(errno, "set time of {}", base);
    return {};
  }

  Result<> write_text(const CopyOperation& operation, int folder, const std::string& base) const {
    TRY(make_room(folder, base, false));
    const auto file = TRY(sys::openat(folder, base, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
    TRY(sys::write_all(file.get(), operation.content));
    TRY(change_owner(folder, base, owner_.value_or(Owner{})));
    if (::fchmod(file.get(), operation.mode.value_or(0644)) != 0) return fail_errno(errno, "change mode of {}", base);
    return operation.mtime ? set_time(folder, base, *operation.mtime) : Result<>{};
  }

  Result<> unpack(const CopyOperation& operation, const std::string& target) {
    const auto folder = TRY(make_folders(target, std::nullopt));
    const auto node = TRY(source_node(operation));
    const auto file = TRY(node.open());
    auto reader = TRY(TarReader::open(file.get(), {}, stop_));
    UnpackOptions options;
    options.durable = false;
    TreeWriter writer(folder.get(), options);
    while (auto entry = TRY(reader.next())) {
      if (base_name(entry->name).starts_with(".wh."))
        return fail(Code::invalid_argument, "{}: names that begin with .wh. cannot be unpacked", shown(entry->name));
      if (TRY(clean_name(entry->name, options.limits)).empty()) continue;  // the folder itself stays as it is
      if (chosen_) entry->uid = chosen_->uid, entry->gid = chosen_->gid;
      if (operation.mode) entry->mode = *operation.mode;
      TRY(writer.apply(*entry, reader));
    }
    return writer.finish();
  }

  int root_;
  const StopSource& stop_;
  std::optional<Owner> chosen_;  // by --chown
  std::optional<Owner> owner_;   // nothing: as in the source
  bool may_chown_;
  IgnoreRules rules_;
  std::map<std::pair<dev_t, ino_t>, std::string> links_;
};

}  // namespace

Result<> perform_copy(const CopyPlan& plan, int target_root, const std::optional<Owner>& owner, const StopSource& stop) {
  Installer installer(target_root, plan.keep_owner, owner, stop);
  for (const auto& operation : plan.operations) TRY(installer.run(operation), "failed to copy files");
  return {};
}

}  // namespace fulcrum::image::build
