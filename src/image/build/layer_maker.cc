#include "image/build/layer_maker.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/sys.h"
#include "image/diff.h"
#include "image/tree_node.h"

namespace fulcrum::image::build {

namespace {

constexpr std::array<const char*, 6> kMountPoints = {"dev", "proc", "sys", "etc/hosts", "etc/hostname", "etc/resolv.conf"};

bool in_lowers(const std::vector<std::string>& lowers, const std::string& name) {
  return std::any_of(lowers.begin(), lowers.end(), [&](const std::string& lower) { return sys::exists(lower + "/" + name); });
}

/// Removes an empty file or folder; anything else stays.
void remove_empty(const std::string& path) {
  struct stat st{};
  if (::lstat(path.c_str(), &st) != 0) return;
  if (S_ISDIR(st.st_mode)) static_cast<void>(::rmdir(path.c_str()));
  if (S_ISREG(st.st_mode) && st.st_size == 0) static_cast<void>(::unlink(path.c_str()));
}

/// Whether a folder of the upper says nothing that the lower ones do not say: it was only copied up.
bool says_nothing(const LayerSpec& spec, const std::string& name) {
  struct stat here{};
  if (::lstat((spec.upper + "/" + name).c_str(), &here) != 0) return false;
  for (const auto& lower : spec.lowers) {
    struct stat there{};
    if (::lstat((lower + "/" + name).c_str(), &there) != 0) continue;
    return here.st_mode == there.st_mode && here.st_uid == there.st_uid && here.st_gid == there.st_gid;
  }
  return true;  // made for the mount points within
}

void remove_mount_points(const LayerSpec& spec) {
  for (const std::string name : kMountPoints) {
    if (!in_lowers(spec.lowers, name)) remove_empty(spec.upper + "/" + name);
  }
  if (says_nothing(spec, "etc")) static_cast<void>(::rmdir((spec.upper + "/etc").c_str()));
}

/// Makes a folder equal to what its tar unpacks to: sockets gone, times as written. And counts.
class Settler {
 public:
  explicit Settler(const std::optional<std::int64_t>& epoch) : epoch_(epoch) {}

  Result<std::uint64_t> run(int root) {
    TRY(folder(root, 0));
    return bytes_;
  }

 private:
  Result<> folder(int at, std::size_t depth) {
    if (depth > kMaxTreeDepth) return fail(Code::resource_exhausted, "more than {} folders deep", kMaxTreeDepth);
    for (const auto& name : TRY(names_in(at))) TRY(child(at, name, depth), "{}", name);
    struct stat st{};
    if (::fstat(at, &st) != 0) return fail_errno(errno, "stat");
    return settle_time(at, nullptr, st);
  }

  Result<> child(int at, const std::string& name, std::size_t depth) {
    struct stat st{};
    if (::fstatat(at, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) return fail_errno(errno, "stat");
    if (S_ISDIR(st.st_mode)) {
      const auto below = TRY(sys::openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
      return folder(below.get(), depth + 1);
    }
    if (S_ISSOCK(st.st_mode)) return ::unlinkat(at, name.c_str(), 0) == 0 ? Result<>() : fail_errno(errno, "remove");
    if (S_ISCHR(st.st_mode) && st.st_rdev == 0) return {};
    if (S_ISREG(st.st_mode) && (st.st_nlink == 1 || links_.insert({st.st_dev, st.st_ino}).second))
      bytes_ += std::min<std::uint64_t>(static_cast<std::uint64_t>(st.st_size), static_cast<std::uint64_t>(st.st_blocks) * 512);
    return settle_time(at, name.c_str(), st);
  }

  Result<> settle_time(int at, const char* name, const struct stat& st) const {
    const bool late = epoch_ && st.st_mtim.tv_sec >= *epoch_;
    const std::array<timespec, 2> times = {timespec{.tv_sec = 0, .tv_nsec = UTIME_OMIT},
                                           timespec{.tv_sec = late ? *epoch_ : st.st_mtim.tv_sec, .tv_nsec = 0}};
    if (st.st_mtim.tv_sec == times[1].tv_sec && st.st_mtim.tv_nsec == 0) return {};
    const int status = name == nullptr ? ::futimens(at, times.data()) : ::utimensat(at, name, times.data(), AT_SYMLINK_NOFOLLOW);
    return status == 0 ? Result<>() : fail_errno(errno, "set time");
  }

  const std::optional<std::int64_t>& epoch_;
  std::set<std::pair<dev_t, ino_t>> links_;
  std::uint64_t bytes_ = 0;
};

Result<BuiltLayer> write_tar(const ImageStore& store, int upper, const LayerSpec& spec, Lease& lease, const StopSource& stop) {
  auto writer = TRY(store.content().writer({}));
  const Sink sink = [&](std::string_view data) { return writer.write(data); };
  TRY(write_layer(upper, sink, {.clamp_mtime = spec.epoch}, stop));
  BuiltLayer layer{.diff_id = writer.seal(), .size = writer.offset()};
  lease.protect(layer.diff_id);
  TRY(writer.commit());
  return layer;
}

}  // namespace

std::span<const char* const> mount_points() { return kMountPoints; }

Result<std::optional<BuiltLayer>> make_layer(const ImageStore& store, const LayerSpec& spec, Lease& lease, const StopSource& stop) {
  if (spec.mount_points) remove_mount_points(spec);
  const auto upper = TRY(sys::open(spec.upper, O_RDONLY | O_DIRECTORY), "make layer");
  const auto root = TRY(TreeNode::look(upper.get(), "."), "make layer");
  if (TRY(names_in(upper.get())).empty() && !(root && TRY(root->is_opaque()))) return std::nullopt;
  const auto disk_bytes = TRY(Settler(spec.epoch).run(upper.get()), "make layer");
  auto layer = TRY(write_tar(store, upper.get(), spec, lease, stop), "make layer");
  layer.disk_bytes = disk_bytes;
  const auto adopted = store.layers().adopt(spec.upper, layer.diff_id, layer.disk_bytes, true);
  if (!adopted && adopted.error().sys_errno == EXDEV) {  // workloads and images lie on different file systems
    const auto blob = TRY(store.content().open(layer.diff_id));
    TRY(store.layers().unpack(blob.get(), layer.diff_id, {}, stop));
  } else if (!adopted) {
    return std::unexpected(adopted.error());
  }
  return layer;
}

}  // namespace fulcrum::image::build
