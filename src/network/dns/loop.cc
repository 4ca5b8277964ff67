// Listeners and TCP connections of the name server's thread; forwarding is in forward.cc.
#include "network/dns/loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace fulcrum::network::dns {
namespace {

constexpr std::size_t kMaxConnections = 256;
constexpr std::size_t kMaxConnectionBacklog = 128 << 10;  // answers that the asker does not read
constexpr auto kConnectionIdle = std::chrono::seconds(10);
constexpr std::uint64_t kWake = 0, kStop = 1;

}  // namespace

Loop::Loop(Directory& directory, std::string resolv_conf) : directory_(directory), upstream_(std::move(resolv_conf)) {}

Result<> Loop::open() {
  epoll_ = UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
  wake_ = UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!epoll_.valid() || !wake_.valid()) return fail_errno(errno, "make an event loop");
  watch(wake_.get(), EPOLLIN, kWake, true);
  watch(stop_.fd(), EPOLLIN, kStop, true);
  return {};
}

void Loop::watch(int fd, std::uint32_t events, std::uint64_t number, bool fresh) const {
  epoll_event event{};
  event.events = events;
  event.data.u64 = number;
  FULCRUM_ASSERT(::epoll_ctl(epoll_.get(), fresh ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event) == 0);
}

void Loop::add(Listener listener) {
  {
    const std::lock_guard lock(mutex_);
    commands_.push_back({std::move(listener), {}});
  }
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof one);
}

void Loop::drop(std::string network) {
  {
    const std::lock_guard lock(mutex_);
    commands_.push_back({std::nullopt, std::move(network)});
  }
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof one);
}

void Loop::take_commands() {
  std::uint64_t count;
  [[maybe_unused]] const auto got = ::read(wake_.get(), &count, sizeof count);
  std::vector<Command> commands;
  {
    const std::lock_guard lock(mutex_);
    commands.swap(commands_);
  }
  for (auto& command : commands) {
    if (command.add) {
      const std::uint64_t number = ++last_number_;
      watch(command.add->fd.get(), EPOLLIN, number, true);
      listeners_.emplace(number, std::move(*command.add));
      continue;
    }
    // Closing a descriptor takes it out of the epoll set.
    std::erase_if(listeners_, [&](const auto& entry) { return entry.second.network == command.drop; });
    std::erase_if(connections_, [&](const auto& entry) { return entry.second.network == command.drop; });
  }
}

void Loop::run() {
  std::array<epoll_event, 64> events;
  for (;;) {
    int timeout = -1;
    if (next_ != SteadyTime::max()) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(next_ - std::chrono::steady_clock::now()).count();
      timeout = static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
    }
    const int count = ::epoll_wait(epoll_.get(), events.data(), events.size(), timeout);
    for (int i = 0; i < count; ++i) {
      if (events[static_cast<std::size_t>(i)].data.u64 == kStop) return;
      dispatch(events[static_cast<std::size_t>(i)].data.u64, events[static_cast<std::size_t>(i)].events);
    }
    if (const auto now = std::chrono::steady_clock::now(); now >= next_) sweep(now);
  }
}

void Loop::dispatch(std::uint64_t number, std::uint32_t events) {
  if (number == kWake) return take_commands();
  // An event may be older than the object's end: numbers are never used again, so it then finds nothing.
  if (const auto listener = listeners_.find(number); listener != listeners_.end())
    return listener->second.tcp ? accept(listener->second) : receive(number, listener->second);
  if (connections_.contains(number)) return on_connection(number, events);
  if (exchanges_.contains(number)) on_exchange(number, events);
}

void Loop::sweep(SteadyTime now) {
  next_ = SteadyTime::max();
  std::erase_if(connections_, [&](const auto& entry) { return entry.second.waiting == 0 && entry.second.deadline <= now; });
  for (const auto& [number, connection] : connections_) {
    if (connection.waiting == 0) remind(connection.deadline);
  }
  std::vector<std::uint64_t> late;
  for (const auto& [number, exchange] : exchanges_) {
    if (exchange.deadline <= now)
      late.push_back(number);
    else
      remind(exchange.deadline);
  }
  for (const auto number : late) {
    const auto exchange = exchanges_.find(number);
    if (exchange != exchanges_.end() && !next_attempt(number, exchange->second)) give_up(number);
  }
}

void Loop::receive(std::uint64_t number, const Listener& listener) {
  constexpr int kAtOnce = 32;  // then others get their turn
  std::array<std::uint8_t, 4096> buffer;
  for (int i = 0; i < kAtOnce; ++i) {
    Asker asker{.source = number};
    const ssize_t n = ::recvfrom(listener.fd.get(), buffer.data(), buffer.size(), MSG_DONTWAIT,
                                 reinterpret_cast<sockaddr*>(&asker.peer.storage), &asker.peer.length);
    if (n < 0) return;
    if (!listener.gateway.contains(asker.peer.address())) continue;
    handle({buffer.data(), static_cast<std::size_t>(n)}, asker, listener.network, listener.forward);
  }
}

