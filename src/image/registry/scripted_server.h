// A peer for tests: an HTTP server on loopback that plays a script, one connection after the other.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/sys.h"
#include "base/wait.h"

namespace fulcrum::image::registry::testing {

/// Gets the head of each request ("GET /x HTTP/1.1\r\n…"), returns the bytes to send; then the connection is closed.
class ScriptedServer {
 public:
  using Script = std::function<std::string(const std::string& head)>;

  explicit ScriptedServer(Script script) : script_(std::move(script)), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof(address);
    auto* raw = reinterpret_cast<sockaddr*>(&address);
    FULCRUM_ASSERT(::bind(listener_.get(), raw, length) == 0 && ::listen(listener_.get(), 16) == 0);
    FULCRUM_ASSERT(::getsockname(listener_.get(), raw, &length) == 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::jthread([this] { serve(); });
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;
  ~ScriptedServer() { stop_.request_stop(); }

  std::string host() const { return "127.0.0.1:" + std::to_string(port_); }
  std::string url(const std::string& path) const { return "http://" + host() + path; }
  std::vector<std::string> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  void serve() {
    while (wait_any(stop_, Deadline(), {{listener_.get(), POLLIN}})) {
      const UniqueFd peer(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (peer.valid()) talk(peer.get());
    }
  }

  void talk(int peer) {
    std::string head;
    char c = 0;
    while (!head.ends_with("\r\n\r\n")) {
      if (!wait_any(stop_, Deadline(), {{peer, POLLIN}}) || ::recv(peer, &c, 1, 0) != 1) return;
      if (head.empty() && c == 0x16) return;  // TLS is not spoken here
      head += c;
    }
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(head);
    }
    const auto answer = script_(head);
    if (answer == "hang") {
      (void)wait_any(stop_, Deadline(), {{peer, POLLIN}});
      return;
    }
    (void)!::send(peer, answer.data(), answer.size(), MSG_NOSIGNAL);
  }

  Script script_;
  UniqueFd listener_;
  std::uint16_t port_ = 0;
  StopSource stop_;
  mutable std::mutex mutex_;  ///< protects requests_
  std::vector<std::string> requests_;
  std::jthread thread_;  ///< last: ends before what it uses
};

}  // namespace fulcrum::image::registry::testing
