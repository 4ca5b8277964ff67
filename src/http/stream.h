// A byte stream over a descriptor: plain sockets and pipes here, TLS in tls.h.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/unique_fd.h"
#include "base/wait.h"

namespace fulcrum::http {

/// What one attempt to read or write did.
struct Attempt {
  std::size_t bytes = 0;  ///< moved; > 0 means progress
  short wait_for = 0;     ///< nothing moved: poll the descriptor for this (POLLIN or POLLOUT) and try again
  bool end = false;       ///< read only: the peer will send no more
};

/// A two-way byte stream. Owned by one thread at a time. Writing to a pipe without reader raises SIGPIPE, which programs ignore from
/// main().
class Stream {
 public:
  virtual ~Stream() = default;
  /// The descriptor to wait on.
  virtual int fd() const = 0;
  /// One attempt, never blocks. Errors: unavailable when the peer reset the connection.
  [[nodiscard]] virtual Result<Attempt> try_read(char* data, std::size_t size) = 0;
  [[nodiscard]] virtual Result<Attempt> try_write(std::string_view data) = 0;
  /// True when try_read() has bytes that poll cannot see (decrypted already).
  virtual bool has_buffered() const { return false; }
  /// Says that we send no more; reading goes on.
  [[nodiscard]] virtual Result<> shutdown_write() = 0;
  /// Gives the bare descriptor away (to another process, say). Errors: unimplemented for an encrypted stream.
  [[nodiscard]] virtual Result<UniqueFd> release() = 0;

  /// Reads at least one byte; 0 is the end.
  [[nodiscard]] Result<std::size_t> read(char* data, std::size_t size, const StopSource& stop, const Deadline& deadline);
  /// Writes everything.
  [[nodiscard]] Result<> write(std::string_view data, const StopSource& stop, const Deadline& deadline);
};

/// Takes a socket, pipe or terminal; makes it non-blocking.
[[nodiscard]] Result<std::unique_ptr<Stream>> make_stream(UniqueFd fd);

/// A connection that left HTTP behind: the raw stream, and bytes that the peer sent right behind its header.
struct Hijacked {
  std::unique_ptr<Stream> stream;
  std::string early;  ///< to be consumed before the stream
};

}  // namespace fulcrum::http
