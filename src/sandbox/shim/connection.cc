#include "sandbox/shim/connection.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/sys.h"

namespace fulcrum::sandbox::shim {
namespace {

constexpr std::size_t kMaxConnections = 1280;  // the daemon keeps one for each exec that runs
constexpr std::size_t kMaxFds = 2;

}  // namespace

Server::~Server() { close(); }

Result<> Server::listen(const std::string& path) {
  listener_ = TRY(sys::listen_unix(path, 0600, SOCK_SEQPACKET));
  path_ = path;
  TRY(sys::set_nonblocking(listener_.get(), true));
  return loop_.add(listener_.get(), EPOLLIN, this);
}

void Server::close() {
  connections_.clear();
  loop_.remove(listener_.get());
  if (listener_.valid()) ::unlink(path_.c_str());
  listener_.reset();
}

void Server::ready(std::uint32_t) {
  UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!fd.valid() || connections_.size() >= kMaxConnections) return;
  const auto number = next_++;
  auto connection = std::make_unique<Connection>(*this, number, std::move(fd));
  if (loop_.add(connection->fd.get(), EPOLLIN, connection.get())) connections_.emplace(number, std::move(connection));
}

bool Server::send(Connection& connection, const Reply& reply) {
  const auto bytes = encode(reply);
  return ::send(connection.fd.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
}

void Server::take(Connection& connection, std::uint32_t events) {
  const auto number = connection.number;
  const auto size = ::recv(connection.fd.get(), nullptr, 0, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
  const bool hung_up = size == 0 || (size < 0 && (events & (EPOLLHUP | EPOLLERR)) != 0);
  if (hung_up || size > static_cast<ssize_t>(kMaxMessage)) {
    connections_.erase(number);
    return;
  }
  if (size < 0) return;
  auto message = sys::receive_message(connection.fd.get(), static_cast<std::size_t>(size), kMaxFds);
  if (!message) {
    connections_.erase(number);
    return;
  }
  auto request = decode_request(message->data);
  if (!request) {
    const auto& error = request.error();
    send(connection, {.code = error.code, .ok = false, .message = error.message});
    connections_.erase(number);
    return;
  }
  const auto reply = handler_.handle(number, *request, std::move(message->fds));
  if (reply) answer(number, *reply);
}

void Server::answer(std::uint64_t number, const Reply& reply) {
  const auto found = connections_.find(number);
  if (found != connections_.end() && !send(*found->second, reply)) connections_.erase(found);
}

void Server::add_watcher(std::uint64_t number, const std::string& exec_id) {
  if (const auto found = connections_.find(number); found != connections_.end()) found->second->watches = exec_id;
}

void Server::answer_watchers(const std::string& exec_id, const Reply& reply) {
  for (auto it = connections_.begin(); it != connections_.end();) {
    const bool gone = it->second->watches == exec_id && !send(*it->second, reply);
    it = gone ? connections_.erase(it) : std::next(it);
  }
}

}  // namespace fulcrum::sandbox::shim
