// Frames of a hostile client.
#include <sys/socket.h>

#include <cstdint>

#include "http/websocket.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace fulcrum;
  int fds[2];
  if (size > 4096 || ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0) return 0;
  UniqueFd peer(fds[1]);
  auto stream = http::make_stream(UniqueFd(fds[0]));
  FULCRUM_ASSERT(stream.has_value());
  ::shutdown(peer.get(), SHUT_WR);
  http::WebSocket socket({std::move(*stream), std::string(reinterpret_cast<const char*>(bytes), size)}, "", 1024);
  // Pongs that the peer does not read are few: the input is small. The deadline is for the case that they are not.
  for (;;) {
    const auto message = socket.receive(StopSource::never(), Deadline::in(std::chrono::seconds(1)));
    if (!message || message->type == http::WebSocketMessage::Type::closed) return 0;
    FULCRUM_ASSERT(message->data.size() <= 1024);
  }
}
