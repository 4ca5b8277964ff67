#include "image/diff.h"

#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>

#include "base/sys.h"
#include "image/mount_points.h"
#include "image/tree_node.h"

namespace fulcrum::image {

namespace {

constexpr std::uint64_t kWorthwhileHoles = 64 << 10;  // bytes of holes from which a file is written as sparse
constexpr std::size_t kMaxRanges = 10'000;

std::uint32_t map_id(std::uint32_t id, const std::vector<IdRange>& map) {
  if (map.empty()) return id;
  for (const auto& range : map) {
    if (id >= range.outside && id - range.outside < range.count) return range.inside + (id - range.outside);
  }
  return 65534;
}

/// Attributes that belong to the content, not to this machine (its labels and measurements) nor to overlayfs.
bool travels(const std::string& name) {
  if (name.starts_with("trusted.overlay.") || name.starts_with("user.overlay.")) return false;
  return !name.starts_with("security.") || name == "security.capability";
}

/// The stretches of a file that have data.
std::vector<DataRange> data_ranges(int file, std::uint64_t size) {
  std::vector<DataRange> ranges;
  for (off_t at = 0; static_cast<std::uint64_t>(at) < size;) {
    const off_t start = ::lseek(file, at, SEEK_DATA);
    if (start < 0) break;  // ENXIO: holes only from here
    off_t end = ::lseek(file, start, SEEK_HOLE);
    if (end < 0) end = static_cast<off_t>(size);
    end = std::min(end, static_cast<off_t>(size));
    if (start >= end) break;
    ranges.push_back({static_cast<std::uint64_t>(start), static_cast<std::uint64_t>(end - start)});
    at = end;
  }
  return ranges;
}

class TreeReader {
 public:
  TreeReader(const Sink& sink, const TreeOptions& options, bool layer, const StopSource& stop)
      : tar_(sink), options_(options), layer_(layer), stop_(stop) {}

  Result<> run(int root) {
    auto node = TRY(TreeNode::look(root, "."));
    if (!node) return fail(Code::not_found, "the folder is gone");
    TRY(folder(*node, "./", 0));
    return tar_.finish();
  }

 private:
  Result<> folder(const TreeNode& node, const std::string& name, std::size_t depth);
  Result<> child(int parent, const std::string& base, const std::string& prefix, std::size_t depth);
  Result<> file(const TreeNode& node, TarEntry entry);
  Result<> copy(int from, const DataRange& range);
  Result<> whiteout(const std::string& name, const struct stat& st);
  Result<TarEntry> describe(const TreeNode& node, const std::string& name) const;
  Result<> refuse_foreign_state(const TreeNode& node) const;

