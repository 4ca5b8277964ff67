#include "http/websocket.h"

#include "http/testing.h"

namespace fulcrum::http {
namespace {

using ::testing::HasSubstr;
using testing::soon;
using ::testing::StartsWith;

constexpr std::string_view kHandshake =
    "GET /echo HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// A client's frame, masked.
std::string frame(unsigned opcode, std::string_view payload, bool fin = true) {
  std::string out{static_cast<char>((fin ? 0x80 : 0) | opcode)};
  if (payload.size() < 126) {
    out += static_cast<char>(0x80 | payload.size());
  } else {
    out += static_cast<char>(0xfe);
    out += static_cast<char>(payload.size() >> 8 & 0xff);
    out += static_cast<char>(payload.size() & 0xff);
  }
  const std::string mask = "\x11\x22\x33\x44";
  out += mask;
  for (std::size_t i = 0; i < payload.size(); ++i) out += static_cast<char>(payload[i] ^ mask[i % 4]);
  return out;
}

class WebSocketTest : public ::testing::Test {
 protected:
  void SetUp() override {
    server_.router.add("GET", "/echo", [](Request& in, ResponseWriter& out) -> Result<> {
      auto socket = TRY(out.accept_websocket({"v2", "v1"}));
      for (;;) {
        const auto message = TRY(socket->receive(in.stop(), soon()));
        if (message.type == WebSocketMessage::Type::closed) return {};
        TRY(socket->send(message.type, message.data, in.stop(), soon()));
      }
    });
    server_.start();
  }
  /// Shakes hands, sends the frames, and returns all that comes after the header.
  std::string talk(std::string_view frames) {
    const auto out = server_.exchange(std::string(kHandshake) + "\r\n" + std::string(frames));
    return out.substr(out.find("\r\n\r\n") + 4);
  }
  testing::TestServer server_;
};

TEST_F(WebSocketTest, ShakesHandsAsTheStandardSays) {
  EXPECT_EQ(websocket_accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");  // RFC 6455 §1.3
  const auto out = server_.exchange(std::string(kHandshake) + "Sec-WebSocket-Protocol: v1, v2\r\n\r\n" + frame(8, "\x03\xe8"));
  EXPECT_THAT(out, StartsWith("HTTP/1.1 101 Switching Protocols\r\n"));
  EXPECT_THAT(out, HasSubstr("Upgrade: websocket\r\n"));
  EXPECT_THAT(out, HasSubstr("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
  EXPECT_THAT(out, HasSubstr("Sec-WebSocket-Protocol: v2\r\n"));
}

TEST_F(WebSocketTest, RefusesWhatIsNoHandshake) {
  EXPECT_THAT(server_.exchange("GET /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(server_.exchange(std::string(kHandshake) + "Connection: close\r\nSec-WebSocket-Protocol: v9\r\n\r\n"),
              StartsWith("HTTP/1.1 400 "));
}

TEST_F(WebSocketTest, EchoesMessagesPutTogetherFromFrames) {
  const auto big = std::string(1000, 'x');
  EXPECT_EQ(
      talk(frame(1, "hello") + frame(2, "ab", false) + frame(9, "are you there") + frame(0, "cd") + frame(2, big) + frame(8, "\x03\xe8")),
      "\x81\x05hello\x8a\x0d"
      "are you there\x82\x04"
      "abcd\x82\x7e\x03\xe8" +
          big + "\x88\x02\x03\xe8");
}

TEST_F(WebSocketTest, ViolationsCloseTheConnection) {
  const std::string protocol_error = "\x03\xea";
  EXPECT_THAT(talk("\x81\x01x"), HasSubstr(protocol_error));                                                       // not masked
  EXPECT_THAT(talk(frame(3, "")), HasSubstr(protocol_error));                                                      // unknown opcode
  EXPECT_THAT(talk(frame(0, "x")), HasSubstr(protocol_error));                                                     // continues nothing
  EXPECT_THAT(talk(frame(9, "x", false)), HasSubstr(protocol_error));                                              // a split ping
  EXPECT_THAT(talk(frame(1, "a", false) + frame(1, "b")), HasSubstr(protocol_error));                              // message in message
  EXPECT_THAT(talk(std::string("\x82\xff\x00\x00\x00\x01\x00\x00\x00\x00", 10) + "mask"), HasSubstr("\x03\xf1"));  // 4 GiB: 1009
}

}  // namespace
}  // namespace fulcrum::http
