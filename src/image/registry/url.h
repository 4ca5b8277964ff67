// Addresses: taken apart, resolved against each other, and compared by origin.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace fulcrum::image::registry {

/// An http or https address without user name or fragment.
struct Url {
  std::string scheme;  ///< "http" or "https"
  std::string host;    ///< lower case; an IPv6 address in brackets
  std::uint16_t port = 0;
  std::string text;  ///< the whole address

  /// Errors: invalid_argument for anything but http and https, and for an address with a user name in it.
  [[nodiscard]] static Result<Url> parse(std::string_view text);
  /// The address that `reference` (a Location header) means, seen from this one.
  [[nodiscard]] Result<Url> resolve(std::string_view reference) const;

  /// "host:port", the port always written.
  std::string authority() const { return host + ":" + std::to_string(port); }
  /// Credentials given to one origin go to no other.
  bool same_origin(const Url& other) const { return scheme == other.scheme && host == other.host && port == other.port; }
  bool is_secure() const { return scheme == "https"; }
};

/// Percent-encodes everything but unreserved characters (RFC 3986 section 2.3).
std::string escape_query(std::string_view text);
/// Adds `name=value` to an address that may have a query already.
std::string with_query(std::string url, std::string_view name, std::string_view value);
/// Whether the host is this machine's loopback: "localhost", 127.0.0.0/8, [::1].
bool is_loopback_host(std::string_view host);

}  // namespace fulcrum::image::registry
