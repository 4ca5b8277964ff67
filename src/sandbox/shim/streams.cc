#include "sandbox/shim/streams.h"

#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/sys.h"

namespace fulcrum::sandbox::shim {
namespace {

// Beyond this much untaken input no client is read.
constexpr std::size_t kInputBacklog = 64 << 10;

// One for the whole process, which has one thread: what is read is written before the next read.
char buffer[kMaxLogPart];

}  // namespace

Streams::Streams(Loop& loop, LogWriter* log, bool input_once, std::function<void(int)> on_signal)
    : loop_(loop),
      log_(log),
      input_once_(input_once),
      on_signal_(std::move(on_signal)),
      in_port_([this](std::uint32_t) { write_input(); }),
      out_port_([this](std::uint32_t events) { pump(Stream::output, events); }),
      err_port_([this](std::uint32_t events) { pump(Stream::error, events); }) {}

Streams::~Streams() {
  clients_.clear();
  close_input();
  if (begun_) {
    loop_.remove(out_.get());
    loop_.remove(err_.get());
  }
}

Result<ChildEnds> Streams::make_pipes(bool input) {
  ChildEnds ends;
  if (input) {
    auto pipe = TRY(sys::pipe());
    TRY(sys::set_nonblocking(pipe.write.get(), true));
    in_ = std::move(pipe.write);
    ends.in = std::move(pipe.read);
    input_allowed_ = true;
  }
  for (const auto stream : {Stream::output, Stream::error}) {
    auto pipe = TRY(sys::pipe());
    TRY(sys::set_nonblocking(pipe.read.get(), true));
    end(stream) = std::move(pipe.read);
    (stream == Stream::output ? ends.out : ends.err) = std::move(pipe.write);
  }
  return ends;
}

Result<> Streams::take_terminal(UniqueFd master, bool input) {
  TRY(sys::set_nonblocking(master.get(), true));
  if (input) in_ = TRY(sys::duplicate(master.get()));
  out_ = std::move(master);
  tty_ = true;
  input_allowed_ = input;
  return {};
}

Result<> Streams::begin() {
  begun_ = true;
  if (out_.valid()) TRY(loop_.add(out_.get(), EPOLLIN, &out_port_));
  if (err_.valid()) TRY(loop_.add(err_.get(), EPOLLIN, &err_port_));
  write_input();
  return {};
}

std::string Streams::take_error_text() {
  std::string text;
  while (err_.valid() && text.size() < sizeof buffer) {
    const auto n = ::read(err_.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    text.append(buffer, static_cast<std::size_t>(n));
  }
  return text;
}

void Streams::pump(Stream stream, std::uint32_t) {
  read_chunk(stream);
  update_ports();
}

// False when there is nothing to read now, or ever.
bool Streams::read_chunk(Stream stream) {
  auto& from = end(stream);
  if (!from.valid()) return false;
  ssize_t n;
  do {
    n = ::read(from.get(), buffer, sizeof buffer);
  } while (n < 0 && errno == EINTR);
  if (n < 0 && errno == EAGAIN) return false;
  if (n <= 0) {  // end of file; EIO is how a terminal says that
    close_output(stream);
    return false;
  }
  const std::string_view bytes(buffer, static_cast<std::size_t>(n));
  if (log_ != nullptr) log_->write(stream, bytes);
  for (const auto& client : clients_) client->output(stream, bytes);
  return true;
}

void Streams::close_output(Stream stream) {
  auto& from = end(stream);
  if (begun_) loop_.remove(from.get());
  from.reset();
}

void Streams::update_ports() {
  const bool stop = std::ranges::any_of(clients_, [](const auto& client) { return client->full() && !client->finishing(); });
  if (stop == out_stopped_ || !begun_) return;
  out_stopped_ = stop;
  // Taken out of the loop altogether: a hang-up would be reported for ever otherwise.
  for (const auto stream : {Stream::output, Stream::error}) {
    if (!end(stream).valid()) continue;
    if (stop) {
      loop_.remove(end(stream).get());
    } else {
      (void)loop_.add(end(stream).get(), EPOLLIN, stream == Stream::output ? &out_port_ : &err_port_);
    }
  }
}

Result<> Streams::attach(UniqueFd fd, const Request& request) {
  auto client = TRY(Client::make(loop_, *this, std::move(fd), request, tty_, log_));
  auto& attached = *clients_.emplace_back(std::move(client));
  if (!request.early.empty()) attached.early_input(request.early);
  if (request.height != 0 && request.width != 0) client_resize({request.height, request.width});
  return {};
}

Result<> Streams::resize(WindowSize size) {
  if (!tty_ || !out_.valid()) return fail(Code::failed_precondition, "resize: the process has no terminal");
  const winsize window{.ws_row = size.height, .ws_col = size.width, .ws_xpixel = 0, .ws_ypixel = 0};
  if (::ioctl(out_.get(), TIOCSWINSZ, &window) < 0) return fail_errno(errno, "resize the terminal");
  return {};
}

void Streams::drain() {
  // What the process wrote before its end is in the pipes now. Clients may fall behind by at most what a pipe holds beyond their backlog.
  for (const auto stream : {Stream::output, Stream::error}) {
    while (read_chunk(stream)) {
    }
    if (end(stream).valid()) close_output(stream);
  }
}

void Streams::finish(const std::string& exit_payload) {
  finished_ = true;
  close_input();
  for (const auto& client : clients_) client->finish(FrameType::exit, exit_payload);
}

std::optional<Client::Time> Streams::cut_stalled() {
  const auto now = std::chrono::steady_clock::now();
  std::erase_if(clients_, [&](const auto& client) { return client->deadline() && *client->deadline() <= now; });
  update_ports();
  std::optional<Client::Time> next;
  for (const auto& client : clients_) {
    if (const auto at = client->deadline(); at && (!next || *at < *next)) next = at;
  }
  return next;
}

void Streams::client_input(std::string_view bytes) {
  if (!input_allowed_ || !in_.valid() || input_end_wanted_) return;
  pending_input_ += bytes;
  if (begun_) write_input();
  if (pending_input_.size() < kInputBacklog) return;
  for (const auto& client : clients_) client->pause_input(true);
}

void Streams::write_input() {
  std::size_t done = 0;
  while (in_.valid() && done < pending_input_.size()) {
    const auto n = ::write(in_.get(), pending_input_.data() + done, pending_input_.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) break;
    if (n < 0) {  // nobody reads it any more
      pending_input_.clear();
      return close_input();
    }
    done += static_cast<std::size_t>(n);
  }
  pending_input_.erase(0, done);
  if (pending_input_.empty()) {
    std::string().swap(pending_input_);
    if (input_end_wanted_) return close_input();
  }
  if (!in_.valid()) return;
  if (!pending_input_.empty() && !in_waiting_) {
    in_waiting_ = loop_.add(in_.get(), EPOLLOUT, &in_port_).has_value();
  } else if (pending_input_.empty() && in_waiting_) {
    loop_.remove(in_.get());
    in_waiting_ = false;
  }
  if (pending_input_.size() < kInputBacklog / 2) {
    for (const auto& client : clients_) client->pause_input(false);
  }
}

void Streams::close_input() {
  if (in_waiting_) loop_.remove(in_.get());
  in_waiting_ = false;
  in_.reset();
  for (const auto& client : clients_) client->pause_input(false);
}

// A terminal has no end of input: the user types it.
void Streams::client_input_ended(Client& client) {
  if (!client.wants_input() || !input_once_ || tty_) return;
  input_end_wanted_ = true;
  if (begun_) write_input();
}

void Streams::client_resize(WindowSize size) { (void)resize(size); }

void Streams::client_signal(int signo) { on_signal_(signo); }

void Streams::client_gone(Client& client) {
  if (!finished_) client_input_ended(client);
  std::erase_if(clients_, [&](const auto& one) { return one.get() == &client; });
  update_ports();
}

void Streams::client_drained() { update_ports(); }

}  // namespace fulcrum::sandbox::shim
