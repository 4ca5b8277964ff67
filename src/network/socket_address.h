// An IP address and a port as the socket calls want them.
#pragma once

#include <sys/socket.h>

#include <cstdint>

#include "network/address.h"

namespace fulcrum::network {

/// A socket address of either family.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = sizeof(sockaddr_storage);

  static SocketAddress of(const IpAddress& address, std::uint16_t port);
  IpAddress address() const;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

}  // namespace fulcrum::network
