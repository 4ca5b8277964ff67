// Docker's way of leaving HTTP: `Upgrade: tcp`, or just like that.
#pragma once

#include "sandbox/stream/frame.h"
#include "server/docker/support.h"
#include "server/hand_over.h"

namespace fulcrum::server::docker {

inline constexpr std::string_view kRawStream = "application/vnd.docker.raw-stream";
inline constexpr std::string_view kMultiplexedStream = "application/vnd.docker.multiplexed-stream";

/// A stream without the engine's own frames: input is bare; output is bare for a terminal, else multiplexed (8-byte headers). Errors:
/// invalid_argument for detach keys that are none.
[[nodiscard]] Result<sandbox::StreamFormat> stream_format(bool tty, std::string_view detach_keys);

/// The parameters h and w of a resize. Errors: invalid_argument.
[[nodiscard]] Result<sandbox::WindowSize> window_size(const http::Query& query);

/// Answers 101 to a client that asked for an upgrade, else 200, and gives the connection away.
[[nodiscard]] Result<> hijack(Request& request, ResponseWriter& response, const sandbox::StreamFormat& format, const Give& give,
                              const Tell& tell);

}  // namespace fulcrum::server::docker
