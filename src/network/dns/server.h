// The name server of the engine's networks: one thread that owns every socket.
//
// It listens on the gateway address of each network, answers for the members of that network only, and passes other questions on
// to the host's resolvers. A question whose source is outside the network's subnets is dropped: names are scoped to their network.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "network/address.h"

namespace fulcrum::network::dns {

/// A network to serve.
struct ServeOptions {
  std::string network;
  std::vector<Prefix> gateways;  ///< the addresses to listen on (port 53), with their subnet's length
  bool forward = true;           ///< false: questions for other names are refused (internal networks)
};

/// A member of a network and its names.
struct Host {
  std::string id;  ///< unique in the network
  std::vector<IpAddress> addresses;
  std::vector<std::string> names;     ///< answered always
  std::vector<std::string> services;  ///< answered while ready, in turn with others of that name
  bool ready = true;
};

/// Thread-safe.
class Server {
 public:
  /// Starts the thread. `resolv_conf`: where the upstream resolvers stand; read again when it changes.
  [[nodiscard]] static Result<std::unique_ptr<Server>> start(std::string resolv_conf);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Begins to serve a network. Serving the same addresses again is success. Errors: already_exists (the address's port 53 is taken).
  [[nodiscard]] Result<> serve(const ServeOptions& options);
  /// Stops and forgets the network's names.
  void stop_serving(std::string_view network);
  /// Adds or replaces a member. The network need not be served yet.
  void put(std::string_view network, Host host);
  void remove(std::string_view network, std::string_view id);
  /// Exactly these members from now on.
  void replace(std::string_view network, std::vector<Host> hosts);
  /// Names of the networks that are served.
  std::vector<std::string> serving() const;

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace fulcrum::network::dns
