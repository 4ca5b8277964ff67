#include "network/socket_address.h"

#include <netinet/in.h>

#include <cstring>

namespace fulcrum::network {

SocketAddress SocketAddress::of(const IpAddress& address, std::uint16_t port) {
  SocketAddress out;
  if (address.is_v4()) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(port);
    std::memcpy(&in.sin_addr, address.bytes().data(), 4);
    std::memcpy(&out.storage, &in, sizeof in);
    out.length = sizeof in;
  } else {
    sockaddr_in6 in{};
    in.sin6_family = AF_INET6;
    in.sin6_port = htons(port);
    std::memcpy(&in.sin6_addr, address.bytes().data(), 16);
    std::memcpy(&out.storage, &in, sizeof in);
    out.length = sizeof in;
  }
  return out;
}

IpAddress SocketAddress::address() const {
  if (storage.ss_family == AF_INET) {
    sockaddr_in in;
    std::memcpy(&in, &storage, sizeof in);
    return IpAddress::v4(ntohl(in.sin_addr.s_addr));
  }
  sockaddr_in6 in;
  std::memcpy(&in, &storage, sizeof in);
  return IpAddress::v6(std::span<const std::uint8_t, 16>(in.sin6_addr.s6_addr, 16));
}

}  // namespace fulcrum::network