  TarWriter tar_;
  const TreeOptions& options_;
  bool layer_;  ///< convert overlayfs's marks
  const StopSource& stop_;
  std::map<std::pair<dev_t, ino_t>, std::string> links_;
};

Result<TarEntry> TreeReader::describe(const TreeNode& node, const std::string& name) const {
  TarEntry entry{.name = name,
                 .mode = node.st.st_mode & 07777,
                 .uid = map_id(node.st.st_uid, options_.uid_map),
                 .gid = map_id(node.st.st_gid, options_.gid_map),
                 .size = static_cast<std::uint64_t>(node.st.st_size)};
  entry.mtime.tv_sec = node.st.st_mtim.tv_sec;
  if (options_.clamp_mtime) entry.mtime.tv_sec = std::min<std::int64_t>(entry.mtime.tv_sec, *options_.clamp_mtime);
  for (const auto& attribute : TRY(node.xattr_names())) {
    if (!travels(attribute)) continue;
    if (auto value = TRY(node.xattr(attribute))) entry.xattrs.emplace_back(attribute, std::move(*value));
  }
  return entry;
}

/// With these, the upper alone does not say what changed.
Result<> TreeReader::refuse_foreign_state(const TreeNode& node) const {
  for (const char* kind : {"redirect", "metacopy"}) {
    for (const char* space : {"trusted.overlay.", "user.overlay."}) {
      if (TRY(node.xattr(std::string(space) + kind))) {
        return fail(Code::unimplemented, "the overlay was mounted with {} and used it; such changes cannot become a layer", kind);
      }
    }
  }
  return {};
}

Result<> TreeReader::whiteout(const std::string& name, const struct stat& st) {
  TarEntry entry{.name = name, .mode = 0600};
  entry.mtime.tv_sec = options_.clamp_mtime ? std::min<std::int64_t>(st.st_mtim.tv_sec, *options_.clamp_mtime) : st.st_mtim.tv_sec;
  return tar_.add(entry);
}

Result<> TreeReader::folder(const TreeNode& node, const std::string& name, std::size_t depth) {
  if (depth > kMaxTreeDepth) return fail(Code::resource_exhausted, "{}…: more than {} folders deep", name.substr(0, 64), kMaxTreeDepth);
  auto entry = TRY(describe(node, name), "{}", name);
  entry.kind = TarEntry::Kind::directory;
  TRY(tar_.add(entry));
  const auto prefix = depth == 0 ? "" : name;
  if (layer_) {
    TRY(refuse_foreign_state(node), "{}", name);
    if (TRY(node.is_opaque(), "{}", name)) TRY(whiteout(prefix + ".wh..wh..opq", node.st));
  }
  const auto opened = TRY(node.open(), "{}", name);
  for (const auto& base : TRY(names_in(opened.get()), "{}", name)) TRY(child(opened.get(), base, prefix, depth));
  return {};
}

Result<> TreeReader::child(int parent, const std::string& base, const std::string& prefix, std::size_t depth) {
  if (stop_.stop_requested()) return fail(Code::cancelled, "cancelled");
  const auto found = TRY(TreeNode::look(parent, base));
  if (!found) return {};  // gone meanwhile
  const auto& node = *found;
  const auto name = prefix + base;
  if (layer_ && node.is_whiteout()) return whiteout(prefix + ".wh." + base, node.st);
  if (layer_ && options_.leave_out_mount_points && TRY(is_mount_point("/" + name, node), "{}", name)) return {};
  if (layer_ && base.starts_with(".wh.")) return fail(Code::invalid_argument, "{}: a file of this name cannot be in a layer", name);
  if (node.is_folder()) return folder(node, name + "/", depth + 1);
  auto entry = TRY(describe(node, name), "{}", name);
  if (node.st.st_nlink > 1) {
    const auto [first, inserted] = links_.try_emplace({node.st.st_dev, node.st.st_ino}, name);
    if (!inserted)
      return tar_.add({.kind = TarEntry::Kind::hardlink,
                       .name = name,
                       .target = first->second,
                       .mode = entry.mode,
                       .uid = entry.uid,
                       .gid = entry.gid,
                       .mtime = entry.mtime});
  }
  switch (node.st.st_mode & S_IFMT) {
    case S_IFREG: return file(node, std::move(entry));
    case S_IFLNK:
      entry.kind = TarEntry::Kind::symlink;
      entry.target.resize(PATH_MAX);
      {
        const auto length = ::readlinkat(node.pin.get(), "", entry.target.data(), entry.target.size());
        if (length < 0) return fail_errno(errno, "read link {}", name);
        entry.target.resize(static_cast<std::size_t>(length));
      }
      break;
    case S_IFCHR: entry.kind = TarEntry::Kind::char_device; break;
    case S_IFBLK: entry.kind = TarEntry::Kind::block_device; break;
    case S_IFIFO: entry.kind = TarEntry::Kind::fifo; break;
    default: return {};  // a socket: it means nothing without its process
  }
  entry.device_major = major(node.st.st_rdev);
  entry.device_minor = minor(node.st.st_rdev);
  return tar_.add(entry);
}

Result<> TreeReader::file(const TreeNode& node, TarEntry entry) {
  if (layer_) TRY(refuse_foreign_state(node), "{}", entry.name);
  const auto opened = TRY(node.open(), "{}", entry.name);
  const auto on_disk = static_cast<std::uint64_t>(node.st.st_blocks) * 512;
  if (on_disk + kWorthwhileHoles < entry.size) {
    const auto ranges = data_ranges(opened.get(), entry.size);
    if (ranges.size() <= kMaxRanges) {
      TRY(tar_.add_sparse(entry, ranges), "{}", entry.name);
      for (const auto& range : ranges) TRY(copy(opened.get(), range), "{}", entry.name);
      return {};
    }
  }
  TRY(tar_.add(entry), "{}", entry.name);
  TRY(copy(opened.get(), {0, entry.size}), "{}", entry.name);
  return {};
}

/// A file that shrinks meanwhile is filled up with zeros: its size has been announced.
Result<> TreeReader::copy(int from, const DataRange& range) {
  std::array<char, 128 << 10> buffer;
  for (std::uint64_t done = 0; done < range.size;) {
    if (stop_.stop_requested()) return fail(Code::cancelled, "cancelled");
    const auto want = std::min<std::uint64_t>(buffer.size(), range.size - done);
    auto got = ::pread(from, buffer.data(), want, static_cast<off_t>(range.offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno(errno, "read");
    if (got == 0) {
      std::fill_n(buffer.begin(), want, '\0');
      got = static_cast<ssize_t>(want);
    }
    TRY(tar_.write(std::string_view(buffer.data(), static_cast<std::size_t>(got))));
    done += static_cast<std::uint64_t>(got);
  }
  return {};
}

}  // namespace

Result<> write_layer(int upper, const Sink& sink, const TreeOptions& options, const StopSource& stop) {
  return TreeReader(sink, options, true, stop).run(upper);
}

Result<> write_tree(int root, const Sink& sink, const TreeOptions& options, const StopSource& stop) {
  return TreeReader(sink, options, false, stop).run(root);
}

}  // namespace fulcrum::image
