#include "network/dns/server.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <map>
#include <mutex>
#include <thread>

#include "network/dns/loop.h"

namespace fulcrum::network::dns {
namespace {

constexpr std::uint16_t kDnsPort = 53;

Result<UniqueFd> open_listener(const IpAddress& address, bool tcp) {
  const int family = address.is_v4() ? AF_INET : AF_INET6;
  UniqueFd fd(::socket(family, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return fail_errno(errno, "open a socket for the name server");
  const int on = 1;
  // The address may be still on its way to the bridge; a published port 53 shares the number with us; connections of an earlier
  // process may linger.
  (void)::setsockopt(fd.get(), IPPROTO_IP, IP_FREEBIND, &on, sizeof on);
  (void)::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  (void)::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const SocketAddress at = SocketAddress::of(address, kDnsPort);
  const bool bound = ::bind(fd.get(), at.get(), at.length) == 0 && (!tcp || ::listen(fd.get(), 128) == 0);
  if (bound) return fd;
  if (errno == EADDRINUSE)
    return fail(Code::already_exists, "name server: {} port 53/{} is in use by another program", address.str(), tcp ? "tcp" : "udp");
  return fail_errno(errno, "name server: bind {} port 53/{}", address.str(), tcp ? "tcp" : "udp");
}

}  // namespace

struct Server::Impl {
  Directory directory;
  Loop loop;
  mutable std::mutex mutex;
  std::map<std::string, ServeOptions, std::less<>> served;  // under the mutex
  std::jthread thread;

  explicit Impl(std::string resolv_conf) : loop(directory, std::move(resolv_conf)) {}
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Server::~Server() { impl_->loop.stop(); }

Result<std::unique_ptr<Server>> Server::start(std::string resolv_conf) {
  auto impl = std::make_unique<Impl>(std::move(resolv_conf));
  TRY(impl->loop.open());
  impl->thread = std::jthread([loop = &impl->loop] { loop->run(); });
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Result<> Server::serve(const ServeOptions& options) {
  {
    const std::lock_guard lock(impl_->mutex);
    const auto known = impl_->served.find(options.network);
    if (known != impl_->served.end() && known->second.gateways == options.gateways && known->second.forward == options.forward) return {};
  }
  std::vector<Listener> listeners;
  std::vector<Prefix> subnets;
  for (const Prefix& gateway : options.gateways) {
    for (const bool tcp : {false, true})
      listeners.push_back({options.network, gateway, tcp, options.forward, TRY(open_listener(gateway.address, tcp))});
    subnets.push_back(gateway.network());
  }
  impl_->directory.set_subnets(options.network, std::move(subnets));
  impl_->loop.drop(options.network);
  for (auto& listener : listeners) impl_->loop.add(std::move(listener));
  const std::lock_guard lock(impl_->mutex);
  impl_->served.insert_or_assign(options.network, options);
  return {};
}

void Server::stop_serving(std::string_view network) {
  impl_->loop.drop(std::string(network));
  impl_->directory.forget(network);
  const std::lock_guard lock(impl_->mutex);
  if (const auto known = impl_->served.find(network); known != impl_->served.end()) impl_->served.erase(known);
}

void Server::put(std::string_view network, Host host) { impl_->directory.put(network, std::move(host)); }
void Server::remove(std::string_view network, std::string_view id) { impl_->directory.remove(network, id); }
void Server::replace(std::string_view network, std::vector<Host> hosts) { impl_->directory.replace(network, std::move(hosts)); }

std::vector<std::string> Server::serving() const {
  const std::lock_guard lock(impl_->mutex);
  std::vector<std::string> out;
  for (const auto& [name, options] : impl_->served) out.push_back(name);
  return out;
}

}  // namespace fulcrum::network::dns
