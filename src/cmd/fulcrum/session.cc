#include "cmd/fulcrum/session.h"

#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include <array>

#include "base/scope_exit.h"
#include "base/sys.h"
#include "base/wait.h"
#include "base/words.h"
#include "cmd/fulcrum/context.h"
#include "cmd/fulcrum/output.h"
#include "schema/schema.h"

namespace fulcrum::cli {
namespace {

enum Frame : unsigned char { kStdin = 0, kStdout = 1, kStderr = 2, kResize = 3, kExit = 4, kSignal = 5, kError = 6 };
constexpr std::size_t kMaxFrame = 1 << 20;

std::string frame(Frame type, std::string_view payload) {
  const auto n = static_cast<std::uint32_t>(payload.size());
  std::string out{static_cast<char>(type), 0, 0, 0, static_cast<char>(n >> 24), static_cast<char>(n >> 16), static_cast<char>(n >> 8),
                  static_cast<char>(n)};
  out += payload;
  return out;
}

/// Takes whole frames off the front of a buffer.
class FrameReader {
 public:
  void add(std::string_view bytes) { buffer_ += bytes; }
  /// True when a frame was taken.
  Result<bool> next(unsigned char& type, std::string& payload) {
    if (buffer_.size() - used_ < 8) return compact();
    const auto* p = reinterpret_cast<const unsigned char*>(buffer_.data() + used_);
    const std::size_t length = std::size_t{p[4]} << 24 | std::size_t{p[5]} << 16 | std::size_t{p[6]} << 8 | p[7];
    if (length > kMaxFrame) return fail(Code::data_loss, "the engine sent a frame of {} bytes", length);
    if (buffer_.size() - used_ < 8 + length) return compact();
    type = p[0];
    payload.assign(buffer_, used_ + 8, length);
    used_ += 8 + length;
    return true;
  }

 private:
  bool compact() {
    buffer_.erase(0, used_);
    used_ = 0;
    return false;
  }
  std::string buffer_;
  std::size_t used_ = 0;
};

std::string window_size() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 && ::ioctl(STDIN_FILENO, TIOCGWINSZ, &size) < 0) return {};
  return {static_cast<char>(size.ws_row >> 8), static_cast<char>(size.ws_row), static_cast<char>(size.ws_col >> 8),
          static_cast<char>(size.ws_col)};
}

/// Finds the detach sequence in what is typed; bytes that turn out not to belong to it are given on.
class DetachWatcher {
 public:
  explicit DetachWatcher(std::string keys) : keys_(std::move(keys)) {}
  /// True when the sequence is complete; `out` gets what is to be sent.
  bool feed(std::string_view typed, std::string& out) {
    for (const char c : typed) {
      if (!keys_.empty() && c == keys_[matched_]) {
        if (++matched_ == keys_.size()) return true;
        continue;
      }
      out.append(keys_, 0, matched_);
      matched_ = !keys_.empty() && c == keys_[0] ? 1 : 0;
      if (matched_ == 0) out += c;
    }
    return false;
  }

 private:
  std::string keys_;
  std::size_t matched_ = 0;
};

class Session {
 public:
  Session(UniqueFd socket, const SessionOptions& options, std::string detach_keys)
      : socket_(std::move(socket)), options_(options), watcher_(std::move(detach_keys)) {}

  Result<SessionEnd> run(const std::string& early) {
    frames_.add(early);
    TRY(catch_signals());
    const bool raw = options_.tty && options_.stdin_open && ::isatty(STDIN_FILENO) != 0;
    termios saved{};
    if (raw) {
      ::tcgetattr(STDIN_FILENO, &saved);
      auto changed = saved;
      ::cfmakeraw(&changed);
      ::tcsetattr(STDIN_FILENO, TCSADRAIN, &changed);
    }
    ScopeExit restore([&] {
      if (raw) ::tcsetattr(STDIN_FILENO, TCSADRAIN, &saved);
    });
    if (options_.tty) TRY(send_size());
    stdin_open_ = options_.stdin_open;
    for (;;) {
      if (TRY(take_frames())) return end_;
      const short send = outgoing_.empty() ? 0 : POLLOUT;
      const bool read_stdin = stdin_open_ && outgoing_.size() < kMaxFrame;
      const auto ready = TRY(wait_any(
          StopSource::never(), Deadline::never(),
          {{signals_.get(), POLLIN}, {socket_.get(), static_cast<short>(POLLIN | send)}, {read_stdin ? STDIN_FILENO : -1, POLLIN}}));
      if (ready == 0) TRY(on_signal());
      if (ready == 1 && TRY(on_socket())) return end_;
      if (ready == 2 && on_stdin()) return end_;
    }
  }

