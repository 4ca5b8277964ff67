#include "server/native/archive.h"

#include <dirent.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "base/sys.h"
#include "base/units.h"
#include "http/message.h"
#include "image/tar_writer.h"

namespace fulcrum::server::native {

namespace {

using image::TarEntry;

constexpr int kMaxDepth = 256;

std::string last_name(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  const auto slash = path.rfind('/');
  const auto name = slash == std::string::npos ? path : path.substr(slash + 1);
  return name.empty() || name == ".." ? "." : name;
}

/// The object itself (a link is not followed unless asked).
Result<UniqueFd> open_object(int root, const std::string& path, bool follow) {
  auto fd = sys::open_in_root(root, path, O_PATH | (follow ? 0 : O_NOFOLLOW));
  if (!fd && fd.error().code == Code::not_found) return fail(Code::not_found, "no such file or folder: {}", path);
  return fd;
}

Result<struct stat> status_of(int fd) {
  struct stat info{};
  if (::fstatat(fd, "", &info, AT_EMPTY_PATH) != 0) return fail_errno(errno, "stat");
  return info;
}

std::string link_target(int fd) {
  std::string target(4096, '\0');
  const auto size = ::readlinkat(fd, "", target.data(), target.size());
  target.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  return target;
}

std::string_view type_name(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG: return "file";
    case S_IFDIR: return "directory";
    case S_IFLNK: return "symlink";
    case S_IFCHR: return "char-device";
    case S_IFBLK: return "block-device";
    case S_IFIFO: return "fifo";
    case S_IFSOCK: return "socket";
    default: return "unknown";
  }
}

/// Writes objects as tar entries, folders with what is in them.
class Walker {
 public:
  explicit Walker(image::TarWriter& tar) : tar_(tar) {}

  Result<> add(int object, const std::string& name, int depth) {
    if (depth > kMaxDepth) return fail(Code::resource_exhausted, "{}: more than {} folders deep", name, kMaxDepth);
    const auto info = TRY(status_of(object));
    if (S_ISSOCK(info.st_mode)) return {};
    auto entry = TRY(make_entry(object, info, name));
    if (entry.kind == TarEntry::Kind::file) return add_file(object, entry);
    TRY(tar_.add(entry));
    return S_ISDIR(info.st_mode) ? add_children(object, name, depth) : Result<>();
  }

 private:
  static Result<TarEntry> make_entry(int object, const struct stat& info, const std::string& name) {
    TarEntry entry{
        .name = name, .mode = info.st_mode & 07777, .uid = info.st_uid, .gid = info.st_gid, .mtime = {.tv_sec = info.st_mtim.tv_sec}};
    switch (info.st_mode & S_IFMT) {
      case S_IFREG:
        entry.kind = TarEntry::Kind::file;
        entry.size = static_cast<std::uint64_t>(info.st_size);
        break;
      case S_IFDIR:
        entry.kind = TarEntry::Kind::directory;
        if (!entry.name.ends_with('/')) entry.name += '/';
        break;
      case S_IFLNK:
        entry.kind = TarEntry::Kind::symlink;
        entry.target = link_target(object);
        break;
      case S_IFIFO: entry.kind = TarEntry::Kind::fifo; break;
      default:
        entry.kind = S_ISCHR(info.st_mode) ? TarEntry::Kind::char_device : TarEntry::Kind::block_device;
        entry.device_major = major(info.st_rdev);
        entry.device_minor = minor(info.st_rdev);
    }
    return entry;
  }

