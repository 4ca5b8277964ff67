#include "os/namespaces.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdio>

#include "base/process.h"
#include "base/scope_exit.h"
#include "base/sys.h"

namespace fulcrum::os {
namespace {

constexpr unsigned kNewTime = 0x00000080;  // CLONE_NEWTIME; in glibc's headers only from 2.36 on with _GNU_SOURCE
constexpr unsigned kNewCgroup = 0x02000000;

constexpr std::array kKinds = {
    NamespaceKind{"user", "user", CLONE_NEWUSER}, NamespaceKind{"cgroup", "cgroup", kNewCgroup}, NamespaceKind{"ipc", "ipc", CLONE_NEWIPC},
    NamespaceKind{"uts", "uts", CLONE_NEWUTS},    NamespaceKind{"network", "net", CLONE_NEWNET}, NamespaceKind{"pid", "pid", CLONE_NEWPID},
    NamespaceKind{"time", "time", kNewTime},      NamespaceKind{"mount", "mnt", CLONE_NEWNS},
};

/// Runs newuidmap or newgidmap.
Result<> run_map_helper(const std::string& program, pid_t pid, std::span<const IdRange> ranges) {
  Process::Spec spec{.argv = {program, std::to_string(pid)}};
  for (const auto& range : ranges) {
    spec.argv.push_back(std::to_string(range.inside));
    spec.argv.push_back(std::to_string(range.outside));
    spec.argv.push_back(std::to_string(range.size));
  }
  auto output = TRY(run(spec, {}, StopSource::never(), Deadline::in(std::chrono::seconds(10))), "{}", program);
  if (!output.status.ok()) return fail(Code::permission_denied, "{}: {}", program, output.err);
  return {};
}

bool maps_only_self(std::span<const IdRange> ranges, std::uint32_t self) {
  return ranges.size() == 1 && ranges[0].size == 1 && ranges[0].outside == self;
}

Result<> write_map(pid_t pid, const char* file, std::span<const IdRange> ranges) {
  return sys::write_existing(fmt::format("/proc/{}/{}", pid, file), format_id_map(ranges));
}

}  // namespace

std::span<const NamespaceKind> namespace_kinds() { return kKinds; }

const NamespaceKind* find_namespace_kind(std::string_view name) {
  for (const auto& kind : kKinds) {
    if (kind.name == name) return &kind;
  }
  return nullptr;
}

Result<Cloned> clone_process(const CloneRequest& request) {
  struct clone_args args = {};
  int pidfd = -1;
  args.flags = request.flags | CLONE_PIDFD;
  args.pidfd = reinterpret_cast<std::uint64_t>(&pidfd);
  // With CLONE_PARENT the child takes over the exit signal of the caller; the kernel refuses another one.
  args.exit_signal = (request.flags & CLONE_PARENT) != 0 ? 0 : SIGCHLD;
  if (request.cgroup >= 0) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = static_cast<std::uint64_t>(request.cgroup);
  }
  const auto pid = static_cast<pid_t>(::syscall(SYS_clone3, &args, sizeof args));
  if (pid < 0) return fail_errno(errno, "clone3");
  if (pid == 0) return Cloned{};
  return Cloned{.pid = pid, .pidfd = UniqueFd(pidfd)};
}

Result<> enter_namespace(int fd, unsigned flag, std::string_view name) {
  if (::setns(fd, static_cast<int>(flag)) != 0) return fail_errno(errno, "join {} namespace", name);
  return {};
}

std::string format_id_map(std::span<const IdRange> ranges) {
  std::string text;
  for (const auto& range : ranges) text += fmt::format("{} {} {}\n", range.inside, range.outside, range.size);
  return text;
}

Result<> write_id_maps(pid_t pid, std::span<const IdRange> uids, std::span<const IdRange> gids) {
  const bool privileged = ::geteuid() == 0;
  if (privileged) {
    if (auto done = write_map(pid, "uid_map", uids); !done) return std::unexpected(with_context(done.error(), "write user id map"));
    return write_map(pid, "gid_map", gids);
  }
  if (maps_only_self(uids, ::geteuid())) {
    TRY(write_map(pid, "uid_map", uids), "write user id map");
  } else {
    TRY(run_map_helper("newuidmap", pid, uids), "write user id map");
  }
  if (!maps_only_self(gids, ::getegid())) return run_map_helper("newgidmap", pid, gids);
  TRY(sys::write_existing(fmt::format("/proc/{}/setgroups", pid), "deny"), "deny setgroups");
  return write_map(pid, "gid_map", gids);
}

Result<std::uint32_t> outside_root(pid_t pid, const std::string& map) {
  const auto text = TRY(sys::read_file(fmt::format("/proc/{}/{}", pid, map), 64 << 10));
  IdRange range;
  int used = 0;
  for (const char* line = text.c_str(); std::sscanf(line, "%u %u %u%n", &range.inside, &range.outside, &range.size, &used) == 3;
       line += used) {
    if (range.inside == 0) return range.outside;
  }
  return fail(Code::failed_precondition, "id 0 is not in the {} of the user namespace", map);
}

Result<UniqueFd> make_user_namespace(std::span<const IdRange> uids, std::span<const IdRange> gids) {
  auto gate = TRY(sys::pipe());
  auto child = TRY(clone_process({.flags = CLONE_NEWUSER}), "make user namespace");
  if (child.pid == 0) {
    char byte = 0;
    gate.write.reset();
    while (::read(gate.read.get(), &byte, 1) < 0 && errno == EINTR) {
    }
    ::_exit(0);
  }
  gate.read.reset();
  ScopeExit reap([&] {
    gate.write.reset();  // end of file ends the child
    while (::waitpid(child.pid, nullptr, 0) < 0 && errno == EINTR) {
    }
  });
  TRY(write_id_maps(child.pid, uids, gids));
  return sys::open(fmt::format("/proc/{}/ns/user", child.pid), O_RDONLY);
}

std::optional<ProcessStat> parse_process_stat(std::string_view text) {
  const auto close = text.rfind(')');
  if (close == std::string_view::npos || close + 2 >= text.size()) return std::nullopt;
  auto rest = text.substr(close + 2);
  ProcessStat stat{.state = rest[0]};
  for (int field = 3; field < 22; ++field) {
    const auto space = rest.find(' ');
    if (space == std::string_view::npos) return std::nullopt;
    rest.remove_prefix(space + 1);
  }
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), stat.start_time);
  if (error != std::errc()) return std::nullopt;
  return stat;
}

std::optional<ProcessStat> process_stat(pid_t pid) {
  auto text = sys::read_file(fmt::format("/proc/{}/stat", pid), 4096);
  if (!text) return std::nullopt;
  return parse_process_stat(*text);
}

}  // namespace fulcrum::os
