// Ports of the real host that lead into a rootless engine's network namespace: slirp4netns listens there, and is told which over its API
// socket (slirp4netns(1), "API SOCKET").
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "network/ports.h"

namespace fulcrum::network {

/// A port that slirp4netns forwards, under its number for it.
struct HostForward {
  int id = 0;
  PublishedPort port;  ///< container_port is the port inside the namespace
};

/// Thread-safe; every call is one conversation with slirp4netns. Ports keep their number on the way in: host 8080 → namespace 8080.
class HostForwards {
 public:
  /// `socket`: the API socket; `guest`: the namespace's address in slirp4netns's network.
  HostForwards(std::string socket, std::string guest) : socket_(std::move(socket)), guest_(std::move(guest)) {}

  /// Listens on the host. Errors: already_exists (the port is taken there, or may not be bound by an ordinary user), unimplemented (IPv6
  /// host address), unavailable (slirp4netns is gone).
  [[nodiscard]] Result<> open(const PublishedPort& port) const;
  /// Absence is success.
  [[nodiscard]] Result<> close(const PublishedPort& port) const;
  [[nodiscard]] Result<std::vector<HostForward>> list() const;

 private:
  Result<std::string> call(std::string_view request) const;
  std::string socket_;
  std::string guest_;
};

/// The answer to list_hostfwd. Errors: data_loss for what is not slirp4netns's.
[[nodiscard]] Result<std::vector<HostForward>> parse_forwards(std::string_view json);

}  // namespace fulcrum::network
