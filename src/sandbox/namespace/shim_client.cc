#include "sandbox/namespace/shim_client.h"

#include <sys/socket.h>

#include "base/sys.h"

namespace fulcrum::sandbox {

Result<ShimClient> ShimClient::connect(const std::string& path) {
  auto fd = sys::connect_unix(path, SOCK_SEQPACKET);
  if (fd) return ShimClient(std::move(*fd));
  const int err = fd.error().sys_errno;
  if (err == ENOENT || err == ECONNREFUSED || err == ENOTDIR) return fail(Code::not_found, "no shim listens at {}", path);
  return std::unexpected(std::move(fd).error());
}

Result<shim::Reply> ShimClient::call(const shim::Request& request, const UniqueFd* client, const Deadline& deadline) {
  const auto bytes = shim::encode(request);
  std::vector<int> fds;
  if (client != nullptr && client->valid()) fds.push_back(client->get());
  const auto sent = sys::send_message(fd_.get(), bytes, fds);
  if (!sent) return fail(Code::unavailable, "the shim is gone: {}", sent.error().message);
  TRY(wait_any(StopSource::never(), deadline, {{fd_.get(), POLLIN}}), "wait for the shim");
  auto message = sys::receive_message(fd_.get(), shim::kMaxMessage, 1);
  if (!message || message->data.empty()) return fail(Code::unavailable, "the shim is gone");
  auto reply = TRY(shim::decode_reply(message->data));
  if (!reply.ok) return std::unexpected(Error{.code = reply.code, .message = std::move(reply.message)});
  return reply;
}

Result<> ShimClient::wait_gone(const StopSource& stop, const Deadline& deadline) {
  for (;;) {
    TRY(wait_any(stop, deadline, {{fd_.get(), POLLIN}}), "wait for the shim to leave");
    const auto message = sys::receive_message(fd_.get(), shim::kMaxMessage, 1);
    if (!message || message->data.empty()) return {};
  }
}

std::uint16_t format_bits(const StreamFormat& format) {
  const auto bit = [](bool on, shim::Format value) { return static_cast<unsigned>(on ? value : 0); };
  return static_cast<std::uint16_t>(bit(format.stdin_open, shim::kStdin) | bit(format.stdout_open, shim::kStdout) |
                                    bit(format.stderr_open, shim::kStderr) | bit(format.framed_input, shim::kFramedInput) |
                                    bit(format.framed_output, shim::kFramedOutput) | bit(format.exit_frame, shim::kExitFrame) |
                                    bit(format.logs, shim::kLogs));
}

}  // namespace fulcrum::sandbox
