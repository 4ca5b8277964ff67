// The process that keeps the namespaces of a rootless engine alive.
#include "os/rootless_holder.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

namespace fulcrum::os::rootless {
namespace {

// What the holder has open across its exec.
constexpr int kOrders = 3;   // reads what to do
constexpr int kReports = 4;  // writes how it went
constexpr int kAlive = 5;    // the FIFO's write end

Result<> raise_loopback() {
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return fail_errno(errno, "open socket");
  struct ifreq request = {};
  std::strncpy(request.ifr_name, "lo", sizeof request.ifr_name - 1);
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  if (::ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0) return fail_errno(errno, "raise lo");
  return {};
}

/// One byte, or 0 at the end.
char read_order(int fd) {
  char byte = 0;
  ssize_t n = 0;
  do {
    n = ::read(fd, &byte, 1);
  } while (n < 0 && errno == EINTR);
  return n == 1 ? byte : '\0';
}

/// Keeps the three pipes only. What else the maker had open, its ends of these pipes and its lock above all, would outlive it here.
Result<> keep_only(HolderPipes& pipes) {
  constexpr int kHigh = 64;
  int next = kHigh;
  for (int* fd : {&pipes.orders, &pipes.reports, &pipes.alive}) {
    if (::dup2(*fd, next) < 0) return fail_errno(errno, "dup2");
    *fd = next++;
  }
  if (::close_range(3, kHigh - 1, 0) != 0 || ::close_range(static_cast<unsigned>(next), ~0U, 0) != 0)
    return fail_errno(errno, "close_range");
  return {};
}

/// Standard streams to /dev/null, the pipes where the holder looks for them.
Result<> arrange_descriptors(const HolderPipes& pipes) {
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) return fail_errno(errno, "open /dev/null");
  const std::pair<int, int> moves[] = {
      {null, 0}, {null, 1}, {null, 2}, {pipes.orders, kOrders}, {pipes.reports, kReports}, {pipes.alive, kAlive}};
  for (const auto& [from, to] : moves) {
    if (::dup2(from, to) < 0) return fail_errno(errno, "dup2");
  }
  if (::close_range(kAlive + 1, ~0U, CLOSE_RANGE_CLOEXEC) != 0) return fail_errno(errno, "close_range");
  return {};
}

Result<> make_namespaces() {
  if (::setresgid(0, 0, 0) != 0 || ::setresuid(0, 0, 0) != 0) return fail_errno(errno, "become root of the user namespace");
  if (::unshare(CLONE_NEWNS | CLONE_NEWNET) != 0) return fail_errno(errno, "make mount and network namespaces");
  // What the host mounts later is to be seen here; nothing goes the other way.
  TRY(mount("", "/", "", MS_SLAVE | MS_REC, ""), "set propagation of /");
  return raise_loopback();
}

Result<> become_holder(HolderPipes& pipes) {
  TRY(keep_only(pipes));
  if (read_order(pipes.orders) != kMapped) return fail(Code::cancelled, "the ids were not mapped");
  TRY(pipes.join != 0 ? join_namespaces(pipes.join) : make_namespaces());
  ::setsid();
  TRY(arrange_descriptors(pipes));
  if (::chdir("/") != 0) return fail_errno(errno, "enter /");
  const std::string argument(kHolderArgument);
  const char* argv[] = {"fulcrumd", argument.c_str(), pipes.run_dir.c_str(), nullptr};
  const char* env[] = {nullptr};
  ::execve("/proc/self/exe", const_cast<char**>(argv), const_cast<char**>(env));
  return fail_errno(errno, "execute the holder");
}

}  // namespace

void run_holder(HolderPipes pipes) {
  const auto done = become_holder(pipes);
  const auto text = "error " + done.error().message + "\n";
  [[maybe_unused]] const auto written = ::write(pipes.reports, text.data(), text.size());
  ::_exit(1);
}

}  // namespace fulcrum::os::rootless

namespace fulcrum::os {

int hold_namespaces() {
  using namespace rootless;
  ::prctl(PR_SET_NAME, "fulcrum-hold");
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGHUP, SIG_IGN);
  constexpr std::string_view kReady = "ready\n";
  if (::write(kReports, kReady.data(), kReady.size()) != static_cast<ssize_t>(kReady.size())) return 1;
  ::close(kReports);
  if (read_order(kOrders) != kKeep) return 0;  // whoever wanted the namespaces is gone
  ::close(kOrders);
  for (;;) ::pause();
}

}  // namespace fulcrum::os
