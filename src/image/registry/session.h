// Requests to an endpoint as the client needs them: authenticated, redirected, tried again.
#pragma once

#include <string>

#include "base/error.h"
#include "image/registry/authorizer.h"
#include "image/registry/bounds.h"
#include "image/registry/hosts.h"
#include "image/registry/options.h"
#include "image/registry/transport.h"

namespace fulcrum::image::registry {

/// What all sessions of a client share.
struct Shared {
  explicit Shared(Options given) : options(std::move(given)), hosts(options), authorizer(options, hosts) {}
  const Options options;
  Hosts hosts;
  Authorizer authorizer;
};

/// The scopes of the token specification.
std::string pull_scope(const std::string& repository);
std::string push_scope(const std::string& repository);

/// One thread's connections to registries.
class Session {
 public:
  explicit Session(Shared& shared) : shared_(shared) {}

  /// One try: answers 401 once, follows up to 10 redirects of GET and HEAD (never from https to http; the Authorization field goes to the
  /// endpoint's own origin alone). Any final status is a success. `request.url` must belong to the endpoint.
  [[nodiscard]] Result<Response> try_once(const Endpoint& endpoint, Request request, const std::string& scope, const Bounds& bounds);
  /// Tries until a 2xx answer, or an error that another try would not cure. `what` names the object in errors.
  [[nodiscard]] Result<Response> send(const Endpoint& endpoint, const Request& request, const std::string& scope, const std::string& what,
                                      const Bounds& bounds);

  Shared& shared() { return shared_; }
  Transport& transport() { return transport_; }

 private:
  Result<Response> follow(const Endpoint& endpoint, Request& request, const std::string& authorization, const Bounds& bounds);

  Shared& shared_;
  Transport transport_;
};

}  // namespace fulcrum::image::registry
