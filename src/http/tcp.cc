// TCP listeners and connections.
#include "http/tcp.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <charconv>
#include <memory>

#include "http/server.h"

namespace fulcrum::http {
namespace {

struct FreeAddresses {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

Result<Addresses> look_up(const std::string& host, std::uint16_t port, int flags) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const int code = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list);
  if (code != 0) return fail(Code::unavailable, "look up {}: {}", host, code == EAI_SYSTEM ? "system error" : ::gai_strerror(code));
  return Addresses(list);
}

}  // namespace

Result<HostPort> parse_host_port(std::string_view text) {
  const std::string_view whole = text;
  HostPort out{.host = "127.0.0.1"};
  const auto colon = text.rfind(':');
  if (colon != std::string_view::npos) {
    auto host = text.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    if (host.empty()) return fail(Code::invalid_argument, "\"{}\" names no host; write 0.0.0.0 for all addresses", whole);
    out.host = host;
    text = text.substr(colon + 1);
  }
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out.port);
  if (error != std::errc() || end != text.data() + text.size()) return fail(Code::invalid_argument, "\"{}\" is not a host and port", whole);
  return out;
}

Result<UniqueFd> connect_tcp(const std::string& host, std::uint16_t port, const StopSource& stop, const Deadline& deadline) {
  const auto addresses = TRY(look_up(host, port, 0));
  Error last{Code::unavailable, "no address"};
  for (const addrinfo* a = addresses.get(); a != nullptr; a = a->ai_next) {
    UniqueFd fd(::socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd.valid()) return fail_errno(errno, "socket");
    int err = ::connect(fd.get(), a->ai_addr, a->ai_addrlen) == 0 ? 0 : errno;
    if (err == EINPROGRESS) {
      TRY(wait_any(stop, deadline, {{fd.get(), POLLOUT}}), "connect to {}:{}", host, port);
      socklen_t length = sizeof err;
      ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &err, &length);
    }
    if (err == 0) {
      const int on = 1;
      ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      return fd;
    }
    last = fail_errno(err, "connect to {}:{}", host, port).error();
    last.code = Code::unavailable;
  }
  return std::unexpected(last);
}

Result<UniqueFd> listen_tcp(std::string_view address) {
  const auto at = TRY(parse_host_port(address));
  const auto addresses = TRY(look_up(at.host, at.port, AI_PASSIVE | AI_NUMERICHOST), "listen on {}", address);
  UniqueFd fd(::socket(addresses->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return fail_errno(errno, "socket");
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // accepted sockets inherit it
  if (::bind(fd.get(), addresses->ai_addr, addresses->ai_addrlen) < 0) return fail_errno(errno, "listen on {}", address);
  if (::listen(fd.get(), 1024) < 0) return fail_errno(errno, "listen on {}", address);
  return fd;
}

}  // namespace fulcrum::http
