// TCP addresses and connections.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/unique_fd.h"
#include "base/wait.h"

namespace fulcrum::http {

struct HostPort {
  std::string host;
  std::uint16_t port = 0;
};
/// "127.0.0.1:80", "[::1]:80", "name:80", "80" (then the host is 127.0.0.1). Error: invalid_argument.
[[nodiscard]] Result<HostPort> parse_host_port(std::string_view text);

/// Listens on a numeric address: "127.0.0.1:8080", "[::1]:0", "8080" (loopback only).
[[nodiscard]] Result<UniqueFd> listen_tcp(std::string_view address);
/// Connects to the first address that answers. Look-up of names blocks without deadline, as getaddrinfo does; numbers do not.
[[nodiscard]] Result<UniqueFd> connect_tcp(const std::string& host, std::uint16_t port, const StopSource& stop, const Deadline& deadline);

}  // namespace fulcrum::http
