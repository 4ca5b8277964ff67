// Where the API is served: the engine's own socket, one more for Docker's clients, and TCP with mutual TLS.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "fulcrumd/options.h"
#include "http/server.h"
#include "http/tls.h"

namespace fulcrum::daemon {

/// Sockets that listen, for http::Server::run().
class Listeners {
 public:
  /// Opens what the options name. Errors: invalid_argument for options that contradict each other, a group or files that do not exist;
  /// failed_precondition when something else serves a path.
  [[nodiscard]] static Result<Listeners> open(const Options& options);
  Listeners(Listeners&&) = default;
  Listeners& operator=(Listeners&&) = delete;
  /// Removes the sockets' names.
  ~Listeners();

  /// Once. The TLS settings stay with this object, which must outlive the server.
  std::vector<http::Listener> take() { return std::move(sockets_); }

 private:
  Listeners() = default;
  Result<> add_unix(const std::string& path, const std::string& group);
  Result<> add_tls(const Options& options);

  std::unique_ptr<http::TlsContext> tls_;
  std::vector<http::Listener> sockets_;
  std::vector<std::string> paths_;
};

}  // namespace fulcrum::daemon
