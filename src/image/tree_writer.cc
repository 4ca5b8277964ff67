#include "image/tree_writer.h"

#include <fcntl.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <unordered_set>

#include "base/sys.h"

namespace fulcrum::image {

namespace {

constexpr std::string_view kWhiteout = ".wh.";
constexpr std::string_view kOpaque = ".wh..wh..opq";
constexpr std::string_view kAufsMetadata = ".wh..wh.";

std::string folder_of(const std::string& name) {
  const auto slash = name.rfind('/');
  return slash == std::string::npos ? "" : name.substr(0, slash);
}
std::string base_of(const std::string& name) { return name.substr(name.rfind('/') + 1); }

bool is_whiteout(const struct stat& st) { return S_ISCHR(st.st_mode) && st.st_rdev == 0; }

/// What is at a name; nothing when there is nothing.
Result<std::optional<struct stat>> look(int folder, const std::string& base) {
  struct stat st{};
  if (::fstatat(folder, base.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0) return st;
  if (errno == ENOENT) return std::nullopt;
  return fail_errno(errno, "stat {}", base);
}

/// overlayfs keeps its own state in these; an image must not forge it.
bool is_overlay_private(std::string_view name) { return name.starts_with("trusted.overlay.") || name.starts_with("user.overlay."); }

}  // namespace

Result<std::string> clean_name(const std::string& name, const UnpackLimits& limits) {
  const auto shown = std::string_view(name).substr(0, 256);
  if (name.size() > limits.max_path) return fail(Code::resource_exhausted, "{}…: name of more than {} bytes", shown, limits.max_path);
  std::vector<std::string_view> parts;
  for (std::size_t at = 0; at <= name.size();) {
    const auto end = std::min(name.find('/', at), name.size());
    const auto part = std::string_view(name).substr(at, end - at);
    at = end + 1;
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      parts.push_back(part);
    } else if (parts.empty()) {
      return fail(Code::invalid_argument, "\"{}\" leads out of the layer", shown);
    } else {
      parts.pop_back();
    }
  }
  if (parts.size() > limits.max_depth) return fail(Code::resource_exhausted, "{}…: more than {} folders deep", shown, limits.max_depth);
  std::string out;
  for (const auto part : parts) {
    if (!out.empty()) out += '/';
    out += part;
  }
  return out;
}

// ---- folders ----

Result<> TreeWriter::step_into(UniqueFd& at, const std::string& so_far, const std::string& component) {
  const auto there = TRY(look(at.get(), component));
  const bool hidden = there && is_whiteout(*there);
  if (hidden && ::unlinkat(at.get(), component.c_str(), 0) != 0) return fail_errno(errno, "remove {}", so_far);
  if (!there || hidden) {
    if (::mkdirat(at.get(), component.c_str(), 0755) != 0) return fail_errno(errno, "make folder {}", so_far);
  }
  auto next = TRY(sys::open_in_root(root_, so_far, O_PATH | O_DIRECTORY));
  if (!there || hidden) {
    const auto path = "/proc/self/fd/" + std::to_string(next.get());
    if (::chmod(path.c_str(), 0755) != 0) return fail_errno(errno, "chmod {}", so_far);
    if (hidden) TRY(make_opaque(path));
  }
  at = std::move(next);
  return {};
}

/// Folders that the archive did not list (it need not) are 0755 and belong to the caller.
Result<> TreeWriter::make_parents(const std::string& folder) {
  auto at = TRY(sys::open_in_root(root_, ".", O_PATH | O_DIRECTORY));
  for (std::size_t end = 0; end != std::string::npos;) {
    const auto start = end == 0 ? 0 : end + 1;
    end = folder.find('/', start);
    const auto component = folder.substr(start, end == std::string::npos ? end : end - start);
    TRY(step_into(at, folder.substr(0, end), component));
  }
  parent_ = std::move(at);
  return {};
}

/// Makes a folder the current one, with its parents. False: a part of the path is something else, or a link to nowhere.
Result<bool> TreeWriter::enter(const std::string& folder) {
  if (parent_.valid() && parent_name_ == folder) return true;
  parent_.reset();
  auto opened = sys::open_in_root(root_, folder.empty() ? "." : folder, O_PATH | O_DIRECTORY);
  if (opened) {
    parent_ = std::move(*opened);
  } else {
    const int error = opened.error().sys_errno;
    if (error != ENOENT && error != ENOTDIR) return std::unexpected(opened.error());
    if (auto made = make_parents(folder); !made) {
      const int why = made.error().sys_errno;
      if (why == ENOTDIR || why == EEXIST || why == ENOENT || why == ELOOP) return false;
      return std::unexpected(made.error());
    }
  }
  parent_name_ = folder;
  return true;
}

Result<> TreeWriter::make_opaque(const std::string& path) {
  const char* name = options_.user_xattr ? "user.overlay.opaque" : "trusted.overlay.opaque";
  if (::setxattr(path.c_str(), name, "y", 1, 0) != 0) return fail_errno(errno, "mark opaque folder ({})", name);
  return {};
}

// ---- entries ----

Result<> TreeWriter::apply(const TarEntry& entry, TarReader& reader) {
  if (++stats_.entries > options_.limits.max_entries) {
    return fail(Code::resource_exhausted, "layer has more than {} entries", options_.limits.max_entries);
  }
  const auto name = TRY(clean_name(entry.name, options_.limits));
  if (name.empty()) {
    if (entry.kind != TarEntry::Kind::directory) return fail(Code::invalid_argument, "\"{}\": the root must be a folder", entry.name);
    TRY(enter(""));
    return set_metadata(entry, ".");
  }
  const auto base = base_of(name);
  if (base.size() > 255 + kWhiteout.size()) return fail(Code::invalid_argument, "{}…: name too long", base.substr(0, 64));
  if (!TRY(enter(folder_of(name)), "{}", name)) {
    // Below a file there is nothing to hide; umoci writes such whiteouts where a folder became a file.
    if (base.starts_with(kWhiteout)) return {};
    return fail(Code::invalid_argument, "{}: a part of this path is not a folder", name);
  }
  if (base.starts_with(kWhiteout)) {
    TRY(apply_whiteout(entry, base), "{}", name);
  } else {
    TRY(create(entry, base, reader), "{}", name);
  }
  return {};
}

Result<> TreeWriter::apply_whiteout(const TarEntry& entry, const std::string& base) {
  if (base == kOpaque) return make_opaque("/proc/self/fd/" + std::to_string(parent_.get()));
  if (base.starts_with(kAufsMetadata)) return {};  // aufs' own files; they name nothing in the image
  const auto hidden = base.substr(kWhiteout.size());
  if (hidden.empty() || hidden == "." || hidden == "..") return fail(Code::invalid_argument, "not a valid whiteout");
  const auto there = TRY(look(parent_.get(), hidden));
  if (there) {
    // A whiteout hides what lower layers have, never what its own layer has: such a folder hides its namesake's content.
    return S_ISDIR(there->st_mode) ? make_opaque(here(hidden)) : Result<>();
  }
  if (::mknodat(parent_.get(), hidden.c_str(), S_IFCHR, 0) != 0) return fail_errno(errno, "make whiteout");
  const struct timespec times[2] = {entry.mtime, entry.mtime};  // so that the layer can be written again as it was
  if (::utimensat(parent_.get(), hidden.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0) return fail_errno(errno, "set time");
  return {};
}

/// Removes what stands where the entry goes. True: a whiteout stood there.
Result<bool> TreeWriter::make_room(const TarEntry& entry, const std::string& base) {
  const auto there = TRY(look(parent_.get(), base));
  if (!there) return false;
  const bool folder_there = S_ISDIR(there->st_mode);
  if (folder_there && entry.kind == TarEntry::Kind::directory) return false;
  if (folder_there) {
    TRY(sys::remove_tree(here(base)));
  } else if (::unlinkat(parent_.get(), base.c_str(), 0) != 0) {
    return fail_errno(errno, "replace");
  }
  return is_whiteout(*there);
}

Result<> TreeWriter::create(const TarEntry& entry, const std::string& base, TarReader& reader) {
  if (entry.kind == TarEntry::Kind::hardlink) return create_hardlink(entry, base);
  const bool hidden = TRY(make_room(entry, base));
  switch (entry.kind) {
    case TarEntry::Kind::file: return create_file(entry, base, reader);
    case TarEntry::Kind::directory:
      if (::mkdirat(parent_.get(), base.c_str(), 0700) != 0 && errno != EEXIST) return fail_errno(errno, "make folder");
      if (hidden) TRY(make_opaque(here(base)));
      break;
    case TarEntry::Kind::symlink:
      if (entry.target.empty()) return fail(Code::invalid_argument, "symbolic link without a target");
      if (::symlinkat(entry.target.c_str(), parent_.get(), base.c_str()) != 0) return fail_errno(errno, "make symbolic link");
      break;
    case TarEntry::Kind::char_device:
    case TarEntry::Kind::block_device:
      if (options_.allow_devices && options_.skip_devices) {
        ++stats_.skipped_devices;
        return {};
      }
      [[fallthrough]];
    case TarEntry::Kind::fifo: TRY(create_node(entry, base)); break;
    case TarEntry::Kind::hardlink: break;
  }
  return set_metadata(entry, base);
}

Result<> TreeWriter::create_file(const TarEntry& entry, const std::string& base, TarReader& reader) {
  if (entry.size > options_.limits.max_file_bytes) {
    return fail(Code::resource_exhausted, "file of {} bytes is larger than the limit of {}", entry.size, options_.limits.max_file_bytes);
  }
  auto file = TRY(sys::openat(parent_.get(), base, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  TRY(copy_data(entry, file.get(), reader));
  file.reset();
  return set_metadata(entry, base);
}

Result<> TreeWriter::copy_data(const TarEntry& entry, int file, TarReader& reader) {
  std::uint64_t end = 0;
  while (const auto piece = TRY(reader.block())) {
    auto data = piece->data;
    auto at = piece->offset;
    if (at > entry.size || data.size() > entry.size - at) return fail(Code::data_loss, "data past the file's end");
    while (!data.empty()) {
      const auto put = ::pwrite(file, data.data(), data.size(), static_cast<off_t>(at));
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return fail_errno(errno, "write");
      at += static_cast<std::uint64_t>(put);
      data.remove_prefix(static_cast<std::size_t>(put));
      stats_.disk_bytes += static_cast<std::uint64_t>(put);
    }
    end = std::max(end, at);
  }
  if (end < entry.size && ::ftruncate(file, static_cast<off_t>(entry.size)) != 0) return fail_errno(errno, "extend");
  return {};
}

Result<> TreeWriter::create_hardlink(const TarEntry& entry, const std::string& base) {
  const auto target = TRY(clean_name(entry.target, options_.limits), "hard link");
  if (target.empty()) return fail(Code::invalid_argument, "hard link to the root");
  const auto target_folder = folder_of(target);
  auto folder = sys::open_in_root(root_, target_folder.empty() ? "." : target_folder, O_PATH | O_DIRECTORY);
  const auto missing = [&] { return fail(Code::invalid_argument, "hard link to {}, which this layer does not have", target); };
  if (!folder) return missing();
  const auto source = TRY(look(folder->get(), base_of(target)));
  if (!source || is_whiteout(*source)) return missing();
  if (S_ISDIR(source->st_mode)) return fail(Code::invalid_argument, "hard link to {}, which is a folder", target);
  const auto there = TRY(look(parent_.get(), base));
  if (there && there->st_ino == source->st_ino && there->st_dev == source->st_dev) return {};  // it is that link already
  TRY(make_room(entry, base));
  if (::linkat(folder->get(), base_of(target).c_str(), parent_.get(), base.c_str(), 0) != 0) {
    return fail_errno(errno, "make hard link to {}", target);
  }
  return {};
}

Result<> TreeWriter::create_node(const TarEntry& entry, const std::string& base) {
  const bool fifo = entry.kind == TarEntry::Kind::fifo;
  if (!fifo && !options_.allow_devices) return fail(Code::permission_denied, "device nodes are not allowed in this layer");
  const mode_t type = fifo ? S_IFIFO : entry.kind == TarEntry::Kind::char_device ? S_IFCHR : S_IFBLK;
  const dev_t device = fifo ? 0 : makedev(entry.device_major, entry.device_minor);
  if (::mknodat(parent_.get(), base.c_str(), type | 0600, device) != 0) return fail_errno(errno, "make device node");
  return {};
}

// ---- metadata ----

Result<> TreeWriter::set_xattrs(const TarEntry& entry, const std::string& path) {
  for (const auto& [name, value] : entry.xattrs) {
    if (is_overlay_private(name)) {
      ++stats_.skipped_xattrs;
      continue;
    }
    if (::lsetxattr(path.c_str(), name.c_str(), value.data(), value.size(), 0) == 0) continue;
    // The file system, this kind of file or this caller cannot have the attribute: counted, not fatal, as tar and Docker do.
    if (errno != ENOTSUP && errno != EPERM) return fail_errno(errno, "set attribute {}", name);
    ++stats_.skipped_xattrs;
  }
  return {};
}

/// Owner first: chown(2) clears setuid bits and capabilities.
Result<> TreeWriter::set_metadata(const TarEntry& entry, const std::string& base) {
  const int at = parent_.get();
  if (options_.keep_owner && ::fchownat(at, base.c_str(), entry.uid, entry.gid, AT_SYMLINK_NOFOLLOW) != 0) {
    return fail_errno(errno, "change owner to {}:{}", entry.uid, entry.gid);
  }
  if (entry.kind == TarEntry::Kind::directory) {
    // Mode and time wait until nothing is put into the folder any more.
    folders_.push_back({parent_name_.empty() ? base : parent_name_ + "/" + base, entry.mode, entry.mtime});
    return set_xattrs(entry, here(base));
  }
  if (entry.kind != TarEntry::Kind::symlink && ::fchmodat(at, base.c_str(), entry.mode, 0) != 0) return fail_errno(errno, "change mode");
  TRY(set_xattrs(entry, here(base)));
  const struct timespec times[2] = {entry.mtime, entry.mtime};
  if (::utimensat(at, base.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0) return fail_errno(errno, "set time");
  return {};
}

Result<> TreeWriter::finish() {
  // Deepest last entries first, so that a folder closed to its owner does not hide the ones below.
  std::unordered_set<std::string_view> done;
  for (auto folder = folders_.rbegin(); folder != folders_.rend(); ++folder) {
    if (!done.insert(folder->name).second) continue;  // listed twice: the last entry counts
    const auto opened = sys::open_in_root(root_, folder->name, O_PATH | O_DIRECTORY | O_NOFOLLOW);
    if (!opened) continue;  // replaced by a later entry
    const auto path = "/proc/self/fd/" + std::to_string(opened->get());
    if (::chmod(path.c_str(), folder->mode) != 0) return fail_errno(errno, "{}: change mode", folder->name);
    const struct timespec times[2] = {folder->mtime, folder->mtime};
    if (::utimensat(AT_FDCWD, path.c_str(), times, 0) != 0) return fail_errno(errno, "{}: set time", folder->name);
  }
  return {};
}

}  // namespace fulcrum::image
