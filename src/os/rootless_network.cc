// The way out of the network namespace: slirp4netns, which speaks TCP and UDP for it as the ordinary user.
#include <fcntl.h>
#include <linux/mount.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>

#include "base/process.h"
#include "base/sys.h"
#include "os/mount.h"
#include "os/rootless_files.h"

namespace fulcrum::os::rootless {
namespace {

constexpr auto kStart = std::chrono::seconds(20);
constexpr std::string_view kNameServer = "10.0.2.3";

/// The search domains of the host stay; its name servers may be on its loopback, which is not ours.
std::string resolver_text() {
  std::string text = "nameserver " + std::string(kNameServer) + "\n";
  const auto host = sys::read_file("/etc/resolv.conf", 64 << 10).value_or("");
  for (std::size_t at = 0; at < host.size();) {
    const auto end = std::min(host.find('\n', at), host.size());
    const auto line = std::string_view(host).substr(at, end - at);
    if (line.starts_with("search ") || line.starts_with("domain ") || line.starts_with("options ")) text.append(line).append("\n");
    at = end + 1;
  }
  return text;
}

/// slirp4netns listens at its socket some time after it has said that it is ready, and tells nobody: tried with growing pauses.
Result<> wait_for_socket(const std::string& path) {
  const auto deadline = Deadline::in(kStart);
  for (auto pause = std::chrono::microseconds(200);; pause = std::min(pause * 2, std::chrono::microseconds(20'000))) {
    const auto connected = sys::connect_unix(path);
    if (connected) return {};
    if (deadline.passed()) return std::unexpected(with_context(connected.error(), "slirp4netns does not listen"));
    (void)wait_until(StopSource::never(), Deadline::in(pause));
  }
}

/// Kills a slirp4netns, as long as `is_it` says that it still is the process meant.
template <class IsIt>
Result<> end(pid_t pid, IsIt is_it) {
  const auto pidfd = open_pidfd(pid);
  if (!pidfd || !is_it()) return {};
  TRY(signal_pidfd(pidfd->get(), SIGKILL), "end slirp4netns");
  TRY(wait_any(StopSource::never(), Deadline::in(kStart), {{pidfd->get(), POLLIN}}), "wait for slirp4netns to end");
  return {};
}

}  // namespace

std::optional<pid_t> listener(const std::string& path) {
  const auto socket = sys::connect_unix(path);
  struct ucred peer = {};
  socklen_t size = sizeof peer;
  if (!socket || ::getsockopt(socket->get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || peer.pid <= 0) return std::nullopt;
  return peer.pid;
}

Result<std::string> read_answer(int fd, const std::string& from) {
  std::string text;
  char byte = 0;
  while (text.size() < 4096) {
    TRY(wait_any(StopSource::never(), Deadline::in(kStart), {{fd, POLLIN}}), "wait for {}", from);
    const auto n = ::read(fd, &byte, 1);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno(errno, "read from {}", from);
    if (n == 0 || byte == '\n') break;
    text += byte;
  }
  return text;
}

Result<> ensure_slirp(const std::string& run_dir, pid_t holder, bool fresh) {
  const auto socket = slirp_socket(run_dir);
  const auto pin = slirp_pin(run_dir);
  if (const auto running = listener(socket)) {
    // Written down or not, it carries the namespaces of the last holder: the folder is this user's alone.
    if (!fresh) return read_pin(pin) == *running ? Result<>() : write_pin(pin, *running);
    TRY(end(*running, [&] { return listener(socket) == running; }));
  }
  if (const auto silent = read_pin(pin)) {  // it never came so far as to listen, or is on its way out
    TRY(end(*silent, [&] { return read_pin(pin) == silent; }));
  }
  ::unlink(socket.c_str());
  // slirp4netns ends when the holder, the only writer, does.
  const auto alive = TRY(sys::open(alive_fifo(run_dir), O_RDONLY | O_NONBLOCK));
  auto ready = TRY(sys::pipe());
  const auto log = TRY(sys::open(folder(run_dir) + "/slirp4netns.log", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600));
  const Process::Spec command{.argv = {"slirp4netns", "--configure", "--mtu=65520", "--disable-host-loopback", "--enable-sandbox",
                                       "--api-socket=" + socket, "--ready-fd=3", "--exit-fd=4", std::to_string(holder), "tap0"},
                              .env = {},
                              .fds = {{1, log.get()}, {2, log.get()}, {3, ready.write.get()}, {4, alive.get()}},
                              .cwd = "/",
                              .inherit_stdio = false,
                              .new_session = true};
  auto process = TRY(Process::spawn(command), "start slirp4netns");
  TRY(write_pin(pin, process.pid()));
  ready.write.reset();
  const auto answer = TRY(read_answer(ready.read.get(), "slirp4netns"));
  if (answer.empty()) {
    const auto said = sys::read_file(folder(run_dir) + "/slirp4netns.log", 64 << 10).value_or("");
    return fail(Code::failed_precondition, "slirp4netns did not start: {}", said.substr(0, 2000));
  }
  TRY(wait_for_socket(socket));
  process.detach();  // it lives as long as the holder
  return {};
}

Result<> use_slirp_resolver(const std::string& run_dir) {
  char target[PATH_MAX];
  if (::realpath("/etc/resolv.conf", target) == nullptr) return {};  // the host asks nobody: nor do we
  const auto path = folder(run_dir) + "/resolv.conf";
  TRY(sys::write_file_atomic(path, resolver_text(), 0644));
  return mount(path, target, "", MS_BIND, "");
}

}  // namespace fulcrum::os::rootless
