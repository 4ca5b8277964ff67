#include "base/sys.h"

#include <dirent.h>
#include <linux/openat2.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

namespace fulcrum::sys {
namespace {

template <class F>
auto retry(F call) {
  decltype(call()) r;
  do {
    r = call();
  } while (r < 0 && errno == EINTR);
  return r;
}

struct DirCloser {
  void operator()(DIR* d) const { ::closedir(d); }
};
using Dir = std::unique_ptr<DIR, DirCloser>;

Result<Dir> open_directory_stream(int dirfd, const std::string& path) {
  auto fd = TRY(openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  DIR* d = ::fdopendir(fd.get());
  if (d == nullptr) return fail_errno(errno, "open folder {}", path);
  (void)fd.release();  // owned by the stream now
  return Dir(d);
}

Result<std::vector<std::string>> names(const Dir& dir, const std::string& path) {
  std::vector<std::string> out;
  for (;;) {
    errno = 0;
    const dirent* e = ::readdir(dir.get());
    if (e == nullptr) {
      if (errno != 0) return fail_errno(errno, "read folder {}", path);
      std::ranges::sort(out);
      return out;
    }
    const std::string_view name = e->d_name;
    if (name != "." && name != "..") out.emplace_back(name);
  }
}

Result<> remove_entry(int dirfd, const std::string& name, const std::string& shown, dev_t device) {
  struct stat st;
  if (::fstatat(dirfd, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0) {
    if (errno == ENOENT) return {};
    return fail_errno(errno, "remove {}", shown);
  }
  if (!S_ISDIR(st.st_mode)) {
    if (::unlinkat(dirfd, name.c_str(), 0) < 0 && errno != ENOENT) return fail_errno(errno, "remove {}", shown);
    return {};
  }
  if (st.st_dev != device) return fail(Code::failed_precondition, "remove {}: something is mounted there", shown);
  {
    auto dir = TRY(open_directory_stream(dirfd, name), "remove {}", shown);
    for (const auto& child : TRY(names(dir, shown))) TRY(remove_entry(::dirfd(dir.get()), child, shown + "/" + child, device));
  }
  if (::unlinkat(dirfd, name.c_str(), AT_REMOVEDIR) < 0 && errno != ENOENT) return fail_errno(errno, "remove {}", shown);
  return {};
}

std::string parent_of(const std::string& path) {
  const auto slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

Result<UniqueFd> open(const std::string& path, int flags, mode_t mode) { return openat(AT_FDCWD, path, flags, mode); }

Result<UniqueFd> openat(int dirfd, const std::string& path, int flags, mode_t mode) {
  const int fd = retry([&] { return ::openat(dirfd, path.c_str(), flags | O_CLOEXEC, mode); });
  if (fd < 0) return fail_errno(errno, "open {}", path);
  return UniqueFd(fd);
}

Result<UniqueFd> open_in_root(int dirfd, const std::string& path, int flags, mode_t mode) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
  how.mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? mode : 0;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  // EAGAIN: a rename raced with the walk; openat2(2) says to retry.
  for (int attempt = 0;; ++attempt) {
    const long fd = ::syscall(SYS_openat2, dirfd, path.c_str(), &how, sizeof how);
    if (fd >= 0) return UniqueFd(static_cast<int>(fd));
    if (errno == EINTR || (errno == EAGAIN && attempt < 64)) continue;
    return fail_errno(errno, "open {}", path);
  }
}

Result<Pipe> pipe() {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) < 0) return fail_errno(errno, "make a pipe");
  return Pipe{UniqueFd(fds[0]), UniqueFd(fds[1])};
}

Result<> set_nonblocking(int fd, bool on) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK) < 0)
    return fail_errno(errno, "set fd {} {}blocking", fd, on ? "non-" : "");
  return {};
}

Result<UniqueFd> duplicate(int fd) {
  const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
  if (copy < 0) return fail_errno(errno, "duplicate fd {}", fd);
  return UniqueFd(copy);
}

