// Answers to 401: basic credentials and bearer tokens (distribution's token authentication), remembered per origin and scope.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/error.h"
#include "image/registry/challenge.h"
#include "image/registry/hosts.h"
#include "image/registry/options.h"

namespace fulcrum::image::registry {

/// Thread-safe. A lock is held for the map alone, never while a token is fetched.
class Authorizer {
 public:
  Authorizer(const Options& options, Hosts& hosts, const Clock& clock = Clock::system())
      : options_(options), hosts_(hosts), clock_(clock) {}

  /// The Authorization value to send along, "" when none is known yet or it has run out.
  std::string remembered(const Endpoint& endpoint, const std::string& scope) const;
  /// Answers a 401 with a fresh Authorization value. `scope` is what the request needs ("repository:a/b:pull"), space-separated; the
  /// challenge's own scope is added. `rejected` is the value that was refused, "" when none was sent.
  /// Errors: unauthenticated when there is no credential, or the registry or its token server refuses it; unavailable for a token server
  /// that does not answer; permission_denied for a token server that would get our password over plain http.
  [[nodiscard]] Result<std::string> answer(const Endpoint& endpoint, const std::string& scope, const Response& refused,
                                           const std::string& rejected, Transport& transport, const Bounds& bounds);

 private:
  struct Token {
    std::string value;  ///< "Bearer …"
    Time expires;
  };
  struct Ask;
  Result<std::string> basic(const Endpoint& endpoint, const Credential& credential, const std::string& rejected);
  Result<std::string> bearer(const Endpoint& endpoint, const std::string& scope, const Challenge& challenge, const Credential& credential,
                             const std::string& rejected, Transport& transport, const Bounds& bounds);
  Result<Token> fetch(const Ask& ask, Transport& transport, const Bounds& bounds);
  Result<Response> exchange(const Ask& ask, bool oauth, Transport& transport, const Bounds& bounds);

  const Options& options_;
  Hosts& hosts_;
  const Clock& clock_;
  mutable std::mutex mutex_;                                     ///< protects tokens_
  std::map<std::pair<std::string, std::string>, Token> tokens_;  ///< {origin, scope}; scope "" with basic: any
};

}  // namespace fulcrum::image::registry
