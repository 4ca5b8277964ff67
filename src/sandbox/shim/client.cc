#include "sandbox/shim/client.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>

namespace fulcrum::sandbox::shim {

Result<std::unique_ptr<Client>> Client::make(Loop& loop, ClientOwner& owner, UniqueFd fd, const Request& request, bool tty,
                                             const LogWriter* log) {
  auto keys = TRY(DetachKeys::parse(request.detach_keys));
  std::unique_ptr<Client> client(new Client(loop, owner, std::move(fd), request, tty, log));
  client->keys_ = std::move(keys);
  TRY(loop.add(client->fd_.get(), 0, client.get()), "attach");
  client->update_interest();
  if (client->replay_) client->replay();
  return client;
}

Client::Client(Loop& loop, ClientOwner& owner, UniqueFd fd, const Request& request, bool tty, const LogWriter* log)
    : loop_(loop), owner_(owner), fd_(std::move(fd)), format_(request.format), tty_(tty), log_(log) {
  if ((format_ & kLogs) != 0 && log != nullptr && log->enabled()) replay_.emplace(*log);
}

Client::~Client() { loop_.remove(fd_.get()); }

std::optional<Client::Time> Client::deadline() const {
  if (full_since_) return *full_since_ + kPatience;
  return std::nullopt;
}

void Client::ready(std::uint32_t events) {
  if ((events & (EPOLLHUP | EPOLLERR)) != 0) broken_ = true;
  if (!broken_ && (events & EPOLLOUT) != 0) {
    const bool was_full = full();
    flush();
    if (was_full && !full() && !broken_) owner_.client_drained();
  }
  if (!broken_ && (events & EPOLLIN) != 0) read_some();
  if (broken_ || (finishing_ && pending() == 0 && !replay_)) return owner_.client_gone(*this);
  update_interest();
}

void Client::read_some() {
  static std::array<char, 64 << 10> buffer;  // one for the process, which has one thread
  const auto n = ::recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (n < 0) {
    broken_ = errno != EAGAIN && errno != EINTR;
    return;
  }
  if (n == 0) {
    input_ended_ = true;
    return owner_.client_input_ended(*this);
  }
  take_input({buffer.data(), static_cast<std::size_t>(n)});
}

void Client::take_input(std::string_view bytes) {
  if ((format_ & kFramedInput) != 0) {
    while (!bytes.empty() && !broken_ && take_item(bytes)) {
    }
    return;
  }
  if (!wants_input()) return;
  if (!tty_ || keys_.empty()) return owner_.client_input(bytes);
  std::string typed;
  if (keys_.feed(bytes, typed)) broken_ = true;  // detached
  if (!typed.empty()) owner_.client_input(typed);
}

bool Client::take_item(std::string_view& bytes) {
  const auto item = reader_.next(bytes);
  switch (item.kind) {
    case FrameReader::Item::Kind::need_more: return false;
    case FrameReader::Item::Kind::input:
      if (wants_input()) owner_.client_input(item.bytes);
      break;
    case FrameReader::Item::Kind::end_of_input:
      if (wants_input()) owner_.client_input_ended(*this);
      break;
    case FrameReader::Item::Kind::resize: owner_.client_resize(item.size); break;
    case FrameReader::Item::Kind::signal: owner_.client_signal(item.signal); break;
    case FrameReader::Item::Kind::broken:
      input_ended_ = true;
      finish(FrameType::error, R"({"code":"invalid_argument","message":"the client does not send frames"})");
      return false;
  }
  return true;
}

void Client::output(Stream stream, std::string_view bytes) {
  if (!replay_ && !finishing_) emit(stream, bytes);  // what is logged reaches a replaying client through the log
}

void Client::emit(Stream stream, std::string_view bytes) {
  if ((format_ & (stream == Stream::output ? kStdout : kStderr)) == 0 || bytes.empty()) return;
  if ((format_ & kFramedOutput) == 0) return send({}, bytes);
  const auto head = frame_header(stream == Stream::output ? FrameType::output : FrameType::error_output, bytes.size());
  send({head.data(), head.size()}, bytes);
}

void Client::send(std::string_view head, std::string_view body) {
  std::size_t done = 0;
  if (pending() == 0 && !broken_) {
    std::array<iovec, 2> parts{iovec{const_cast<char*>(head.data()), head.size()}, iovec{const_cast<char*>(body.data()), body.size()}};
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    const auto n = ::sendmsg(fd_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n >= 0) {
      done = static_cast<std::size_t>(n);
    } else if (errno != EAGAIN && errno != EINTR) {
      broken_ = true;
      ::shutdown(fd_.get(), SHUT_RDWR);  // makes epoll report a hang-up, and the client goes then
    }
  }
  if (broken_ || done == head.size() + body.size()) return;
  backlog_ += head.substr(std::min(done, head.size()));
  backlog_ += body.substr(done - std::min(done, head.size()));
  if (pending() >= kBacklog && !full_since_) full_since_ = std::chrono::steady_clock::now();
  update_interest();
}

void Client::flush() {
  bool sent_something = false;
  while (pending() > 0) {
    const auto n = ::send(fd_.get(), backlog_.data() + sent_, pending(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0) {
      broken_ = errno != EAGAIN && errno != EINTR;
      break;
    }
    sent_ += static_cast<std::size_t>(n);
    sent_something = true;
  }
  if (pending() == 0) {
    std::string().swap(backlog_);  // gives the memory back
    sent_ = 0;
  } else if (sent_ >= kBacklog / 2) {
    backlog_.erase(0, sent_);
    sent_ = 0;
  }
  if (finishing_ && sent_something) full_since_ = std::chrono::steady_clock::now();
  if (!finishing_ && pending() <= kBacklog / 2) full_since_.reset();
  if (replay_ && !full() && !broken_) replay();
}

void Client::replay() {
  while (pending() < kBacklog / 2 && !broken_) {
    if (replay_->step(*log_, [this](Stream stream, std::string_view bytes) { emit(stream, bytes); })) continue;
    replay_.reset();
    if (finishing_) send({}, last_frame_);
    return;
  }
}

void Client::finish(FrameType type, std::string_view payload) {
  if (finishing_) return;
  finishing_ = true;
  if ((format_ & kFramedOutput) != 0 && ((format_ & kExitFrame) != 0 || type == FrameType::error)) last_frame_ = make_frame(type, payload);
  if (!replay_) send({}, last_frame_);
  if (!full_since_) full_since_ = std::chrono::steady_clock::now();  // what is left must be taken in that time
  interest_ = 0;
  loop_.change(fd_.get(), interest_ = EPOLLOUT, this);  // fires at once when nothing is left, and ready() ends it
}

void Client::pause_input(bool paused) {
  if (input_paused_ == paused) return;
  input_paused_ = paused;
  update_interest();
}

void Client::update_interest() {
  const bool reads = !input_ended_ && !finishing_ && !input_paused_ && (wants_input() || (format_ & kFramedInput) != 0);
  const std::uint32_t wanted =
      (reads ? std::uint32_t{EPOLLIN} : 0) | (pending() > 0 || finishing_ || replay_ ? std::uint32_t{EPOLLOUT} : 0);
  if (wanted == interest_) return;
  interest_ = wanted;
  loop_.change(fd_.get(), wanted, this);
}

}  // namespace fulcrum::sandbox::shim
