#include "http/websocket.h"

#include <openssl/evp.h>

#include <array>

namespace fulcrum::http {
namespace {

constexpr unsigned kContinuation = 0, kText = 1, kBinary = 2, kClose = 8, kPing = 9, kPong = 10;
constexpr int kProtocolError = 1002, kTooBig = 1009;

unsigned byte(char c) { return static_cast<unsigned char>(c); }

}  // namespace

std::string websocket_accept(std::string_view key) {
  std::string text(key);
  text += "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  FULCRUM_ASSERT(EVP_Digest(text.data(), text.size(), digest.data(), &length, EVP_sha1(), nullptr) == 1);
  std::array<unsigned char, 64> encoded{};
  const int size = EVP_EncodeBlock(encoded.data(), digest.data(), static_cast<int>(length));
  return {reinterpret_cast<const char*>(encoded.data()), static_cast<std::size_t>(size)};
}

WebSocket::WebSocket(Hijacked connection, std::string protocol, std::size_t max_message)
    : stream_(std::move(connection.stream)),
      buffer_(std::move(connection.early)),
      protocol_(std::move(protocol)),
      max_message_(max_message) {}

bool WebSocket::has_buffered() const { return !buffer_.empty() || stream_->has_buffered(); }

Result<> WebSocket::fill(std::size_t size, const StopSource& stop, const Deadline& deadline) {
  while (buffer_.size() < size) {
    const std::size_t had = buffer_.size();
    buffer_.resize(had + 16384);
    const auto n = stream_->read(buffer_.data() + had, 16384, stop, deadline);
    buffer_.resize(had + n.value_or(0));
    if (!n) return std::unexpected(n.error());
    if (*n == 0) return fail(Code::unavailable, "websocket: the peer hung up");
  }
  return {};
}

std::unexpected<Error> WebSocket::violate(int code, std::string_view what, const StopSource& stop, const Deadline& deadline) {
  [[maybe_unused]] const auto told = close(code, what, stop, deadline);  // what matters is the violation
  return fail(code == kTooBig ? Code::resource_exhausted : Code::invalid_argument, "websocket: {}", what);
}

Result<WebSocket::Frame> WebSocket::receive_frame(const StopSource& stop, const Deadline& deadline) {
  TRY(fill(2, stop, deadline));
  Frame frame{.fin = (byte(buffer_[0]) & 0x80) != 0, .opcode = byte(buffer_[0]) & 0x0f, .payload = {}};
  if ((byte(buffer_[0]) & 0x70) != 0) return violate(kProtocolError, "reserved bits are set", stop, deadline);
  if ((byte(buffer_[1]) & 0x80) == 0) return violate(kProtocolError, "a frame that is not masked", stop, deadline);
  const bool control = frame.opcode >= kClose;
  if (frame.opcode > kPong || (frame.opcode > kBinary && !control)) return violate(kProtocolError, "unknown opcode", stop, deadline);
  std::uint64_t length = byte(buffer_[1]) & 0x7f;
  if (control && (length > 125 || !frame.fin)) return violate(kProtocolError, "a control frame that is long or split", stop, deadline);
  const std::size_t extra = length == 126 ? 2 : length == 127 ? 8 : 0;
  TRY(fill(2 + extra + 4, stop, deadline));
  if (extra > 0) length = 0;
  for (std::size_t i = 0; i < extra; ++i) length = length << 8 | byte(buffer_[2 + i]);
  if (length > max_message_) return violate(kTooBig, "message too big", stop, deadline);
  const std::size_t header = 2 + extra + 4;
  TRY(fill(header + length, stop, deadline));
  frame.payload = buffer_.substr(header, length);
  for (std::size_t i = 0; i < length; ++i) frame.payload[i] = static_cast<char>(byte(frame.payload[i]) ^ byte(buffer_[header - 4 + i % 4]));
  buffer_.erase(0, header + length);
  return frame;
}

Result<WebSocketMessage> WebSocket::on_close(const Frame& frame, const StopSource& stop, const Deadline& deadline) {
  if (frame.payload.size() == 1) return violate(kProtocolError, "a close frame of one byte", stop, deadline);
  WebSocketMessage message{.type = WebSocketMessage::Type::closed, .data = {}, .close_code = 1005};
  if (frame.payload.size() >= 2) {
    message.close_code = static_cast<int>(byte(frame.payload[0]) << 8 | byte(frame.payload[1]));
    message.data = frame.payload.substr(2);
  }
  // The answer is a courtesy: the peer may be gone.
  if (!close_sent_) [[maybe_unused]]
    const auto answered = close(message.close_code == 1005 ? 1000 : message.close_code, "", stop, deadline);
  return message;
}

Result<WebSocketMessage> WebSocket::receive(const StopSource& stop, const Deadline& deadline) {
  WebSocketMessage message;
  bool begun = false;
  for (;;) {
    auto frame = TRY(receive_frame(stop, deadline));
    switch (frame.opcode) {
      case kClose: return on_close(frame, stop, deadline);
      case kPing: TRY(send_frame(kPong, frame.payload, stop, deadline)); continue;
      case kPong: continue;
      case kContinuation:
        if (!begun) return violate(kProtocolError, "a continuation of nothing", stop, deadline);
        break;
      default:
        if (begun) return violate(kProtocolError, "a new message inside another", stop, deadline);
        begun = true;
        message.type = frame.opcode == kText ? WebSocketMessage::Type::text : WebSocketMessage::Type::binary;
    }
    if (message.data.size() + frame.payload.size() > max_message_) return violate(kTooBig, "message too big", stop, deadline);
    message.data += frame.payload;
    if (frame.fin) return message;
  }
}

Result<> WebSocket::send_frame(unsigned opcode, std::string_view data, const StopSource& stop, const Deadline& deadline) {
  std::string out;
  out += static_cast<char>(0x80 | opcode);
  if (data.size() < 126) {
    out += static_cast<char>(data.size());
  } else {
    const bool is_long = data.size() > 0xffff;
    out += static_cast<char>(is_long ? 127 : 126);
    for (int shift = is_long ? 56 : 8; shift >= 0; shift -= 8) out += static_cast<char>(data.size() >> shift & 0xff);
  }
  return stream_->write(out += data, stop, deadline);
}

Result<> WebSocket::send(WebSocketMessage::Type type, std::string_view data, const StopSource& stop, const Deadline& deadline) {
  if (close_sent_) return fail(Code::failed_precondition, "websocket: closed");
  FULCRUM_ASSERT(type != WebSocketMessage::Type::closed);
  return send_frame(type == WebSocketMessage::Type::text ? kText : kBinary, data, stop, deadline);
}

Result<> WebSocket::close(int code, std::string_view reason, const StopSource& stop, const Deadline& deadline) {
  if (std::exchange(close_sent_, true)) return {};
  std::string payload{static_cast<char>(code >> 8 & 0xff), static_cast<char>(code & 0xff)};
  payload += reason.substr(0, 123);
  return send_frame(kClose, payload, stop, deadline);
}

}  // namespace fulcrum::http
