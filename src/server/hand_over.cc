#include "server/hand_over.h"

#include <sys/socket.h>

#include <utility>
#include <vector>

#include "base/sys.h"
#include "http/relay.h"

namespace fulcrum::server {

namespace {

/// A client that takes nothing for this long is cut off, as a sandbox does it.
constexpr std::chrono::seconds kPatience{10};

struct Pair {
  UniqueFd ours, theirs;
};

Result<Pair> socket_pair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return fail_errno(errno, "socketpair");
  return Pair{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

/// Gives one end away; whoever holds the other is told when that fails.
Result<> give_or_tell(UniqueFd client, const sandbox::StreamFormat& format, const Give& give, const Tell& tell) {
  const auto spare = TRY(sys::duplicate(client.get()));
  if (const auto given = give(std::move(client), format); !given) tell(spare.get(), given.error());
  return {};
}

Result<> forward_messages(http::WebSocket& socket, http::Stream& stream, const StopSource& stop, bool& input_open) {
  const auto message = TRY(socket.receive(stop, Deadline::in(kPatience)));
  if (message.type != http::WebSocketMessage::Type::closed) return stream.write(message.data, stop, Deadline::never());
  input_open = false;
  return stream.shutdown_write();
}

Result<> relay_messages(http::WebSocket& socket, http::Stream& stream, bool text, const StopSource& stop) {
  const auto type = text ? http::WebSocketMessage::Type::text : http::WebSocketMessage::Type::binary;
  std::vector<char> buffer(32 << 10);
  bool input_open = true;
  while (input_open) {
    if (socket.has_buffered()) {
      TRY(forward_messages(socket, stream, stop, input_open));
      continue;
    }
    const auto ready = TRY(wait_any(stop, Deadline::never(), {{stream.fd(), POLLIN}, {socket.fd(), POLLIN}}));
    if (ready == 1) {
      TRY(forward_messages(socket, stream, stop, input_open));
      continue;
    }
    const auto got = TRY(stream.try_read(buffer.data(), buffer.size()));
    if (got.end) return socket.close(1000, "", stop, Deadline::in(kPatience));
    if (got.bytes > 0) TRY(socket.send(type, {buffer.data(), got.bytes}, stop, Deadline::in(kPatience)));
  }
  return {};
}

}  // namespace

Result<> hand_over(http::Request& request, http::ResponseWriter& response, std::string_view protocol, std::string_view type,
                   sandbox::StreamFormat format, const Give& give, const Tell& tell) {
  auto taken = TRY(response.upgrade(protocol, type));
  auto bare = taken.stream->release();
  if (bare) {
    format.early = std::move(taken.early);
    return give_or_tell(std::move(*bare), format, give, tell);
  }
  if (bare.error().code != Code::unimplemented) return std::unexpected(bare.error());
  auto pair = TRY(socket_pair());
  auto ours = TRY(http::make_stream(std::move(pair.ours)));
  TRY(give_or_tell(std::move(pair.theirs), format, give, tell));
  return http::relay(*taken.stream, std::move(taken.early), *ours, {}, request.stop(), Deadline::never());
}

Result<> hand_over_websocket(http::Request& request, http::ResponseWriter& response, bool text, const sandbox::StreamFormat& format,
                             const Give& give, const Tell& tell) {
  const auto socket = TRY(response.accept_websocket());
  auto pair = TRY(socket_pair());
  const auto ours = TRY(http::make_stream(std::move(pair.ours)));
  TRY(give_or_tell(std::move(pair.theirs), format, give, tell));
  return relay_messages(*socket, *ours, text, request.stop());
}

}  // namespace fulcrum::server
