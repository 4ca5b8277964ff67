#include "sandbox/shim/helper.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/sys.h"

namespace fulcrum::sandbox::shim {
namespace {

constexpr std::size_t kMaxText = 16 << 10;

}  // namespace

Result<std::unique_ptr<Helper>> Helper::start(Loop& loop, Command command, ChildEnds* ends, Done done) {
  std::unique_ptr<Helper> helper(new Helper(loop, std::move(done)));
  Process::Spec spec{.argv = std::move(command.argv),
                     .env = std::vector<std::string>{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"},
                     .program = std::move(command.program)};
  sys::Pipe pipe;
  if (ends != nullptr) {
    if (ends->in.valid()) spec.fds.emplace_back(0, ends->in.get());
    if (ends->out.valid()) spec.fds.emplace_back(1, ends->out.get());
    if (ends->err.valid()) spec.fds.emplace_back(2, ends->err.get());
  }
  if (ends == nullptr || !ends->err.valid()) {
    pipe = TRY(sys::pipe());
    TRY(sys::set_nonblocking(pipe.read.get(), true));
    spec.fds.emplace_back(2, pipe.write.get());
    helper->captured_ = std::move(pipe.read);
    TRY(loop.add(helper->captured_.get(), EPOLLIN, helper.get()));
  }
  auto process = TRY(Process::spawn(spec));
  helper->pid_ = process.pid();
  process.detach();  // the shim's one waitpid reaps it
  return helper;
}

Helper::~Helper() { loop_.remove(captured_.get()); }

void Helper::ready(std::uint32_t) {
  std::array<char, 1024> buffer;
  for (;;) {
    const auto n = captured_.valid() ? ::read(captured_.get(), buffer.data(), buffer.size()) : 0;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return;
    if (n == 0) break;
    text_.append(buffer.data(), std::min(static_cast<std::size_t>(n), kMaxText - std::min(kMaxText, text_.size())));
  }
  loop_.remove(captured_.get());
  captured_.reset();
}

void Helper::ended(int wait_status) {
  ready(0);
  done_(ExitStatus::from_wait_status(wait_status), std::move(text_));
}

Result<std::unique_ptr<ConsoleSocket>> ConsoleSocket::listen(Loop& loop, std::string path, Got got) {
  std::unique_ptr<ConsoleSocket> socket(new ConsoleSocket(loop, std::move(path), std::move(got)));
  socket->listener_ = TRY(sys::listen_unix(socket->path_, 0600));
  TRY(sys::set_nonblocking(socket->listener_.get(), true));
  TRY(loop.add(socket->listener_.get(), EPOLLIN, socket.get()));
  return socket;
}

ConsoleSocket::~ConsoleSocket() {
  loop_.remove(listener_.get());
  ::unlink(path_.c_str());
}

// The runtime sends right after it has connected, so that reading does not wait long for a root process that speaks to us.
void ConsoleSocket::ready(std::uint32_t) {
  UniqueFd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!connection.valid()) return;
  auto message = sys::receive_message(connection.get(), 4096, 1);
  if (message && message->fds.size() == 1) got_(std::move(message->fds[0]));
}

}  // namespace fulcrum::sandbox::shim
