#include "http/stream.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/sys.h"

namespace fulcrum::http {
namespace {

bool would_block(int err) { return err == EAGAIN || err == EWOULDBLOCK; }

class FdStream final : public Stream {
 public:
  FdStream(UniqueFd fd, bool socket) : fd_(std::move(fd)), socket_(socket) {}

  int fd() const override { return fd_.get(); }

  Result<Attempt> try_read(char* data, std::size_t size) override {
    for (;;) {
      const auto n = ::read(fd_.get(), data, size);
      if (n > 0) return Attempt{.bytes = static_cast<std::size_t>(n)};
      if (n == 0) return Attempt{.end = true};
      if (errno == EINTR) continue;
      if (would_block(errno)) return Attempt{.wait_for = POLLIN};
      if (errno == EIO && !socket_) return Attempt{.end = true};  // a terminal whose other side is closed
      return gone("read");
    }
  }

  Result<Attempt> try_write(std::string_view data) override {
    for (;;) {
      const auto n = socket_ ? ::send(fd_.get(), data.data(), data.size(), MSG_NOSIGNAL) : ::write(fd_.get(), data.data(), data.size());
      if (n >= 0) return Attempt{.bytes = static_cast<std::size_t>(n)};
      if (errno == EINTR) continue;
      if (would_block(errno)) return Attempt{.wait_for = POLLOUT};
      return gone("write");
    }
  }

  Result<> shutdown_write() override {
    if (!socket_) {
      fd_.reset();  // the writing end of a pipe: closing is the only way to say so
      return {};
    }
    if (::shutdown(fd_.get(), SHUT_WR) < 0 && errno != ENOTCONN) return fail_errno(errno, "shut down");
    return {};
  }

  Result<UniqueFd> release() override {
    TRY(sys::set_nonblocking(fd_.get(), false));
    return std::move(fd_);
  }

 private:
  static std::unexpected<Error> gone(const char* what) {
    const int err = errno;
    auto error = fail_errno(err, "{}", what);
    if (err == EPIPE || err == ECONNRESET || err == ETIMEDOUT) error.error().code = Code::unavailable;
    return error;
  }

  UniqueFd fd_;
  bool socket_;
};

}  // namespace

Result<std::size_t> Stream::read(char* data, std::size_t size, const StopSource& stop, const Deadline& deadline) {
  for (;;) {
    const auto attempt = TRY(try_read(data, size));
    if (attempt.bytes > 0 || attempt.end) return attempt.bytes;
    TRY(wait_any(stop, deadline, {{fd(), attempt.wait_for}}), "read");
  }
}

Result<> Stream::write(std::string_view data, const StopSource& stop, const Deadline& deadline) {
  while (!data.empty()) {
    const auto attempt = TRY(try_write(data));
    data.remove_prefix(attempt.bytes);
    if (attempt.bytes == 0) TRY(wait_any(stop, deadline, {{fd(), attempt.wait_for}}), "write");
  }
  return {};
}

Result<std::unique_ptr<Stream>> make_stream(UniqueFd fd) {
  struct stat st;
  if (::fstat(fd.get(), &st) < 0) return fail_errno(errno, "stream");
  TRY(sys::set_nonblocking(fd.get(), true));
  return std::make_unique<FdStream>(std::move(fd), S_ISSOCK(st.st_mode));
}

}  // namespace fulcrum::http
