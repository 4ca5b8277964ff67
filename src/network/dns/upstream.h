// The resolvers that questions for other names are passed on to.
#pragma once

#include <sys/stat.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "network/address.h"

namespace fulcrum::network::dns {

/// At most this many are used, as in the C library.
inline constexpr std::size_t kMaxResolvers = 3;

/// The "nameserver" lines of a resolv.conf; lines that make no sense are passed over, and so are zones of link-local addresses.
std::vector<IpAddress> parse_resolvers(std::string_view text);

/// The host's resolvers, read again when the file changes. One thread.
class Upstream {
 public:
  explicit Upstream(std::string path) : path_(std::move(path)) {}
  /// Looks at the file's identity at most once a second. A file that cannot be read means no resolvers.
  const std::vector<IpAddress>& resolvers(std::chrono::steady_clock::time_point now);

 private:
  std::string path_;
  std::vector<IpAddress> resolvers_;
  std::chrono::steady_clock::time_point looked_{};
  struct stat seen_{};
};

}  // namespace fulcrum::network::dns
