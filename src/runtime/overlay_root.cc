#include "runtime/overlay_root.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/fsuid.h>
#include <unistd.h>

#include "base/sys.h"
#include "os/capabilities.h"
#include "os/mount.h"
#include "os/user_namespace.h"
#include "schema/schema.h"

namespace fulcrum::schema {

using fulcrum::runtime::OverlayRoot;

inline std::optional<std::string> absolute_layer(const std::string& path) {
  return path.starts_with('/') ? std::nullopt : std::optional<std::string>("must be an absolute path");
}

template <>
struct Schema<OverlayRoot> {
  static constexpr std::string_view name = "OverlayRoot";
  static constexpr std::string_view doc = "Layers of the root file system that the runtime mounts.";
  static constexpr auto fields = std::tuple{
      required("lower", &OverlayRoot::lower, "Read-only layers, the topmost first.", not_empty()),
      optional("upper", &OverlayRoot::upper, "Where changes go; absent: the root is read-only.", satisfies(absolute_layer)),
      optional("work", &OverlayRoot::work, "An empty folder on the same file system as upper.", satisfies(absolute_layer)),
  };
};

}  // namespace fulcrum::schema

namespace fulcrum::runtime {
namespace {

constexpr std::size_t kMaxLayers = 500;  // overlayfs itself takes no more

/// A private copy of a layer's mount, seen through the id map of a user namespace.
Result<UniqueFd> idmapped_layer(const std::string& path, int user_namespace) {
  auto tree = TRY(os::clone_tree(AT_FDCWD, path, false));
  const os::MountAttributes map{.set = MOUNT_ATTR_IDMAP, .propagation = MS_PRIVATE, .user_namespace = user_namespace};
  TRY(os::set_attributes(tree.get(), map, false), "idmapped layers are not possible on the file system of {}", path);
  return tree;
}

/// By descriptor where the kernel takes that (6.13), by the descriptor's path before.
Result<> set_layer(os::FileSystemContext& fs, const std::string& key, int fd) {
  if (fs.set_fd(key, fd)) return {};
  return fs.set(key, os::fd_path(fd));
}

std::string folder_of(const std::string& path) { return path.substr(0, path.rfind('/')); }
std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

/// upper and work must be seen through one mount: the folder that holds both is cloned.
Result<> set_idmapped_upper(os::FileSystemContext& fs, const OverlayRoot& overlay, int user_namespace, std::vector<UniqueFd>& keep) {
  if (folder_of(overlay.upper) != folder_of(overlay.work)) {
    return fail(Code::invalid_argument, "annotation {}: upper and work must be in one folder", kRootfsAnnotation);
  }
  keep.push_back(TRY(idmapped_layer(folder_of(overlay.upper) + "/", user_namespace)));
  const int folder = keep.back().get();
  keep.push_back(TRY(sys::openat(folder, name_of(overlay.upper), O_PATH | O_DIRECTORY | O_NOFOLLOW)));
  TRY(set_layer(fs, "upperdir", keep.back().get()));
  keep.push_back(TRY(sys::openat(folder, name_of(overlay.work), O_PATH | O_DIRECTORY | O_NOFOLLOW)));
  return set_layer(fs, "workdir", keep.back().get());
}

Result<> set_layers(os::FileSystemContext& fs, const OverlayRoot& overlay, int user_namespace, std::vector<UniqueFd>& keep) {
  for (const auto& layer : overlay.lower) {
    if (user_namespace < 0) {
      TRY(fs.set("lowerdir+", layer));
      continue;
    }
    keep.push_back(TRY(idmapped_layer(layer, user_namespace)));
    TRY(set_layer(fs, "lowerdir+", keep.back().get()));
  }
  if (overlay.upper.empty()) return {};
  if (user_namespace >= 0) return set_idmapped_upper(fs, overlay, user_namespace, keep);
  TRY(fs.set("upperdir", overlay.upper));
  return fs.set("workdir", overlay.work);
}

}  // namespace

Result<std::optional<OverlayRoot>> parse_overlay_root(const std::map<std::string, std::string>& annotations) {
  const auto found = annotations.find(kRootfsAnnotation);
  if (found == annotations.end()) return std::optional<OverlayRoot>();
  auto overlay = TRY(schema::decode_text<OverlayRoot>(found->second), "annotation {}", kRootfsAnnotation);
  if (overlay.upper.empty() != overlay.work.empty()) {
    return fail(Code::invalid_argument, "annotation {}: upper and work belong together", kRootfsAnnotation);
  }
  if (overlay.lower.size() > kMaxLayers)
    return fail(Code::resource_exhausted, "annotation {}: more than {} layers", kRootfsAnnotation, kMaxLayers);
  for (const auto& layer : overlay.lower) {
    if (!layer.starts_with('/'))
      return fail(Code::invalid_argument, "annotation {}: lower: {:?} is not absolute", kRootfsAnnotation, layer);
  }
  return std::optional<OverlayRoot>(std::move(overlay));
}

namespace {

Result<UniqueFd> mount_overlay(const OverlayRoot& overlay, int user_namespace, bool unprivileged) {
  auto fs = TRY(os::FileSystemContext::open("overlay"));
  std::vector<UniqueFd> keep;  // until the superblock holds them
  // What /proc/mounts names as the device.
  TRY(fs.set("source", "fulcrum"));
  // trusted.* attributes are for the host's root only.
  if (unprivileged || os::in_user_namespace()) TRY(fs.set_flag("userxattr"));
  TRY(set_layers(fs, overlay, user_namespace, keep));
  return fs.mount(overlay.upper.empty() ? MOUNT_ATTR_RDONLY : 0);
}

/// One read-only layer needs no overlay at all (overlayfs wants two).
Result<UniqueFd> mount_single(const std::string& layer, int user_namespace) {
  auto tree = user_namespace >= 0 ? idmapped_layer(layer, user_namespace) : os::clone_tree(AT_FDCWD, layer, false);
  if (!tree) return tree;
  TRY(os::set_attributes(tree->get(), {.set = MOUNT_ATTR_RDONLY, .propagation = MS_PRIVATE}, false));
  return tree;
}

/// overlayfs works on its layers with the identity of whoever mounted it. Through idmapped layers that must be somebody whom the map
/// knows: the container's root, yet with the capabilities of the host's (which a change of the file system uid takes away).
class ActAs {
 public:
  explicit ActAs(const OverlayOwner& owner) {
    ::setfsgid(owner.gid);
    ::setfsuid(owner.uid);
    raise();
  }
  ActAs(const ActAs&) = delete;
  ActAs& operator=(const ActAs&) = delete;
  ~ActAs() {
    ::setfsuid(::geteuid());
    ::setfsgid(::getegid());
    raise();
  }

 private:
  static void raise() { (void)os::raise_permitted_capabilities(); }
};

}  // namespace

Result<UniqueFd> mount_overlay_root(const OverlayRoot& overlay, const OverlayOwner* owner) {
  const int user_namespace = owner != nullptr ? owner->user_namespace : -1;
  if (overlay.upper.empty() && overlay.lower.size() == 1) return TRY(mount_single(overlay.lower[0], user_namespace), "mount root");
  if (owner == nullptr) return TRY(mount_overlay(overlay, -1, false), "mount root");
  if (user_namespace < 0) return TRY(mount_overlay(overlay, -1, true), "mount root");
  const ActAs root(*owner);
  return TRY(mount_overlay(overlay, user_namespace, false), "mount root");
}

}  // namespace fulcrum::runtime
