// A tar into a folder of a root.
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "base/scope_exit.h"
#include "base/sys.h"
#include "image/layer_store.h"
#include "image/tar_reader.h"
#include "image/tree_writer.h"
#include "server/native/archive.h"

namespace fulcrum::server::native {

namespace {

using image::TarEntry;

class Unpacker {
 public:
  Unpacker(int root, std::string folder, const WriteOptions& options) : root_(root), folder_(std::move(folder)), options_(options) {}

  Result<> apply(const TarEntry& entry, image::TarReader& reader) {
    const auto name = TRY(image::clean_name(entry.name, {}));
    if (name.empty()) return {};  // the folder itself stays as it is
    const auto slash = name.rfind('/');
    const auto parent_name = slash == std::string::npos ? std::string() : name.substr(0, slash);
    const auto base = slash == std::string::npos ? name : name.substr(slash + 1);
    const auto parent = TRY(open_parent(parent_name));
    if (!TRY(make_room(parent.get(), base, entry))) return {};
    TRY(create(parent.get(), base, entry, reader), "{}", name);
    return set_metadata(parent.get(), base, entry);
  }

 private:
  /// The folder of an entry, made when the tar does not say it. Resolved anew each time, below the root.
  Result<UniqueFd> open_parent(const std::string& name) {
    const auto path = folder_ + "/" + name;
    auto opened = sys::open_in_root(root_, path, O_PATH | O_DIRECTORY);
    if (opened || opened.error().code != Code::not_found || name.empty()) return opened;
    const auto slash = name.rfind('/');
    const auto above = TRY(open_parent(slash == std::string::npos ? std::string() : name.substr(0, slash)));
    const auto base = slash == std::string::npos ? name : name.substr(slash + 1);
    if (::mkdirat(above.get(), base.c_str(), 0755) != 0 && errno != EEXIST) return fail_errno(errno, "mkdir {}", name);
    return sys::open_in_root(root_, path, O_PATH | O_DIRECTORY);
  }

  /// Removes what stands in the way. False: the entry is a folder that is there already.
  Result<bool> make_room(int parent, const std::string& base, const TarEntry& entry) {
    struct stat info{};
    if (::fstatat(parent, base.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) return true;
      return fail_errno(errno, "stat {}", entry.name);
    }
    const bool is_folder = S_ISDIR(info.st_mode);
    const bool wants_folder = entry.kind == TarEntry::Kind::directory;
    if (is_folder && wants_folder) return false;
    if (is_folder != wants_folder && options_.no_overwrite_dir_non_dir)
      return fail(Code::failed_precondition, "{}: a {} is there already", entry.name, is_folder ? "folder" : "file");
    if (is_folder) return fail(Code::failed_precondition, "{}: a folder is there already", entry.name);
    if (::unlinkat(parent, base.c_str(), 0) != 0 && errno != ENOENT) return fail_errno(errno, "replace {}", entry.name);
    return true;
  }

  Result<> create(int parent, const std::string& base, const TarEntry& entry, image::TarReader& reader) {
    switch (entry.kind) {
      case TarEntry::Kind::file: return create_file(parent, base, reader);
      case TarEntry::Kind::directory: return ::mkdirat(parent, base.c_str(), 0700) == 0 ? Result<>() : fail_errno(errno, "mkdir");
      case TarEntry::Kind::symlink:
        return ::symlinkat(entry.target.c_str(), parent, base.c_str()) == 0 ? Result<>() : fail_errno(errno, "symlink");
      case TarEntry::Kind::hardlink: {
        const auto target = TRY(sys::open_in_root(root_, folder_ + "/" + TRY(image::clean_name(entry.target, {})), O_PATH | O_NOFOLLOW));
        const auto path = fmt::format("/proc/self/fd/{}", target.get());
        return ::linkat(AT_FDCWD, path.c_str(), parent, base.c_str(), AT_SYMLINK_FOLLOW) == 0 ? Result<>() : fail_errno(errno, "link");
      }
      case TarEntry::Kind::char_device:
      case TarEntry::Kind::block_device:
      case TarEntry::Kind::fifo: {
        const mode_t type = entry.kind == TarEntry::Kind::fifo ? S_IFIFO : entry.kind == TarEntry::Kind::char_device ? S_IFCHR : S_IFBLK;
        return ::mknodat(parent, base.c_str(), type | 0600, makedev(entry.device_major, entry.device_minor)) == 0
                   ? Result<>()
                   : fail_errno(errno, "mknod");
      }
    }
    return fail(Code::internal, "unknown kind of entry");
  }