  Result<> add_file(int object, const TarEntry& entry) {
    const auto file = TRY(sys::open(fmt::format("/proc/self/fd/{}", object), O_RDONLY), "{}", entry.name);
    TRY(tar_.add(entry));
    std::vector<char> buffer(256 << 10);
    std::uint64_t left = entry.size;
    while (left > 0) {  // exactly as many bytes as the header says, whatever the file does meanwhile
      const auto got = ::read(file.get(), buffer.data(), std::min<std::uint64_t>(left, buffer.size()));
      if (got < 0) return fail_errno(errno, "read {}", entry.name);
      if (got == 0) std::fill(buffer.begin(), buffer.end(), '\0');
      const auto size = got == 0 ? std::min<std::uint64_t>(left, buffer.size()) : static_cast<std::uint64_t>(got);
      TRY(tar_.write(std::string_view(buffer.data(), size)));
      left -= size;
    }
    return {};
  }

  Result<> add_children(int object, const std::string& name, int depth) {
    for (const auto& child : TRY(sys::list_directory(fmt::format("/proc/self/fd/{}/.", object)))) {
      const auto fd = sys::openat(object, child, O_PATH | O_NOFOLLOW);
      if (!fd) continue;  // gone meanwhile
      TRY(add(fd->get(), (name.ends_with('/') ? name : name + "/") + child, depth + 1));
    }
    return {};
  }

  image::TarWriter& tar_;
};

}  // namespace

Result<PathStat> stat_path(int root, const std::string& path, bool follow) {
  const auto object = TRY(open_object(root, path, follow));
  const auto info = TRY(status_of(object.get()));
  return PathStat{.name = last_name(path),
                  .mode = info.st_mode,
                  .size = info.st_size,
                  .modified = Time{std::chrono::seconds(info.st_mtim.tv_sec) + std::chrono::nanoseconds(info.st_mtim.tv_nsec)},
                  .link_target = S_ISLNK(info.st_mode) ? link_target(object.get()) : std::string()};
}

Result<std::string> follow_path(int root, const std::string& path) {
  constexpr int kMaxLinks = 40;  // as the kernel counts
  auto here = std::filesystem::path("/" + path).lexically_normal();
  for (int links = 0; links < kMaxLinks; ++links) {
    if (!here.has_filename() && here != "/") here = here.parent_path();
    const auto parent = sys::open_in_root(root, here.parent_path().string(), O_PATH | O_DIRECTORY);
    if (!parent || here == "/") return here.string();
    // As its own mount namespace names it, which is how the container does.
    const std::filesystem::path folder = TRY(sys::read_link(fmt::format("/proc/self/fd/{}", parent->get())));
    const auto object = sys::openat(parent->get(), here.filename().string(), O_PATH | O_NOFOLLOW);
    const auto target = object ? link_target(object->get()) : std::string();
    here = folder / here.filename();
    if (target.empty()) return here.string();
    here = (target.starts_with('/') ? std::filesystem::path(target) : folder / target).lexically_normal();
  }
  return fail(Code::invalid_argument, "{}: too many levels of symbolic links", path);
}

Result<std::string> path_stat_json(int root, const std::string& path, bool follow) {
  const auto info = TRY(stat_path(root, path, follow));
  return fmt::format(R"({{"name":{},"type":"{}","size":{},"mode":{},"modified":"{}","linkTarget":{}}})", http::json_quote(info.name),
                     type_name(info.mode), info.size, info.mode & 07777, format_time(info.modified), http::json_quote(info.link_target));
}

Result<> read_archive(int root, const std::string& path, bool follow, const std::function<Result<>()>& begin,
                      const std::function<Result<>(std::string_view)>& sink) {
  const auto object = TRY(open_object(root, path, follow));
  TRY(status_of(object.get()));
  TRY(begin());
  // Headers are small: a few of them go out together.
  std::string pending;
  image::TarWriter tar([&](std::string_view data) -> Result<> {
    pending += data;
    if (pending.size() < (64 << 10)) return {};
    TRY(sink(pending));
    pending.clear();
    return {};
  });
  TRY(Walker(tar).add(object.get(), last_name(path), 0));
  TRY(tar.finish());
  return pending.empty() ? Result<>() : sink(pending);
}

}  // namespace fulcrum::server::native