void Loop::accept(const Listener& listener) {
  SocketAddress peer;
  UniqueFd fd(::accept4(listener.fd.get(), reinterpret_cast<sockaddr*>(&peer.storage), &peer.length, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!fd.valid() || connections_.size() >= kMaxConnections || !listener.gateway.contains(peer.address())) return;
  const std::uint64_t number = ++last_number_;
  Connection connection{.network = listener.network, .forward = listener.forward, .fd = std::move(fd), .peer = peer};
  connection.deadline = std::chrono::steady_clock::now() + kConnectionIdle;
  remind(connection.deadline);
  watch(connection.fd.get(), EPOLLIN, number, true);
  connections_.emplace(number, std::move(connection));
}

void Loop::on_connection(std::uint64_t number, std::uint32_t events) {
  Connection& connection = connections_.find(number)->second;
  bool alive = (events & EPOLLERR) == 0;
  if (alive && (events & EPOLLOUT) != 0) alive = write_connection(number, connection);
  if (alive && (events & (EPOLLIN | EPOLLHUP)) != 0) alive = read_connection(number, connection);
  if (!alive) connections_.erase(number);
}

bool Loop::read_connection(std::uint64_t number, Connection& connection) {
  std::array<std::uint8_t, 4096> buffer;
  const ssize_t n = ::recv(connection.fd.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (n < 0) return errno == EAGAIN || errno == EINTR;
  if (n == 0) {
    connection.ended = true;
    watch(connection.fd.get(), connection.out.empty() ? 0U : EPOLLOUT, number, false);
    return connection.waiting > 0 || !connection.out.empty();
  }
  connection.deadline = std::chrono::steady_clock::now() + kConnectionIdle;
  connection.in.insert(connection.in.end(), buffer.begin(), buffer.begin() + n);
  // Each message stands behind its length (RFC 1035 4.2.2).
  std::size_t used = 0;
  while (connection.in.size() - used >= 2) {
    const std::size_t length = static_cast<std::size_t>(connection.in[used]) << 8 | connection.in[used + 1];
    if (connection.in.size() - used - 2 < length) break;
    const std::vector<std::uint8_t> packet(connection.in.begin() + static_cast<std::ptrdiff_t>(used + 2),
                                           connection.in.begin() + static_cast<std::ptrdiff_t>(used + 2 + length));
    used += 2 + length;
    ++connection.waiting;
    handle(packet, Asker{.tcp = true, .source = number, .peer = connection.peer}, connection.network, connection.forward);
    if (connection.out.size() > kMaxConnectionBacklog) return false;
  }
  connection.in.erase(connection.in.begin(), connection.in.begin() + static_cast<std::ptrdiff_t>(used));
  return connection.out.empty() || write_connection(number, connection);
}

bool Loop::write_connection(std::uint64_t number, Connection& connection) {
  const ssize_t n = ::send(connection.fd.get(), connection.out.data(), connection.out.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (n < 0 && errno != EAGAIN && errno != EINTR) return false;
  if (n > 0) connection.out.erase(connection.out.begin(), connection.out.begin() + n);
  const std::uint32_t reading = connection.ended ? 0U : EPOLLIN;
  watch(connection.fd.get(), connection.out.empty() ? reading : reading | EPOLLOUT, number, false);
  return !(connection.ended && connection.out.empty() && connection.waiting == 0);
}

void Loop::respond(const Asker& asker, Bytes message) {
  if (!asker.tcp) {
    const auto listener = listeners_.find(asker.source);
    // A full buffer loses the datagram, as the network may; askers repeat themselves.
    if (listener != listeners_.end())
      (void)::sendto(listener->second.fd.get(), message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL, asker.peer.get(),
                     asker.peer.length);
    return;
  }
  const auto found = connections_.find(asker.source);
  if (found == connections_.end()) return;
  Connection& connection = found->second;
  if (connection.waiting > 0) --connection.waiting;
  const bool idle = connection.out.empty();
  if (!message.empty()) {
    connection.out.push_back(static_cast<std::uint8_t>(message.size() >> 8));
    connection.out.push_back(static_cast<std::uint8_t>(message.size()));
    connection.out.insert(connection.out.end(), message.begin(), message.end());
  }
  connection.deadline = std::chrono::steady_clock::now() + kConnectionIdle;
  remind(connection.deadline);
  if (idle) watch(connection.fd.get(), connection.ended ? EPOLLOUT : EPOLLIN | EPOLLOUT, asker.source, false);
}

}  // namespace fulcrum::network::dns
