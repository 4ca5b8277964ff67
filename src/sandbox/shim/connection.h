// The shim's side of shim.sock.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "sandbox/shim/loop.h"
#include "sandbox/shim/message.h"

namespace fulcrum::sandbox::shim {

class RequestHandler {
 public:
  virtual ~RequestHandler() = default;
  /// The answer, or nothing when Server::answer() will give it later.
  virtual std::optional<Reply> handle(std::uint64_t connection, const Request& request, std::vector<UniqueFd> fds) = 0;
};

/// Accepts connections and takes requests off them. Whoever sends what is no request is cut off after an error.
class Server final : public Source {
 public:
  Server(Loop& loop, RequestHandler& handler) : loop_(loop), handler_(handler) {}
  ~Server() override;
  [[nodiscard]] Result<> listen(const std::string& path);
  /// Answers a request that was left open. A connection that has gone meanwhile is passed over.
  void answer(std::uint64_t connection, const Reply& reply);
  /// From now on this connection is told of the end of an exec, or (empty) of the first process.
  void add_watcher(std::uint64_t connection, const std::string& exec_id);
  /// Answers those who watch this exec, or (empty) the first process.
  void answer_watchers(const std::string& exec_id, const Reply& reply);
  /// Takes no more connections, removes the socket and closes what is open.
  void close();

  void ready(std::uint32_t events) override;

 private:
  struct Connection final : Source {
    Connection(Server& s, std::uint64_t n, UniqueFd f) : server(s), number(n), fd(std::move(f)) {}
    ~Connection() override { server.loop_.remove(fd.get()); }
    void ready(std::uint32_t events) override { server.take(*this, events); }
    Server& server;
    std::uint64_t number;
    UniqueFd fd;
    std::optional<std::string> watches;
  };
  void take(Connection& connection, std::uint32_t events);
  /// False when the peer is gone or takes nothing.
  bool send(Connection& connection, const Reply& reply);

  Loop& loop_;
  RequestHandler& handler_;
  std::string path_;
  UniqueFd listener_;
  std::map<std::uint64_t, std::unique_ptr<Connection>> connections_;
  std::uint64_t next_ = 1;
};

}  // namespace fulcrum::sandbox::shim
