#include "foreground.h"

#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/scope_exit.h"
#include "base/sys.h"

namespace fulcrum::oci_cli {
namespace {

/// Raw mode for the caller's terminal, undone at the end.
class RawTerminal {
 public:
  explicit RawTerminal(int fd) : fd_(fd) {
    if (::tcgetattr(fd, &before_) != 0) return;
    struct termios raw = before_;
    ::cfmakeraw(&raw);
    raw.c_oflag |= OPOST;  // line feeds become new lines here: the container's own terminal leaves them as they are
    changed_ = ::tcsetattr(fd, TCSANOW, &raw) == 0;
  }
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;
  ~RawTerminal() {
    if (changed_) ::tcsetattr(fd_, TCSANOW, &before_);
  }

 private:
  int fd_;
  bool changed_ = false;
  struct termios before_ = {};
};

void copy_size(int from, int to) {
  struct winsize size = {};
  if (::ioctl(from, TIOCGWINSZ, &size) == 0) ::ioctl(to, TIOCSWINSZ, &size);
}

/// One direction of the relay: never reads more while a backlog waits, so a slow reader stalls nobody else.
class Half {
 public:
  Half(int from, int to) : from_(from), to_(to) {}
  bool open() const { return open_; }
  Interest interest() const { return !open_ ? Interest{-1, 0} : backlog_.empty() ? Interest{from_, POLLIN} : Interest{to_, POLLOUT}; }
  void step() {
    char buffer[16384];
    if (backlog_.empty()) {
      const auto n = ::read(from_, buffer, sizeof buffer);
      if (n < 0 && errno == EINTR) return;
      if (n <= 0) {
        open_ = false;  // EIO: the last terminal end was closed
        return;
      }
      backlog_.assign(buffer, static_cast<std::size_t>(n));
    }
    const auto n = ::write(to_, backlog_.data(), backlog_.size());
    if (n < 0 && errno != EINTR && errno != EAGAIN) open_ = false;
    if (n > 0) backlog_.erase(0, static_cast<std::size_t>(n));
  }

 private:
  int from_;
  int to_;
  bool open_ = true;
  std::string backlog_;
};

}  // namespace

Result<Foreground> Foreground::prepare() {
  Foreground result;
  sigset_t set;
  ::sigfillset(&set);
  for (const int fatal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS}) ::sigdelset(&set, fatal);
  if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0) return fail_errno(errno, "block signals");
  result.signals_ = UniqueFd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!result.signals_.valid()) return fail_errno(errno, "signalfd");
  return result;
}

Result<UniqueFd> Foreground::make_console() {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) return fail_errno(errno, "make socket pair");
  console_ours_ = UniqueFd(fds[0]);
  return UniqueFd(fds[1]);
}

Result<> Foreground::receive_console() {
  auto message = TRY(sys::receive_message(console_ours_.get(), 4096, 1), "receive console");
  if (message.fds.empty()) return fail(Code::internal, "receive console: no descriptor came");
  master_ = std::move(message.fds[0]);
  console_ours_.reset();
  copy_size(STDIN_FILENO, master_.get());
  return {};
}

/// True when the process has ended.
Result<bool> Foreground::handle_signal(const runtime::StartedProcess& process, ExitStatus& status) {
  struct signalfd_siginfo info = {};
  if (::read(signals_.get(), &info, sizeof info) != sizeof info) return false;
  const int signo = static_cast<int>(info.ssi_signo);
  if (signo == SIGCHLD) {
    int raw = 0;
    if (::waitpid(process.pid, &raw, WNOHANG) != process.pid) return false;
    status = ExitStatus::from_wait_status(raw);
    return true;
  }
  if (signo == SIGWINCH) {
    if (master_.valid()) copy_size(STDIN_FILENO, master_.get());
  } else if (signo != SIGPIPE && signo != SIGURG) {
    (void)signal_pidfd(process.pidfd.get(), signo);  // gone already: its status comes next
  }
  return false;
}

Result<> Foreground::relay(const runtime::StartedProcess& process, ExitStatus& status) {
  Half in(STDIN_FILENO, master_.get());
  Half out(master_.get(), STDOUT_FILENO);
  bool ended = false;
  while (!ended || out.open()) {
    // After the end, what the terminal still holds is printed; a background process that keeps it open does not keep us.
    const auto deadline = ended ? Deadline::in(std::chrono::milliseconds(100)) : Deadline::never();
    auto ready = wait_any(StopSource::never(), deadline,
                          {{ended ? -1 : signals_.get(), POLLIN}, out.interest(), ended ? Interest{-1, 0} : in.interest()});
    if (!ready && ready.error().code == Code::deadline_exceeded) return {};
    if (!ready) return std::unexpected(std::move(ready).error());
    if (*ready == 0) {
      ended = TRY(handle_signal(process, status));
    } else {
      (*ready == 1 ? out : in).step();
    }
  }
  return {};
}

Result<ExitStatus> Foreground::wait(const runtime::StartedProcess& process) {
  ExitStatus status;
  if (console_ours_.valid()) {
    TRY(receive_console());
    const RawTerminal raw(STDIN_FILENO);
    TRY(relay(process, status));
    return status;
  }
  // The process may have ended before its first signal could be read.
  for (bool ended = false; !ended;) {
    TRY(wait_any(StopSource::never(), Deadline::never(), {Interest{signals_.get(), POLLIN}}), "wait");
    ended = TRY(handle_signal(process, status));
  }
  return status;
}

}  // namespace fulcrum::oci_cli