 private:
  Result<> catch_signals() {
    sigset_t set;
    sigemptyset(&set);
    for (const int s : {SIGWINCH, SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2}) sigaddset(&set, s);
    if (!options_.signal_proxy) {
      sigemptyset(&set);
      sigaddset(&set, SIGWINCH);
    }
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
    signals_ = UniqueFd(::signalfd(-1, &set, SFD_CLOEXEC));
    if (!signals_.valid()) return fail_errno(errno, "signalfd");
    return {};
  }

  Result<> on_signal() {
    signalfd_siginfo info;
    if (::read(signals_.get(), &info, sizeof info) != sizeof info) return {};
    if (info.ssi_signo == SIGWINCH) {
      if (options_.tty) return send_size();
      return {};
    }
    const char number = static_cast<char>(info.ssi_signo);
    outgoing_ += frame(kSignal, std::string_view(&number, 1));
    return {};
  }

  Result<> send_size() {
    if (const auto size = window_size(); !size.empty()) outgoing_ += frame(kResize, size);
    return {};
  }

  /// True when the session ended.
  Result<bool> on_socket() {
    if (!outgoing_.empty()) {
      const auto n = ::send(socket_.get(), outgoing_.data(), outgoing_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (n > 0) outgoing_.erase(0, static_cast<std::size_t>(n));
    }
    std::array<char, 65536> buffer;
    const auto n = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return false;
    if (n <= 0) {
      end_.lost = true;
      return true;
    }
    frames_.add(std::string_view(buffer.data(), static_cast<std::size_t>(n)));
    return false;
  }

  /// True when the user detached.
  bool on_stdin() {
    std::array<char, 65536> buffer;
    const auto n = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) return false;
    if (n <= 0) {
      outgoing_ += frame(kStdin, "");
      stdin_open_ = false;
      return false;
    }
    std::string typed(buffer.data(), static_cast<std::size_t>(n));
    if (options_.tty) {
      std::string kept;
      if (watcher_.feed(typed, kept)) {
        end_.detached = true;
        return true;
      }
      typed = std::move(kept);
    }
    if (!typed.empty()) outgoing_ += frame(kStdin, typed);
    return false;
  }

  /// True when the last frame was seen.
  Result<bool> take_frames() {
    unsigned char type = 0;
    std::string payload;
    while (TRY(frames_.next(type, payload))) {
      if (type == kStdout) print(payload);
      if (type == kStderr) [[maybe_unused]]
        const auto written = sys::write_all(STDERR_FILENO, payload);
      if (type == kExit) {
        const auto body = TRY(schema::parse(payload), "exit frame");
        if (const auto* code = at(body, "exitCode").if_int64()) end_.exit_code = static_cast<int>(*code);
        return true;
      }
      if (type == kError) return std::unexpected(error_of(500, payload));
    }
    return false;
  }

  UniqueFd socket_;
  UniqueFd signals_;
  const SessionOptions& options_;
  DetachWatcher watcher_;
  FrameReader frames_;
  std::string outgoing_;
  bool stdin_open_ = false;
  SessionEnd end_;
};

}  // namespace

Result<std::string> parse_detach_keys(std::string_view text) {
  std::string keys;
  if (text.empty()) return keys;
  for (const auto& part : split(text, ',')) {
    if (part.size() == 1) {
      keys += part[0];
    } else if (part.starts_with("ctrl-") && part.size() == 6 &&
               ((part[5] >= 'a' && part[5] <= 'z') || (part[5] >= '@' && part[5] <= '_'))) {
      keys += static_cast<char>(part[5] & 0x1f);
    } else {
      return fail(Code::invalid_argument, "\"{}\" is not a key (a, ctrl-p, ctrl-[)", part);
    }
  }
  return keys;
}

Result<SessionEnd> run_session(http::Hijacked connection, const SessionOptions& options) {
  auto keys = TRY(parse_detach_keys(options.detach_keys), "detach keys");
  auto socket = TRY(connection.stream->release());
  return Session(std::move(socket), options, std::move(keys)).run(connection.early);
}

Result<> print_frames(const std::function<Result<std::size_t>(char*, std::size_t)>& read) {
  FrameReader frames;
  std::array<char, 65536> buffer;
  for (;;) {
    const auto n = TRY(read(buffer.data(), buffer.size()));
    if (n == 0) return {};
    frames.add(std::string_view(buffer.data(), n));
    unsigned char type = 0;
    std::string payload;
    while (TRY(frames.next(type, payload))) {
      if (type == kStdout) print(payload);
      if (type == kStderr) TRY(sys::write_all(STDERR_FILENO, payload));
      if (type == kError) return std::unexpected(error_of(500, payload));
    }
  }
}

}  // namespace fulcrum::cli
