// WebSocket frames (RFC 6455) over a hijacked connection.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/wait.h"
#include "http/stream.h"

namespace fulcrum::http {

/// One message, put together from its frames.
struct WebSocketMessage {
  enum class Type { text, binary, closed } type = Type::binary;
  std::string data;  ///< closed: the reason
  int close_code = 0;
};

/// The server's end of a WebSocket. Owned by one thread.
class WebSocket {
 public:
  /// `protocol`: the chosen subprotocol, may be empty. Messages over `max_message` bytes close the connection with 1009.
  WebSocket(Hijacked connection, std::string protocol, std::size_t max_message = 1 << 20);

  const std::string& protocol() const { return protocol_; }
  /// Wait for this (POLLIN) before try_receive(), unless has_buffered().
  int fd() const { return stream_->fd(); }
  bool has_buffered() const;
  /// The next message; answers pings and the closing handshake by itself. Errors: invalid_argument after a protocol violation (the peer was
  /// told 1002), unavailable when the peer vanished, cancelled, deadline_exceeded.
  [[nodiscard]] Result<WebSocketMessage> receive(const StopSource& stop, const Deadline& deadline);
  [[nodiscard]] Result<> send(WebSocketMessage::Type type, std::string_view data, const StopSource& stop, const Deadline& deadline);
  /// Sends the closing frame; receive() then gives `closed`.
  [[nodiscard]] Result<> close(int code, std::string_view reason, const StopSource& stop, const Deadline& deadline);

 private:
  struct Frame {
    bool fin = false;
    unsigned opcode = 0;
    std::string payload;
  };
  [[nodiscard]] Result<Frame> receive_frame(const StopSource& stop, const Deadline& deadline);
  [[nodiscard]] Result<> fill(std::size_t size, const StopSource& stop, const Deadline& deadline);
  [[nodiscard]] Result<> send_frame(unsigned opcode, std::string_view data, const StopSource& stop, const Deadline& deadline);
  [[nodiscard]] std::unexpected<Error> violate(int code, std::string_view what, const StopSource& stop, const Deadline& deadline);
  [[nodiscard]] Result<WebSocketMessage> on_close(const Frame& frame, const StopSource& stop, const Deadline& deadline);

  std::unique_ptr<Stream> stream_;
  std::string buffer_;
  std::string protocol_;
  std::size_t max_message_;
  bool close_sent_ = false;
};

/// The value of Sec-WebSocket-Accept for a client's key (RFC 6455 §4.2.2).
std::string websocket_accept(std::string_view key);

}  // namespace fulcrum::http
