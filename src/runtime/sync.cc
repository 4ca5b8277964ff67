#include "runtime/sync.h"

#include <sys/socket.h>

#include <algorithm>

#include "base/sys.h"

namespace fulcrum::runtime {
namespace {

constexpr std::size_t kMaxMessage = 64 << 10;
constexpr std::size_t kFdsPerMessage = 250;  // SCM_MAX_FD is 253

// First byte of each message.
constexpr char kRunHooks = 'H';
constexpr char kListener = 'L';
constexpr char kReady = 'R';
constexpr char kFailed = 'F';
constexpr char kProceed = 'P';
constexpr char kMoreDescriptors = 'M';

struct Encoder {
  std::string operator()(const RunHooks&) const { return {kRunHooks}; }
  std::string operator()(const Listener&) const { return {kListener}; }
  std::string operator()(const Ready& ready) const { return kReady + ready.warning.substr(0, kMaxMessage / 2); }
  std::string operator()(const Failed& failed) const {
    const auto code = static_cast<char>('a' + static_cast<int>(failed.error.code));
    return fmt::format("{}{}{}:{}", kFailed, code, failed.error.sys_errno, failed.error.message.substr(0, kMaxMessage / 2));
  }
  std::string operator()(const Closed&) const { return {}; }
};

/// "F<code letter><errno>:<message>"
Failed decode_failed(std::string_view text) {
  Error error{Code::internal, "unreadable error from init"};
  const auto colon = text.find(':');
  if (text.size() < 2 || colon == std::string_view::npos) return {error};
  error.code = static_cast<Code>(std::clamp(text[0] - 'a', 0, static_cast<int>(Code::unauthenticated)));
  error.sys_errno = std::atoi(std::string(text.substr(1, colon - 1)).c_str());
  error.message = text.substr(colon + 1);
  return {error};
}

}  // namespace

Result<SyncPair> SyncSocket::make() {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) return fail_errno(errno, "make socket pair");
  return SyncPair{SyncSocket(UniqueFd(fds[0])), SyncSocket(UniqueFd(fds[1]))};
}

Result<> SyncSocket::say(const FromInit& message) const {
  const auto text = std::visit(Encoder(), message);
  const auto* listener = std::get_if<Listener>(&message);
  const int fd = listener != nullptr ? listener->fd.get() : -1;
  return sys::send_message(fd_.get(), text, std::span(&fd, fd >= 0 ? 1 : 0));
}

Result<std::vector<UniqueFd>> SyncSocket::wait_proceed() const {
  std::vector<UniqueFd> fds;
  for (;;) {
    auto message = TRY(sys::receive_message(fd_.get(), kMaxMessage, kFdsPerMessage), "wait for the runtime");
    if (message.data.empty()) return fail(Code::unavailable, "the runtime is gone");
    for (auto& fd : message.fds) fds.push_back(std::move(fd));
    if (message.data[0] == kProceed) return fds;
  }
}

Result<FromInit> SyncSocket::listen() const {
  auto message = sys::receive_message(fd_.get(), kMaxMessage, 1);
  if (!message && message.error().sys_errno == ECONNRESET) return Closed{};
  if (!message) return std::unexpected(with_context(std::move(message).error(), "wait for init"));
  if (message->data.empty()) return Closed{};
  const auto text = std::string_view(message->data).substr(1);
  switch (message->data[0]) {
    case kRunHooks: return RunHooks{};
    case kListener:
      if (message->fds.empty()) return fail(Code::internal, "init sent no seccomp listener");
      return Listener{std::move(message->fds[0])};
    case kReady: return Ready{std::string(text)};
    case kFailed: return decode_failed(text);
  }
  return fail(Code::internal, "unknown message from init");
}

Result<> SyncSocket::proceed(const std::vector<UniqueFd>& fds) const {
  std::vector<int> raw;
  for (const auto& fd : fds) raw.push_back(fd.get());
  std::span<const int> rest(raw);
  while (rest.size() > kFdsPerMessage) {
    TRY(sys::send_message(fd_.get(), std::string(1, kMoreDescriptors), rest.first(kFdsPerMessage)), "tell init");
    rest = rest.subspan(kFdsPerMessage);
  }
  return sys::send_message(fd_.get(), std::string(1, kProceed), rest);
}

}  // namespace fulcrum::runtime
