// Namespaces: their names, making them, joining them, and the identity maps of user namespaces.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"

namespace fulcrum::os {

/// One kind of namespace: its OCI name, its file below /proc/<pid>/ns, its CLONE_NEW* bit.
struct NamespaceKind {
  std::string_view name;
  std::string_view file;
  unsigned flag;
};

/// All kinds, in the order in which they must be joined: user first, mount last.
std::span<const NamespaceKind> namespace_kinds();
/// The kind with an OCI name ("network"), or null.
const NamespaceKind* find_namespace_kind(std::string_view name);

/// What clone3(2) is asked for.
struct CloneRequest {
  std::uint64_t flags = 0;  ///< CLONE_NEW*, CLONE_PARENT
  int cgroup = -1;          ///< a cgroup v2 folder that the child is born in
};
/// A child: pid in the parent, 0 in the child.
struct Cloned {
  pid_t pid = 0;
  UniqueFd pidfd;
};
/// clone3(2) without shared memory: like fork, and only for single-threaded programs. The child has SIGCHLD as its exit signal.
[[nodiscard]] Result<Cloned> clone_process(const CloneRequest& request);

/// setns(2). `flag` 0 accepts any kind.
[[nodiscard]] Result<> enter_namespace(int fd, unsigned flag, std::string_view name);

/// One line of /proc/<pid>/{uid,gid}_map.
struct IdRange {
  std::uint32_t inside = 0;
  std::uint32_t outside = 0;
  std::uint32_t size = 0;
  friend bool operator==(const IdRange&, const IdRange&) = default;
};
/// "0 100000 65536\n…", as the kernel reads it.
std::string format_id_map(std::span<const IdRange> ranges);
/// Writes both maps of a process's user namespace. Unprivileged callers use newuidmap and newgidmap, and where these are missing a
/// single line that maps themselves (setgroups is then denied).
[[nodiscard]] Result<> write_id_maps(pid_t pid, std::span<const IdRange> uids, std::span<const IdRange> gids);

/// Who id 0 of a process's user namespace is outside; `map` is "uid_map" or "gid_map". Error: failed_precondition when 0 is not mapped.
[[nodiscard]] Result<std::uint32_t> outside_root(pid_t pid, const std::string& map);

/// A new user namespace with these maps, held by its descriptor only. Needs privilege.
[[nodiscard]] Result<UniqueFd> make_user_namespace(std::span<const IdRange> uids, std::span<const IdRange> gids);

/// When a process began, in clock ticks since boot (/proc/<pid>/stat field 22), and its state letter. Nothing when there is none.
struct ProcessStat {
  char state = '?';
  std::uint64_t start_time = 0;
};
[[nodiscard]] std::optional<ProcessStat> process_stat(pid_t pid);
/// The two fields out of the text of a stat file. The command may hold spaces and parentheses.
[[nodiscard]] std::optional<ProcessStat> parse_process_stat(std::string_view text);

}  // namespace fulcrum::os
