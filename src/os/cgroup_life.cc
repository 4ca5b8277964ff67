// What happens to the processes in a cgroup: listing, signals, freezing, killing, removal.
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <tuple>

#include "base/process.h"
#include "base/sys.h"
#include "os/cgroup.h"
#include "os/cgroup_files.h"

namespace fulcrum {
namespace {

using namespace std::chrono_literals;

bool vanished(const Error& error) { return error.sys_errno == ENOENT || error.sys_errno == ENODEV || error.sys_errno == ESRCH; }

/// The hierarchy whose cgroup.procs tells who is in the cgroup.
const CgroupHierarchy& primary(const CgroupLayout& layout) {
  if (const auto* unified = layout.unified()) return *unified;
  for (const auto* name : {"freezer", "devices", "pids", "memory"}) {
    if (const auto* found = layout.find(name)) return *found;
  }
  return layout.hierarchies().front();
}

Result<std::vector<pid_t>> processes_below(const std::string& top) {
  std::vector<pid_t> out;
  TRY(cgroup_files::walk(top, [&](const std::string& folder) -> Result<> {
    const auto text = sys::read_file(folder + "/cgroup.procs", 64 << 20);
    if (!text) {
      // EOPNOTSUPP: a threaded cgroup, whose processes stand in its domain's file.
      if (vanished(text.error()) || text.error().sys_errno == EOPNOTSUPP) return {};
      return std::unexpected(text.error());
    }
    for (const auto line : cgroup_files::lines(*text)) {
      const auto pid = cgroup_files::number(line);
      if (pid && *pid != 0) out.push_back(static_cast<pid_t>(*pid));  // 0: not in our pid namespace
    }
    return {};
  }));
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

/// Waits until `key` in the cgroup.events file of a v2 cgroup has the value. The kernel announces each change with POLLPRI.
Result<> wait_event(const std::string& folder, std::string_view key, std::uint64_t wanted, const StopSource& stop,
                    const Deadline& deadline) {
  const auto events = sys::open(folder + "/cgroup.events", O_RDONLY);
  if (!events) {
    if (vanished(events.error())) return {};
    return std::unexpected(events.error());
  }
  while (true) {
    char text[256];
    const auto n = ::pread(events->get(), text, sizeof text, 0);
    if (n < 0 && errno == ENODEV) return {};  // removed
    if (n < 0 && errno != EINTR) return fail_errno(errno, "read {}/cgroup.events", folder);
    if (n >= 0 && cgroup_files::value_of(std::string_view(text, static_cast<std::size_t>(n)), key) == wanted) return {};
    TRY(wait_any(stop, deadline, {{events->get(), POLLPRI}}), "wait for {} {} of {}", key, wanted, folder);
  }
}

/// Waits until every process in a v1 cgroup has ended, by pidfd.
Result<> wait_processes(const std::string& folder, const StopSource& stop, const Deadline& deadline) {
  while (true) {
    const auto pids = TRY(processes_below(folder));
    if (pids.empty()) return {};
    bool waited = false;
    for (const auto pid : pids) {
      const auto pidfd = open_pidfd(pid);
      if (!pidfd) continue;
      TRY(wait_any(stop, deadline, {{pidfd->get(), POLLIN}}), "wait for the processes of {}", folder);
      waited = true;
    }
    // All vanished between the list and here, or stand in the list as threads of one that is ending: no event tells when.
    if (!waited && !wait_until(stop, Deadline::earlier(deadline, Deadline::in(1ms)))) return fail(Code::cancelled, "wait for {}", folder);
    if (deadline.passed()) return fail(Code::deadline_exceeded, "wait for the processes of {}", folder);
  }
}

/// v1 has no event for the end of freezing: the state is read with growing pauses.
Result<> set_v1_freezer(const std::string& folder, std::string_view wanted, const StopSource& stop, const Deadline& deadline) {
  auto pause = std::chrono::nanoseconds(50us);
  while (true) {
    // Written each time: a process that forks while being frozen can leave the state at FREEZING, and a second write gets it.
    const auto written = sys::write_existing(folder + "/freezer.state", wanted);
    if (!written) {
      if (vanished(written.error())) return {};
      return written;
    }
    const auto state = cgroup_files::read_trimmed(folder + "/freezer.state");
    if (!state && vanished(state.error())) return {};
    if (TRY(Result<std::string>(state)) == wanted) return {};
    if (deadline.passed()) return fail(Code::deadline_exceeded, "{} stays {} instead of {}", folder, *state, wanted);
    if (!wait_until(stop, Deadline::earlier(deadline, Deadline::in(pause)))) return fail(Code::cancelled, "freeze {}", folder);
    pause = std::min<std::chrono::nanoseconds>(pause * 2, 10ms);
  }
}

/// The v2 tree is preferred also in hybrid mode: it has events, and what it froze can still be killed.
std::optional<std::string> v2_freezer(const Cgroup& cgroup) {
  auto folder = cgroup.directory("");
  if (folder && ::access((*folder + "/cgroup.freeze").c_str(), W_OK) == 0) return folder;
  return std::nullopt;
}

std::optional<std::string> v1_freezer(const Cgroup& cgroup) {
  return cgroup.mode() == CgroupMode::v2 ? std::nullopt : cgroup.directory("freezer");
}

Result<> remove_once(const std::string& top, bool& busy) {
  if (::rmdir(top.c_str()) == 0 || errno == ENOENT) return {};
  return cgroup_files::walk(top, [&](const std::string& folder) -> Result<> {
    if (::rmdir(folder.c_str()) == 0 || errno == ENOENT) return {};
    if (errno != EBUSY && errno != ENOTEMPTY) return fail_errno(errno, "remove cgroup {}", folder);
    busy = true;
    return {};
  });
}

}  // namespace

Result<std::vector<pid_t>> Cgroup::processes() const { return processes_below(primary(layout_).directory(path_)); }

Result<> Cgroup::signal_all(int signo) const {
  for (const auto pid : TRY(processes())) {
    if (::kill(pid, signo) != 0 && errno != ESRCH) return fail_errno(errno, "signal process {} of cgroup {}", pid, path_);
  }
  return {};
}

Result<> Cgroup::freeze(const StopSource& stop, const Deadline& deadline) const {
  if (!exists()) return fail(Code::not_found, "cgroup {}", path_);
  if (const auto folder = v2_freezer(*this)) {
    TRY(sys::write_existing(*folder + "/cgroup.freeze", "1"), "freeze {}", path_);
    const auto done = wait_event(*folder, "frozen", 1, stop, deadline);
    if (!done) std::ignore = sys::write_existing(*folder + "/cgroup.freeze", "0");  // never leave it half frozen
    return done;
  }
  const auto folder = v1_freezer(*this);
  if (!folder) return fail(Code::unimplemented, "freeze: cgroup controller freezer is not available here");
  const auto done = set_v1_freezer(*folder, "FROZEN", stop, deadline);
  if (!done) std::ignore = sys::write_existing(*folder + "/freezer.state", "THAWED");
  return done;
}

Result<> Cgroup::thaw(const StopSource& stop, const Deadline& deadline) const {
  if (const auto folder = v2_freezer(*this)) {
    const auto written = sys::write_existing(*folder + "/cgroup.freeze", "0");
    if (!written && !vanished(written.error())) return written;
    TRY(wait_event(*folder, "frozen", 0, stop, deadline));
  }
  if (const auto folder = v1_freezer(*this)) TRY(set_v1_freezer(*folder, "THAWED", stop, deadline));
  return {};
}

Result<bool> Cgroup::frozen() const {
  if (const auto folder = v2_freezer(*this)) {
    const auto events = sys::read_file(*folder + "/cgroup.events", 4096);
    if (events && cgroup_files::value_of(*events, "frozen") == 1U) return true;
  }
  if (const auto folder = v1_freezer(*this)) {
    const auto state = cgroup_files::read_trimmed(*folder + "/freezer.state");
    if (state && *state == "FROZEN") return true;
  }
  return false;
}

Result<> Cgroup::kill(const StopSource& stop, const Deadline& deadline) const {
  if (const auto folder = directory(""); folder && ::access((*folder + "/cgroup.kill").c_str(), W_OK) == 0) {
    const auto written = sys::write_existing(*folder + "/cgroup.kill", "1");
    if (!written && !vanished(written.error())) return written;
    if (const auto v1 = v1_freezer(*this)) TRY(set_v1_freezer(*v1, "THAWED", stop, deadline));
    TRY(wait_event(*folder, "populated", 0, stop, deadline));
    if (mode() == CgroupMode::v2) return {};
  }
  // Without cgroup.kill, and for what stands in the v1 trees alone. Frozen first, so that forks cannot run ahead of the signals.
  while (true) {
    std::vector<pid_t> all;
    for (const auto& hierarchy : layout_.hierarchies()) {
      const auto some = TRY(processes_below(hierarchy.directory(path_)));
      all.insert(all.end(), some.begin(), some.end());
    }
    if (all.empty()) return {};
    std::ignore = freeze(stop, Deadline::earlier(deadline, Deadline::in(100ms)));  // as good as it gets
    for (const auto pid : all) {
      if (::kill(pid, SIGKILL) != 0 && errno != ESRCH) return fail_errno(errno, "kill process {} of cgroup {}", pid, path_);
    }
    TRY(thaw(stop, deadline));
    for (const auto pid : all) {
      const auto pidfd = open_pidfd(pid);
      if (pidfd) TRY(wait_any(stop, deadline, {{pidfd->get(), POLLIN}}), "wait for process {} of cgroup {}", pid, path_);
    }
    if (deadline.passed()) return fail(Code::deadline_exceeded, "kill cgroup {}: processes stay", path_);
  }
}

Result<> Cgroup::wait_empty(const StopSource& stop, const Deadline& deadline) const {
  const auto& hierarchy = primary(layout_);
  if (hierarchy.v2) return wait_event(hierarchy.directory(path_), "populated", 0, stop, deadline);
  return wait_processes(hierarchy.directory(path_), stop, deadline);
}

Result<> Cgroup::destroy(const StopSource& stop, const Deadline& deadline) const {
  auto pause = std::chrono::nanoseconds(100us);
  while (true) {
    bool busy = false;
    for (const auto& folder : directories()) TRY(remove_once(folder, busy));
    if (!busy) return {};
    for (const auto& hierarchy : layout_.hierarchies()) {
      const auto folder = hierarchy.directory(path_);
      const auto empty = hierarchy.v2 ? wait_event(folder, "populated", 0, stop, deadline) : wait_processes(folder, stop, deadline);
      TRY(Result<>(empty), "remove cgroup {}", path_);
    }
    // Empty, and yet busy: the kernel is still letting go of dead tasks, without an event for it.
    if (deadline.passed()) return fail(Code::deadline_exceeded, "remove cgroup {}: it stays busy", path_);
    if (!wait_until(stop, Deadline::earlier(deadline, Deadline::in(pause)))) return fail(Code::cancelled, "remove cgroup {}", path_);
    pause = std::min<std::chrono::nanoseconds>(pause * 2, 20ms);
  }
}

}  // namespace fulcrum