Result<> write_all(int fd, std::string_view data) {
  while (!data.empty()) {
    const auto n = retry([&] { return ::write(fd, data.data(), data.size()); });
    if (n < 0) return fail_errno(errno, "write");
    data.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

Result<std::string> read_all(int fd, std::size_t limit) {
  std::string out;
  struct stat st;
  if (::fstat(fd, &st) == 0 && st.st_size > 0) out.reserve(std::min(limit, static_cast<std::size_t>(st.st_size)) + 1);
  std::array<char, 16384> buffer;
  for (;;) {
    const auto n = retry([&] { return ::read(fd, buffer.data(), buffer.size()); });
    if (n < 0) return fail_errno(errno, "read");
    if (n == 0) return out;
    if (out.size() + static_cast<std::size_t>(n) > limit) return fail(Code::resource_exhausted, "larger than {} bytes", limit);
    out.append(buffer.data(), static_cast<std::size_t>(n));
  }
}

Result<std::string> read_file(const std::string& path, std::size_t limit) { return read_file_at(AT_FDCWD, path, limit); }

Result<std::string> read_file_at(int dirfd, const std::string& path, std::size_t limit) {
  auto fd = TRY(openat(dirfd, path, O_RDONLY));
  return TRY(read_all(fd.get(), limit), "read {}", path);
}

Result<> write_file_atomic(const std::string& path, std::string_view data, mode_t mode) {
  const std::string aside = path + ".new-" + random_hex(4);
  {
    auto fd = TRY(open(aside, O_WRONLY | O_CREAT | O_EXCL, mode));
    auto written = write_all(fd.get(), data);
    if (written && ::fsync(fd.get()) < 0) written = fail_errno(errno, "fsync");
    if (!written) {
      ::unlink(aside.c_str());
      return std::unexpected(with_context(written.error(), "write " + path));
    }
  }
  if (::rename(aside.c_str(), path.c_str()) < 0) {
    const int err = errno;
    ::unlink(aside.c_str());
    return fail_errno(err, "rename {} to {}", aside, path);
  }
  auto folder = TRY(open(parent_of(path), O_RDONLY | O_DIRECTORY));
  if (::fsync(folder.get()) < 0) return fail_errno(errno, "fsync folder of {}", path);
  return {};
}

Result<> write_existing(const std::string& path, std::string_view data) {
  auto fd = TRY(open(path, O_WRONLY));
  if (retry([&] { return ::write(fd.get(), data.data(), data.size()); }) < 0) return fail_errno(errno, "write \"{}\" to {}", data, path);
  return {};
}

Result<> make_directories(const std::string& path, mode_t mode) {
  if (::mkdir(path.c_str(), mode) == 0) return {};
  if (errno == ENOENT && path != "/" && path.find('/') != std::string::npos) {
    TRY(make_directories(parent_of(path), mode));
    if (::mkdir(path.c_str(), mode) == 0) return {};
  }
  const int err = errno;
  struct stat st;
  if (err == EEXIST && ::stat(path.c_str(), &st) == 0 && S_ISDIR(st.st_mode)) return {};
  return fail_errno(err, "make folder {}", path);
}

Result<> remove_tree(const std::string& path) {
  auto parent = open(parent_of(path), O_PATH | O_DIRECTORY);
  if (!parent) {
    if (parent.error().code == Code::not_found) return {};
    return std::unexpected(with_context(parent.error(), "remove " + path));
  }
  struct stat st;
  if (::fstat(parent->get(), &st) < 0) return fail_errno(errno, "remove {}", path);
  return remove_entry(parent->get(), path.substr(path.find_last_of('/') + 1), path, st.st_dev);
}

Result<std::vector<std::string>> list_directory(const std::string& path) {
  auto dir = TRY(open_directory_stream(AT_FDCWD, path));
  return names(dir, path);
}

Result<std::optional<struct stat>> lstat(const std::string& path) {
  struct stat st;
  if (::lstat(path.c_str(), &st) == 0) return st;
  if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
  return fail_errno(errno, "stat {}", path);
}

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

Result<std::string> read_link(const std::string& path) {
  std::array<char, 4096> buffer;
  const auto n = ::readlink(path.c_str(), buffer.data(), buffer.size());
  if (n < 0) return fail_errno(errno, "read link {}", path);
  return std::string(buffer.data(), static_cast<std::size_t>(n));
}

std::string random_hex(std::size_t bytes) {
  std::string raw(bytes, '\0');
  FULCRUM_ASSERT(retry([&] { return ::getrandom(raw.data(), raw.size(), 0); }) == static_cast<ssize_t>(bytes));
  constexpr char digits[] = "0123456789abcdef";
  std::string out;
  out.reserve(2 * bytes);
  for (const char c : raw) {
    const auto b = static_cast<unsigned char>(c);
    out += digits[b >> 4];
    out += digits[b & 15];
  }
  return out;
}

Result<> send_message(int socket, std::string_view data, std::span<const int> fds) {
  FULCRUM_ASSERT(!data.empty());
  iovec iov{const_cast<char*>(data.data()), data.size()};
  std::vector<char> control(CMSG_SPACE(fds.size() * sizeof(int)));
  msghdr message{};
  message.msg_iov = &iov;
  message.msg_iovlen = 1;
  if (!fds.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
    std::memcpy(CMSG_DATA(header), fds.data(), fds.size() * sizeof(int));
  }
  const auto n = retry([&] { return ::sendmsg(socket, &message, MSG_NOSIGNAL); });
  if (n < 0) return fail_errno(errno, "send");
  data.remove_prefix(static_cast<std::size_t>(n));
  while (!data.empty()) {
    const auto more = retry([&] { return ::send(socket, data.data(), data.size(), MSG_NOSIGNAL); });
    if (more < 0) return fail_errno(errno, "send");
    data.remove_prefix(static_cast<std::size_t>(more));
  }
  return {};
}

Result<Message> receive_message(int socket, std::size_t max_data, std::size_t max_fds) {
  Message out;
  out.data.resize(max_data);
  iovec iov{out.data.data(), out.data.size()};
  std::vector<char> control(CMSG_SPACE(max_fds * sizeof(int)));
  msghdr message{};
  message.msg_iov = &iov;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const auto n = retry([&] { return ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC); });
  if (n < 0) return fail_errno(errno, "receive");
  out.data.resize(static_cast<std::size_t>(n));
  for (cmsghdr* h = CMSG_FIRSTHDR(&message); h != nullptr; h = CMSG_NXTHDR(&message, h)) {
    if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(h) + i * sizeof(int), sizeof fd);
      out.fds.emplace_back(fd);
    }
  }
  if ((message.msg_flags & MSG_CTRUNC) != 0) return fail(Code::resource_exhausted, "receive: more than {} descriptors", max_fds);
  return out;
}

