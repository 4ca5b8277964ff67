#include "server/docker/hijack.h"

#include "sandbox/stream/detach_keys.h"

namespace fulcrum::server::docker {

namespace {

constexpr ApiVersion kMultiplexedSince{1, 42};

}  // namespace

Result<sandbox::StreamFormat> stream_format(bool tty, std::string_view detach_keys) {
  if (!sandbox::DetachKeys::parse(detach_keys)) return fail(Code::invalid_argument, "Invalid detach keys ({}) provided", detach_keys);
  return sandbox::StreamFormat{.framed_input = false,
                               .framed_output = !tty,
                               .exit_frame = false,
                               .detach_keys = detach_keys.empty() ? "ctrl-p,ctrl-q" : std::string(detach_keys)};
}

Result<sandbox::WindowSize> window_size(const http::Query& query) {
  const auto side = [&](std::string_view name, std::string_view word) -> Result<std::uint16_t> {
    auto size = query.has(name) ? query.integer(name, 0, 0, 65535) : fail(Code::invalid_argument, "");
    if (!size) return fail(Code::invalid_argument, "invalid resize {} \"{}\"", word, query.get_or(name, ""));
    return static_cast<std::uint16_t>(*size);
  };
  const auto height = TRY(side("h", "height"));
  return sandbox::WindowSize{.height = height, .width = TRY(side("w", "width"))};
}

Result<> hijack(Request& request, ResponseWriter& response, const sandbox::StreamFormat& format, const Give& give, const Tell& tell) {
  const bool upgraded = request.headers().has_token("Connection", "upgrade") && request.headers().has_token("Upgrade", "tcp");
  const bool multiplexed = upgraded && format.framed_output && version_of(request) >= kMultiplexedSince;
  return hand_over(request, response, "tcp", multiplexed ? kMultiplexedStream : kRawStream, format, give, tell);
}

}  // namespace fulcrum::server::docker
