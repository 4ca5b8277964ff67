// Where a registry is and how it may be spoken to: addresses, mirrors, TLS roots and client certificates, plain http.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/error.h"
#include "image/registry/options.h"
#include "image/registry/transport.h"
#include "image/registry/url.h"

namespace fulcrum::image::registry {

/// One place to ask for a repository.
struct Endpoint {
  Url base;            ///< scheme, host and port
  std::string domain;  ///< under which its credentials are kept
  bool mirror = false;

  /// base + "/v2/" + rest
  std::string address(std::string_view rest) const;
};

/// Resolves domains to endpoints by the options. Thread-safe.
class Hosts {
 public:
  explicit Hosts(const Options& options) : options_(options) {}

  /// The registry itself. Asks a host that may use plain http whether it speaks TLS, once. Errors: as Transport::perform; invalid_argument
  /// for options that make no sense.
  [[nodiscard]] Result<Endpoint> registry(const std::string& domain, Transport& transport, const Bounds& bounds);
  /// The mirrors of the domain, then the registry itself. A mirror that cannot be reached is left out.
  [[nodiscard]] Result<std::vector<Endpoint>> endpoints(const std::string& domain, Transport& transport, const Bounds& bounds);
  /// The TLS settings for an address. Errors: failed_precondition for an unreadable or contradictory certs_dir.
  [[nodiscard]] Result<std::shared_ptr<const Tls>> tls(const Url& url);
  /// Whether plain http may be spoken with the host: loopback, or configured as insecure.
  bool may_use_plain_http(const Url& url) const;

  /// Whether some request was answered already; a host that never was is not worth many tries.
  bool reached() const { return reached_.load(std::memory_order_relaxed); }
  void set_reached() { reached_.store(true, std::memory_order_relaxed); }

 private:
  bool listed_insecure(const Url& url) const;
  Result<Url> base_of(const std::string& host, Transport& transport, const Bounds& bounds);
  Result<Url> ask(const std::string& host, Transport& transport, const Bounds& bounds);
  Result<Endpoint> mirror(const std::string& text, Transport& transport, const Bounds& bounds);

  const Options& options_;
  std::atomic<bool> reached_{false};
  std::mutex mutex_;  ///< protects the two maps
  std::map<std::string, Url> bases_;
  std::map<std::string, std::shared_ptr<const Tls>> tls_;
};

}  // namespace fulcrum::image::registry