namespace {
/// Fills an address for `path`; long paths go through an O_PATH fd of the folder, kept alive in `folder`.
Result<sockaddr_un> unix_address(const std::string& path, UniqueFd& folder) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::string shown = path;
  if (shown.size() >= sizeof address.sun_path) {
    folder = TRY(open(parent_of(path), O_PATH | O_DIRECTORY));
    shown = fmt::format("/proc/self/fd/{}/{}", folder.get(), path.substr(path.find_last_of('/') + 1));
    if (shown.size() >= sizeof address.sun_path) return fail(Code::invalid_argument, "socket name too long: {}", path);
  }
  std::memcpy(address.sun_path, shown.data(), shown.size());
  return address;
}
}  // namespace

Result<UniqueFd> listen_unix(const std::string& path, mode_t mode, int type) {
  UniqueFd folder;
  const auto address = TRY(unix_address(path, folder));
  UniqueFd fd(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return fail_errno(errno, "socket");
  // The mode is set before bind so that there is no moment in which others could connect.
  if (::fchmod(fd.get(), mode) < 0) return fail_errno(errno, "set mode of {}", path);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) return fail_errno(errno, "listen on {}", path);
  if (::listen(fd.get(), 1024) < 0) return fail_errno(errno, "listen on {}", path);
  return fd;
}

Result<UniqueFd> connect_unix(const std::string& path, int type) {
  UniqueFd folder;
  const auto address = TRY(unix_address(path, folder));
  UniqueFd fd(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return fail_errno(errno, "socket");
  if (retry([&] { return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address); }) < 0)
    return fail_errno(errno, "connect to {}", path);
  return fd;
}

}  // namespace fulcrum::sys
