#include "http/server.h"

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <list>
#include <mutex>
#include <system_error>
#include <thread>

#include "base/sys.h"
#include "http/connection.h"
#include "http/tls.h"

namespace fulcrum::http {
namespace {

std::optional<PeerCredentials> credentials_of(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) < 0 || address.ss_family != AF_UNIX) return std::nullopt;
  ucred peer{};
  length = sizeof peer;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0) return std::nullopt;
  return PeerCredentials{.pid = peer.pid, .uid = peer.uid, .gid = peer.gid};
}

/// Says "busy" without ever blocking the acceptor; whoever does not take it at once gets a closed connection.
void refuse(int fd) {
  static constexpr std::string_view kBusy =
      "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: "
      "59\r\n\r\n"
      R"({"code":"unavailable","message":"too many connections now"})";
  static_assert(kBusy.size() - kBusy.find("\r\n\r\n") - 4 == 59);
  [[maybe_unused]] const auto sent = ::send(fd, kBusy.data(), kBusy.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  ::shutdown(fd, SHUT_WR);
  std::array<char, 4096> scratch;  // unread bytes would turn the close into a reset
  [[maybe_unused]] const auto got = ::recv(fd, scratch.data(), scratch.size(), MSG_DONTWAIT);
}

/// Errors of accept that concern one connection, not the listener (accept(2)).
bool of_one_connection(int err) {
  return err == EAGAIN || err == EINTR || err == ECONNABORTED || err == EPROTO || err == ENETDOWN || err == EHOSTUNREACH || err == EPERM;
}

}  // namespace

struct Server::Impl {
  Impl(Router routes, ServerOptions given) : router(std::move(routes)), options(std::move(given)) {}

  Result<> run(const std::vector<Listener>& listeners, const StopSource& stop);
  Result<> accept_one(const Listener& listener, const StopSource& stop);
  void start(UniqueFd fd, const TlsContext* tls, const StopSource& stop);
  void serve(UniqueFd fd, const TlsContext* tls, const StopSource& stop);
  /// Joins the threads that said they are done.
  void reap();

  const Router router;
  const ServerOptions options;
  StopSource hard;
  UniqueFd ended{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};  ///< readable when a thread is done
  std::list<std::thread> threads;                            ///< of run()'s thread alone
  std::mutex mutex;
  std::vector<std::list<std::thread>::iterator> done;  ///< guarded by mutex
  std::atomic<std::size_t> active = 0;
};

void Server::Impl::serve(UniqueFd fd, const TlsContext* tls, const StopSource& stop) {
  const ServerContext context{router, options, stop, hard};
  const auto peer = credentials_of(fd.get());
  auto stream = make_stream(std::move(fd));
  if (!stream) return;
  std::string name;
  if (tls != nullptr) {
    auto secured = tls->accept(std::move(*stream), stop, Deadline::in(options.header_timeout));
    if (!secured) return;  // a failed handshake has no one to answer to
    stream = std::move(secured->stream);
    name = std::move(secured->peer_name);
  }
  Connection(context, std::move(*stream), peer, std::move(name)).serve();
}

void Server::Impl::start(UniqueFd fd, const TlsContext* tls, const StopSource& stop) {
  ++active;
  const auto slot = threads.emplace(threads.end());
  const int raw = fd.release();  // owned by the thread below, or closed here when there is none
  try {
    *slot = std::thread([this, raw, tls, &stop, slot] {
      serve(UniqueFd(raw), tls, stop);
      {
        std::lock_guard lock(mutex);
        done.push_back(slot);
      }
      --active;
      const std::uint64_t one = 1;
      [[maybe_unused]] const auto n = ::write(ended.get(), &one, sizeof one);
    });
  } catch (const std::system_error&) {  // no more threads: as good as at the cap
    refuse(raw);
    ::close(raw);
    threads.erase(slot);
    --active;
  }
}

void Server::Impl::reap() {
  std::uint64_t count;
  [[maybe_unused]] const auto n = ::read(ended.get(), &count, sizeof count);
  std::vector<std::list<std::thread>::iterator> over;
  {
    std::lock_guard lock(mutex);
    over.swap(done);
  }
  for (const auto slot : over) {
    slot->join();
    threads.erase(slot);
  }
}

Result<> Server::Impl::accept_one(const Listener& listener, const StopSource& stop) {
  UniqueFd fd(::accept4(listener.fd.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (fd.valid()) {
    if (active < options.max_connections) {
      start(std::move(fd), listener.tls, stop);
    } else if (listener.tls == nullptr) {
      refuse(fd.get());
    }
    return {};
  }
  if (of_one_connection(errno)) return {};
  if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM) return fail_errno(errno, "accept");
  // Out of descriptors: what frees one is the end of a connection; look again a little later all the same.
  const auto waited = wait_any(stop, Deadline::in(std::chrono::milliseconds(100)), {{ended.get(), POLLIN}});
  if (waited) reap();
  return {};
}

Result<> Server::Impl::run(const std::vector<Listener>& listeners, const StopSource& stop) {
  std::vector<Interest> interests{{ended.get(), POLLIN}};
  for (const auto& listener : listeners) {
    TRY(sys::set_nonblocking(listener.fd.get(), true), "listen");
    interests.push_back({listener.fd.get(), POLLIN});
  }
  for (;;) {
    const auto ready = wait_any(stop, Deadline::never(), interests);
    if (!ready) return ready.error().code == Code::cancelled ? Result<>() : std::unexpected(ready.error());
    reap();
    if (*ready == 0) continue;
    // All of them, since the first may always be ready.
    for (const auto& listener : listeners) TRY(accept_one(listener, stop));
  }
}

Server::Server(Router router, ServerOptions options) : impl_(std::make_unique<Impl>(std::move(router), std::move(options))) {}
Server::~Server() = default;

Result<> Server::run(std::vector<Listener> listeners, const StopSource& stop) {
  StopSource failed;  // when a listener fails, what runs is drained as well
  auto result = impl_->run(listeners, stop);
  listeners.clear();
  const auto drained = Deadline::in(impl_->options.drain_timeout);
  while (impl_->active > 0) {
    if (!wait_any(failed, drained, {{impl_->ended.get(), POLLIN}})) break;
    impl_->reap();
  }
  impl_->hard.request_stop();
  for (auto& thread : impl_->threads) thread.join();
  impl_->threads.clear();
  impl_->done.clear();
  return result;
}

std::size_t Server::connections() const { return impl_->active; }

}  // namespace fulcrum::http
