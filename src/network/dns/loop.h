// The name server's thread: listeners, connections and forwarded questions, all in one epoll set.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "base/wait.h"
#include "network/dns/directory.h"
#include "network/dns/message.h"
#include "network/dns/upstream.h"
#include "network/socket_address.h"

namespace fulcrum::network::dns {

using SteadyTime = std::chrono::steady_clock::time_point;

/// One bound socket of a network.
struct Listener {
  std::string network;
  Prefix gateway;  ///< where it listens; only askers in this subnet are answered
  bool tcp = false;
  bool forward = true;
  UniqueFd fd;
};

/// Where an answer goes: back out of a UDP listener, or into a TCP connection. Both are named by number, since they may be gone by then.
struct Asker {
  bool tcp = false;
  std::uint64_t source = 0;
  SocketAddress peer;
};

/// Owns every socket. run() belongs to one thread; add(), drop() and stop() may be called from any.
class Loop {
 public:
  Loop(Directory& directory, std::string resolv_conf);
  [[nodiscard]] Result<> open();
  void run();
  void stop() const { stop_.request_stop(); }

  void add(Listener listener);
  /// Closes the listeners and connections of a network.
  void drop(std::string network);

 private:
  struct Connection {
    std::string network;
    bool forward = true;
    UniqueFd fd;
    SocketAddress peer;
    std::vector<std::uint8_t> in, out;
    std::size_t waiting = 0;  ///< questions being forwarded
    bool ended = false;       ///< the asker sends no more
    SteadyTime deadline;
  };
  /// A question on its way to a resolver.
  struct Exchange {
    Asker asker;
    Query query;
    std::vector<std::uint8_t> packet;  ///< the question as received
    std::vector<IpAddress> resolvers;
    std::size_t attempt = 0;
    std::uint16_t id = 0;
    UniqueFd fd;
    std::vector<std::uint8_t> in, out;  ///< TCP only
    SteadyTime deadline;
  };
  struct Command {
    std::optional<Listener> add;
    std::string drop;
  };

  void watch(int fd, std::uint32_t events, std::uint64_t number, bool fresh) const;
  void take_commands();
  void dispatch(std::uint64_t number, std::uint32_t events);
  void sweep(SteadyTime now);
  void remind(SteadyTime at) { next_ = std::min(next_, at); }

  void receive(std::uint64_t number, const Listener& listener);
  void accept(const Listener& listener);
  void on_connection(std::uint64_t number, std::uint32_t events);
  bool read_connection(std::uint64_t number, Connection& connection);
  bool write_connection(std::uint64_t number, Connection& connection);

  /// Answers or forwards one question.
  void handle(Bytes packet, const Asker& asker, std::string_view network, bool forward);
  void respond(const Asker& asker, Bytes message);
  void forward(Bytes packet, const Asker& asker, Query query);
  bool begin_attempt(std::uint64_t number, Exchange& exchange);
  bool next_attempt(std::uint64_t number, Exchange& exchange);
  void on_exchange(std::uint64_t number, std::uint32_t events);
  void finish(std::uint64_t number, Bytes answer);
  void give_up(std::uint64_t number);

  Directory& directory_;
  Upstream upstream_;
  UniqueFd epoll_, wake_;
  StopSource stop_;
  std::mutex mutex_;
  std::vector<Command> commands_;  // under mutex_

  // The rest belongs to the thread.
  std::uint64_t last_number_ = 1;
  std::map<std::uint64_t, Listener> listeners_;
  std::map<std::uint64_t, Connection> connections_;
  std::map<std::uint64_t, Exchange> exchanges_;
  SteadyTime next_ = SteadyTime::max();
};

}  // namespace fulcrum::network::dns
