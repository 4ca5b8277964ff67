// Thin wrappers over system calls: CLOEXEC from birth, EINTR retried, errno turned into an Error that names the object.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "base/wait.h"

namespace fulcrum::sys {

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

/// open(2) / openat(2) with O_CLOEXEC added. `path` also names the object in the error.
[[nodiscard]] Result<UniqueFd> open(const std::string& path, int flags, mode_t mode = 0);
[[nodiscard]] Result<UniqueFd> openat(int dirfd, const std::string& path, int flags, mode_t mode = 0);
/// openat2(2): opens below `dirfd` as if it were the root directory (RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS).
[[nodiscard]] Result<UniqueFd> open_in_root(int dirfd, const std::string& path, int flags, mode_t mode = 0);
[[nodiscard]] Result<Pipe> pipe();
[[nodiscard]] Result<> set_nonblocking(int fd, bool on);
/// F_DUPFD_CLOEXEC at 3 or above.
[[nodiscard]] Result<UniqueFd> duplicate(int fd);

/// Writes everything, or fails. Blocking descriptors only.
[[nodiscard]] Result<> write_all(int fd, std::string_view data);
/// Reads until end of file; resource_exhausted past `limit` bytes.
[[nodiscard]] Result<std::string> read_all(int fd, std::size_t limit);
/// Reads a whole file; resource_exhausted past `limit` bytes.
[[nodiscard]] Result<std::string> read_file(const std::string& path, std::size_t limit = 64 << 20);
[[nodiscard]] Result<std::string> read_file_at(int dirfd, const std::string& path, std::size_t limit = 64 << 20);
/// Replaces a file so that readers see the old or the new content, also after power loss (write aside, fsync, rename, fsync folder).
[[nodiscard]] Result<> write_file_atomic(const std::string& path, std::string_view data, mode_t mode = 0644);
/// Writes into an existing kernel or regular file in one write(2) (cgroup, proc, sysfs files).
[[nodiscard]] Result<> write_existing(const std::string& path, std::string_view data);

/// mkdir -p. The mode is for folders that it makes.
[[nodiscard]] Result<> make_directories(const std::string& path, mode_t mode = 0755);
/// Removes a file or a whole tree without following links or crossing into another mount. Absence is success.
[[nodiscard]] Result<> remove_tree(const std::string& path);
/// Names in a folder, sorted, without "." and "..".
[[nodiscard]] Result<std::vector<std::string>> list_directory(const std::string& path);
/// lstat; nothing when there is no such file.
[[nodiscard]] Result<std::optional<struct stat>> lstat(const std::string& path);
bool exists(const std::string& path);
[[nodiscard]] Result<std::string> read_link(const std::string& path);

/// Random bytes from the kernel, as lower-case hex: 2 × `bytes` characters.
std::string random_hex(std::size_t bytes);

/// Sends or receives one message with descriptors over a unix socket (SCM_RIGHTS). Received descriptors are CLOEXEC.
struct Message {
  std::string data;
  std::vector<UniqueFd> fds;
};
[[nodiscard]] Result<> send_message(int socket, std::string_view data, std::span<const int> fds);
/// An empty `data` with no fds means the peer closed.
[[nodiscard]] Result<Message> receive_message(int socket, std::size_t max_data, std::size_t max_fds = 16);

/// Listens on / connects to a unix stream socket; paths over 107 bytes work too (through /proc/self/fd).
[[nodiscard]] Result<UniqueFd> listen_unix(const std::string& path, mode_t mode, int type = 1 /* SOCK_STREAM */);
[[nodiscard]] Result<UniqueFd> connect_unix(const std::string& path, int type = 1 /* SOCK_STREAM */);

}  // namespace fulcrum::sys
