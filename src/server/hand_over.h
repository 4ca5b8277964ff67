// Giving a client's connection away: HTTP is left behind, and a sandbox speaks to the client from then on.
#pragma once

#include <functional>
#include <string_view>

#include "base/error.h"
#include "base/unique_fd.h"
#include "http/server.h"
#include "sandbox/sandbox.h"

namespace fulcrum::server {

/// Takes the connection and what the client had sent early, or fails. It may be called once.
using Give = std::function<Result<>(UniqueFd client, const sandbox::StreamFormat& format)>;
/// What a client is told that its connection could not be given away, when no status can say it any more.
using Tell = std::function<void(int client, const Error& error)>;

/// Upgrades to `protocol` (or answers 200, when the client did not ask for it) with `type`, and gives the bare connection away. An
/// encrypted connection has no bare descriptor: its bytes are relayed until both directions have ended, or the server stops.
[[nodiscard]] Result<> hand_over(http::Request& request, http::ResponseWriter& response, std::string_view protocol, std::string_view type,
                                 sandbox::StreamFormat format, const Give& give, const Tell& tell);

/// The same for a WebSocket: messages in either direction are bytes of the stream; what is sent is binary, or text when `text` is set.
/// Closing it ends the input.
[[nodiscard]] Result<> hand_over_websocket(http::Request& request, http::ResponseWriter& response, bool text,
                                           const sandbox::StreamFormat& format, const Give& give, const Tell& tell);

}  // namespace fulcrum::server
