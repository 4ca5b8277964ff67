#include "network/port_table.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>

#include "network/socket_address.h"

namespace fulcrum::network {
namespace {

enum class Share { no, time_wait };

/// A bound socket. With `time_wait`, connections that are still dying on the port do not count.
Result<UniqueFd> bind_socket(const IpAddress& address, std::uint16_t port, Protocol protocol, Share share) {
  const int family = address.is_v4() ? AF_INET : AF_INET6;
  UniqueFd fd(::socket(family, (protocol == Protocol::tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return fail_errno(errno, "hold port {}/{}", port, to_string(protocol));
  const int on = 1;
  if (family == AF_INET6) (void)::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (share == Share::time_wait) (void)::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  // The name servers on the gateways listen on port 53 of their own addresses; they and we agree to share it with the wildcard.
  if (port == 53) (void)::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  if (protocol == Protocol::udp) {
    const int least = 0;  // what is not redirected (IPv6 loopback) is for nobody: keep as little of it as the kernel allows
    (void)::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &least, sizeof least);
  }
  const auto at = SocketAddress::of(address, port);
  if (::bind(fd.get(), at.get(), at.length) == 0) return fd;
  switch (errno) {
    case EADDRINUSE: return fail(Code::already_exists, "port {}/{} is in use by another program on this host", port, to_string(protocol));
    case EADDRNOTAVAIL:
      return fail(Code::invalid_argument, "publish port {}/{}: {} is not an address of this host", port, to_string(protocol),
                  address.str());
    default: return fail_errno(errno, "hold port {}/{} on {}", port, to_string(protocol), address.str());
  }
}

Result<UniqueFd> hold_one(const IpAddress& address, std::uint16_t port, Protocol protocol) {
  auto held = bind_socket(address, port, protocol, Share::no);
  if (held || held.error().code != Code::already_exists || protocol == Protocol::udp) return held;
  // Perhaps only connections in TIME_WAIT, or outgoing ones that chose this number, are in the way. Listening tells: it fails
  // exactly when somebody else listens. The probe is closed at once, because a listener would accept connections.
  {
    auto probe = TRY(bind_socket(address, port, protocol, Share::time_wait));
    if (::listen(probe.get(), 0) < 0) return held;
  }
  return bind_socket(address, port, protocol, Share::time_wait);
}

std::string clash_text(const PublishedPort& port, const std::string& owner) {
  return fmt::format("port {}/{} is already published by {}", port.host_port, to_string(port.protocol), owner);
}

}  // namespace

bool ports_clash(const PublishedPort& a, const PublishedPort& b) {
  if (a.protocol != b.protocol || a.host_port != b.host_port) return false;
  if (!a.host_ip || !b.host_ip) return true;
  if (a.host_ip->family() != b.host_ip->family()) return false;
  return *a.host_ip == *b.host_ip || a.host_ip->is_any() || b.host_ip->is_any();
}

Result<std::vector<UniqueFd>> hold_port(const PublishedPort& port) {
  std::vector<UniqueFd> out;
  if (port.host_ip) {
    out.push_back(TRY(hold_one(*port.host_ip, port.host_port, port.protocol)));
    return out;
  }
  out.push_back(TRY(hold_one(IpAddress::any(Family::v4), port.host_port, port.protocol)));
  auto six = hold_one(IpAddress::any(Family::v6), port.host_port, port.protocol);
  // A kernel without IPv6 has nobody to clash with.
  if (six)
    out.push_back(std::move(*six));
  else if (six.error().sys_errno != EAFNOSUPPORT && six.error().code != Code::invalid_argument)
    return std::unexpected(six.error());
  return out;
}

Result<> PortTable::reserve_one(const PublishedPort& port, const std::string& owner) {
  const auto [begin, end] = by_number_.equal_range({port.protocol, port.host_port});
  for (auto it = begin; it != end; ++it) {
    if (ports_clash(it->second, port)) return fail(Code::already_exists, "{}", clash_text(port, entries_.at(it->second).owner));
  }
  auto held = TRY(hold_port(port));
  entries_.emplace(port, Entry{owner, std::move(held)});
  by_number_.emplace(std::pair(port.protocol, port.host_port), port);
  return {};
}

Result<PublishedPort> PortTable::reserve_any(PublishedPort port, std::uint16_t first, std::uint16_t last, const std::string& owner) {
  constexpr int kAttempts = 64;
  for (int attempt = 0; first == 0 && attempt < kAttempts; ++attempt) {
    // The kernel chooses from its ephemeral range; the probe is closed and the number held like any other.
    auto probe = TRY(bind_socket(port.host_ip.value_or(IpAddress()), 0, port.protocol, Share::no));
    sockaddr_storage at{};
    socklen_t length = sizeof at;
    if (::getsockname(probe.get(), reinterpret_cast<sockaddr*>(&at), &length) < 0) return fail_errno(errno, "choose a port");
    std::uint16_t number;
    std::memcpy(&number, reinterpret_cast<const char*>(&at) + offsetof(sockaddr_in, sin_port), sizeof number);
    port.host_port = ntohs(number);
    probe.reset();
    if (reserve_one(port, owner)) return port;
  }
  if (first == 0) return fail(Code::resource_exhausted, "no free host port for container port {}", port.container_port);
  for (unsigned number = first; number <= last; ++number) {
    port.host_port = static_cast<std::uint16_t>(number);
    const auto reserved = reserve_one(port, owner);
    if (reserved) return port;
    if (first == last || reserved.error().code != Code::already_exists) return std::unexpected(reserved.error());
  }
  return fail(Code::resource_exhausted, "none of the host ports {}-{}/{} is free", first, last, to_string(port.protocol));
}

Result<std::vector<PublishedPort>> PortTable::reserve(const std::vector<PortSpec>& specs, const std::string& owner) {
  std::vector<PublishedPort> out;
  const auto undo = [&] {
    for (const auto& port : out) release(port);
  };
  for (const PortSpec& spec : specs) {
    for (unsigned i = 0; spec.first + i <= spec.last; ++i) {
      PublishedPort port{spec.host_ip, 0, static_cast<std::uint16_t>(spec.first + i), spec.protocol};
      // Ranges of equal length go one to one; a single container port takes the first free host port.
      const bool paired = spec.host_first != 0 && spec.last != spec.first;
      const auto first = static_cast<std::uint16_t>(paired ? spec.host_first + i : spec.host_first);
      auto reserved = reserve_any(port, first, paired ? first : spec.host_last, owner);
      if (!reserved) {
        undo();
        return std::unexpected(reserved.error());
      }
      out.push_back(*reserved);
    }
  }
  return out;
}

Result<> PortTable::restore(const PublishedPort& port, const std::string& owner) {
  if (entries_.contains(port)) return {};
  const auto reserved = reserve_one(port, owner);
  if (reserved) return {};
  if (entries_.emplace(port, Entry{owner, {}}).second) by_number_.emplace(std::pair(port.protocol, port.host_port), port);
  return reserved;
}

void PortTable::release(const PublishedPort& port) {
  entries_.erase(port);
  const auto [begin, end] = by_number_.equal_range({port.protocol, port.host_port});
  for (auto it = begin; it != end; ++it) {
    if (it->second != port) continue;
    by_number_.erase(it);
    return;
  }
}

}  // namespace fulcrum::network