  static Result<> create_file(int parent, const std::string& base, image::TarReader& reader) {
    const auto file = TRY(sys::openat(parent, base, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
    std::uint64_t end = 0;
    while (const auto block = TRY(reader.block())) {
      std::string_view data = block->data;
      auto offset = block->offset;
      while (!data.empty()) {
        const auto written = ::pwrite(file.get(), data.data(), data.size(), static_cast<off_t>(offset));
        if (written < 0) return fail_errno(errno, "write");
        data.remove_prefix(static_cast<std::size_t>(written));
        offset += static_cast<std::uint64_t>(written);
      }
      end = std::max(end, offset);
    }
    return {};
  }

  Result<> set_metadata(int parent, const std::string& base, const TarEntry& entry) {
    if (entry.kind == TarEntry::Kind::hardlink) return {};
    const auto [uid, gid] = options_.owner.value_or(std::pair<uid_t, gid_t>(entry.uid, entry.gid));
    if ((options_.keep_owner || options_.owner) && ::fchownat(parent, base.c_str(), uid, gid, AT_SYMLINK_NOFOLLOW) != 0)
      return fail_errno(errno, "chown {}", entry.name);
    const auto object = TRY(sys::openat(parent, base, O_PATH | O_NOFOLLOW));
    const auto path = fmt::format("/proc/self/fd/{}", object.get());
    if (entry.kind == TarEntry::Kind::file) {
      if (::truncate(path.c_str(), static_cast<off_t>(entry.size)) != 0) return fail_errno(errno, "truncate {}", entry.name);
      for (const auto& [name, value] : entry.xattrs)
        if (::setxattr(path.c_str(), name.c_str(), value.data(), value.size(), 0) != 0 && errno != ENOTSUP)
          return fail_errno(errno, "set {} of {}", name, entry.name);
    }
    if (entry.kind != TarEntry::Kind::symlink && ::chmod(path.c_str(), entry.mode & 07777) != 0)
      return fail_errno(errno, "chmod {}", entry.name);
    const struct timespec times[2] = {entry.mtime, entry.mtime};
    if (::utimensat(parent, base.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0) return fail_errno(errno, "set the time of {}", entry.name);
    return {};
  }

  int root_;
  std::string folder_;
  const WriteOptions& options_;
};

/// Moves the body into a socket for the reader, on a thread of its own.
class BodyPump {
 public:
  using Read = std::function<Result<std::size_t>(char*, std::size_t)>;
  BodyPump(UniqueFd to, const Read& read) : to_(std::move(to)), read_(read), thread_([this] { run(); }) {}
  /// What the body ended with. The other end must be closed by now.
  Result<> join() {
    thread_.join();
    return std::move(result_);
  }

 private:
  void run() {
    std::vector<char> buffer(128 << 10);
    for (;;) {
      const auto got = read_(buffer.data(), buffer.size());
      if (!got) result_ = std::unexpected(got.error());
      if (!got || *got == 0) break;
      std::string_view data(buffer.data(), *got);
      while (!data.empty()) {
        const auto sent = ::send(to_.get(), data.data(), data.size(), MSG_NOSIGNAL);
        if (sent < 0) return;  // the reader gave up, and says why
        data.remove_prefix(static_cast<std::size_t>(sent));
      }
    }
    to_.reset();
  }
  UniqueFd to_;
  const Read& read_;
  Result<> result_;
  std::thread thread_;
};

Result<> unpack(int fd, Unpacker& unpacker) {
  image::TarLimits limits;
  auto reader = TRY(image::TarReader::open(fd, limits, StopSource::never()));
  while (const auto entry = TRY(reader.next())) TRY(unpacker.apply(*entry, reader));
  TRY(reader.finish());
  return {};
}

}  // namespace

Result<> write_archive(int root, const std::string& path, const WriteOptions& options,
                       const std::function<Result<std::size_t>(char*, std::size_t)>& read) {
  const auto folder = sys::open_in_root(root, path, O_PATH | O_DIRECTORY);
  if (!folder) {
    if (folder.error().code == Code::not_found) return fail(Code::not_found, "no such folder: {}", path);
    return std::unexpected(folder.error());
  }
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return fail_errno(errno, "socketpair");
  UniqueFd source(ends[0]);
  BodyPump pump(UniqueFd(ends[1]), read);
  Unpacker unpacker(root, path, options);
  auto unpacked = unpack(source.get(), unpacker);
  source.reset();
  const auto body = pump.join();
  if (!body) return body;  // a cut upload explains a tar that ends early
  return unpacked;
}

}  // namespace fulcrum::server::native
