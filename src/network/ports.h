// Published ports: how people write them, and what they became.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "network/address.h"

namespace fulcrum::network {

enum class Protocol : std::uint8_t { tcp, udp };
std::string_view to_string(Protocol protocol);

/// The most ports that one "A-B" may span.
inline constexpr unsigned kMaxPortRange = 1024;

/// A wish to publish: host ports [host_first, host_last] → container ports [first, last].
/// host_first = 0: the engine chooses. A host range with a single container port: the first free one of the range.
struct PortSpec {
  std::optional<IpAddress> host_ip;  ///< unset: every address of the host
  std::uint16_t host_first = 0;
  std::uint16_t host_last = 0;
  std::uint16_t first = 0;
  std::uint16_t last = 0;
  Protocol protocol = Protocol::tcp;

  /// "80", "8080:80", "127.0.0.1:8080:80/udp", "8000-8010:80-90", "[fd00::1]:80:80", "127.0.0.1::80", "0:80".
  /// Errors: invalid_argument, unimplemented ("sctp"; IPv6 loopback as the host address, docs/networking.md says why).
  [[nodiscard]] static Result<PortSpec> parse(std::string_view text);
  friend bool operator==(const PortSpec&, const PortSpec&) = default;
};

/// One port that is published. Store it with the workload; `Manager::reconcile` wants it back.
struct PublishedPort {
  std::optional<IpAddress> host_ip;  ///< unset: every address of the host
  std::uint16_t host_port = 0;
  std::uint16_t container_port = 0;
  Protocol protocol = Protocol::tcp;

  /// "0.0.0.0:8080->80/tcp"
  std::string str() const;
  friend auto operator<=>(const PublishedPort&, const PublishedPort&) = default;
};

}  // namespace fulcrum::network
