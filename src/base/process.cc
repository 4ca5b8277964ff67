#include "base/process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/scope_exit.h"
#include "base/sys.h"

extern char** environ;

namespace fulcrum {
namespace {

std::vector<char*> c_strings(const std::vector<std::string>& strings) {
  std::vector<char*> out;
  out.reserve(strings.size() + 1);
  for (const auto& s : strings) out.push_back(const_cast<char*>(s.c_str()));
  out.push_back(nullptr);
  return out;
}

bool maps(const Process::Spec& spec, int child_fd) {
  return std::ranges::any_of(spec.fds, [&](const auto& f) { return f.first == child_fd; });
}

}  // namespace

ExitStatus ExitStatus::from_wait_status(int status) {
  if (WIFSIGNALED(status)) return {.code = 0, .signal = WTERMSIG(status)};
  return {.code = WEXITSTATUS(status), .signal = 0};
}

Result<UniqueFd> open_pidfd(pid_t pid) {
  const long fd = ::syscall(SYS_pidfd_open, pid, 0);
  if (fd < 0) return fail_errno(errno, "pidfd_open {}", pid);
  return UniqueFd(static_cast<int>(fd));
}

Result<> signal_pidfd(int pidfd, int signo) {
  if (::syscall(SYS_pidfd_send_signal, pidfd, signo, nullptr, 0) < 0) return fail_errno(errno, "send signal {}", signo);
  return {};
}

Result<Process> Process::spawn(const Spec& spec) {
  FULCRUM_ASSERT(!spec.argv.empty());
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  ScopeExit cleanup([&] {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  });

  // A child fd may be the number of another mapping's source: move every source out of the way first.
  int highest = 2;
  for (const auto& [child, ours] : spec.fds) highest = std::max(highest, child);
  std::vector<UniqueFd> moved;
  moved.reserve(spec.fds.size());
  for (const auto& [child, ours] : spec.fds) {
    const int copy = ::fcntl(ours, F_DUPFD_CLOEXEC, highest + 1);
    if (copy < 0) return fail_errno(errno, "spawn {}: duplicate fd {}", spec.argv[0], ours);
    moved.emplace_back(copy);
    posix_spawn_file_actions_adddup2(&actions, copy, child);
  }
  if (!spec.inherit_stdio) {
    if (!maps(spec, 0)) posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    if (!maps(spec, 1)) posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    if (!maps(spec, 2)) posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  }
  if (!spec.cwd.empty()) posix_spawn_file_actions_addchdir_np(&actions, spec.cwd.c_str());

  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
  if (spec.new_session) flags = static_cast<short>(flags | POSIX_SPAWN_SETSID);
  posix_spawnattr_setflags(&attributes, flags);

  auto argv = c_strings(spec.argv);
  std::vector<char*> env;
  if (spec.env) env = c_strings(*spec.env);
  pid_t pid = -1;
  const auto& program = spec.program.empty() ? spec.argv[0] : spec.program;
  const int err = ::posix_spawnp(&pid, program.c_str(), &actions, &attributes, argv.data(), spec.env ? env.data() : environ);
  if (err != 0) return fail_errno(err, "spawn {}", program);
  auto pidfd = open_pidfd(pid);
  if (!pidfd) {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return std::unexpected(pidfd.error());
  }
  return Process(pid, std::move(*pidfd));
}

Process::Process(Process&& other) noexcept : pid_(std::exchange(other.pid_, -1)), pidfd_(std::move(other.pidfd_)) {}

Process& Process::operator=(Process&& other) noexcept {
  Process dropped(std::move(*this));
  pid_ = std::exchange(other.pid_, -1);
  pidfd_ = std::move(other.pidfd_);
  return *this;
}

Process::~Process() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Result<> Process::signal(int signo) const { return signal_pidfd(pidfd_.get(), signo); }

Result<ExitStatus> Process::wait(const StopSource& stop, const Deadline& deadline) {
  TRY(wait_any(stop, deadline, {{pidfd_.get(), POLLIN}}), "wait for process {}", pid_);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0)
    if (errno != EINTR) return fail_errno(errno, "wait for process {}", pid_);
  pid_ = -1;
  return ExitStatus::from_wait_status(status);
}

void Process::detach() noexcept { pid_ = -1; }

namespace {

/// Writing into a pipe that nobody reads any more is an error like any other, also where SIGPIPE would end the program.
class SigpipeBlocked {
 public:
  SigpipeBlocked() {
    ::sigemptyset(&sigpipe_);
    ::sigaddset(&sigpipe_, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &sigpipe_, &before_);
  }
  SigpipeBlocked(const SigpipeBlocked&) = delete;
  SigpipeBlocked& operator=(const SigpipeBlocked&) = delete;
  ~SigpipeBlocked() {
    if (::sigismember(&before_, SIGPIPE) == 1) return;
    const timespec now{};
    while (::sigtimedwait(&sigpipe_, nullptr, &now) < 0 && errno == EINTR) {
    }
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  sigset_t sigpipe_{}, before_{};
};

}  // namespace

Result<Output> run(const Process::Spec& spec, std::string_view input, const StopSource& stop, const Deadline& deadline, std::size_t limit) {
  auto in = TRY(sys::pipe());
  auto out = TRY(sys::pipe());
  auto err = TRY(sys::pipe());
  auto with_pipes = spec;
  with_pipes.fds.insert(with_pipes.fds.end(), {{0, in.read.get()}, {1, out.write.get()}, {2, err.write.get()}});
  auto child = TRY(Process::spawn(with_pipes));
  in.read.reset();
  out.write.reset();
  err.write.reset();
  if (input.empty()) in.write.reset();
  if (in.write.valid()) TRY(sys::set_nonblocking(in.write.get(), true));

  const SigpipeBlocked sigpipe;
  Output result;
  auto drain = [limit](UniqueFd& from, std::string& to) {
    std::array<char, 16384> buffer;
    const auto n = ::read(from.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) return;
    if (n <= 0) return from.reset();
    to.append(buffer.data(), std::min(static_cast<std::size_t>(n), limit - std::min(limit, to.size())));
  };
  while (out.read.valid() || err.read.valid() || in.write.valid()) {
    const auto ready = TRY(wait_any(stop, deadline, {{out.read.get(), POLLIN}, {err.read.get(), POLLIN}, {in.write.get(), POLLOUT}}),
                           "run {}", spec.argv[0]);
    if (ready == 0) drain(out.read, result.out);
    if (ready == 1) drain(err.read, result.err);
    if (ready != 2) continue;
    const auto n = ::write(in.write.get(), input.data(), input.size());
    if (n > 0) input.remove_prefix(static_cast<std::size_t>(n));
    if (input.empty() || (n < 0 && errno != EINTR && errno != EAGAIN)) in.write.reset();
  }
  result.status = TRY(child.wait(stop, deadline));
  return result;
}

}  // namespace fulcrum
