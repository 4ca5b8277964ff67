// Who has which host port. The kernel is asked too: each published port is held by bound sockets, so that neither side shadows the other.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "network/ports.h"

namespace fulcrum::network {

/// Whether two publications want the same packets.
bool ports_clash(const PublishedPort& a, const PublishedPort& b);

/// Binds, without listening, what a publication covers, so that another program's bind fails instead of being shadowed, and a program
/// that listens already is found. Errors: already_exists "port 8080/tcp is in use by another program on this host", invalid_argument (the
/// host address is not one of this host), permission_denied.
[[nodiscard]] Result<std::vector<UniqueFd>> hold_port(const PublishedPort& port);

/// The published ports of one engine. Not thread-safe; nothing in it waits.
class PortTable {
 public:
  /// Chooses and holds host ports for all of `specs`, or none. Errors: already_exists (names the port and who has it), resource_exhausted
  /// (a range without a free port), and those of hold_port.
  [[nodiscard]] Result<std::vector<PublishedPort>> reserve(const std::vector<PortSpec>& specs, const std::string& owner);
  /// Takes a port back after a restart. It is entered even when it cannot be held; the error then says why.
  [[nodiscard]] Result<> restore(const PublishedPort& port, const std::string& owner);
  void release(const PublishedPort& port);
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::string owner;
    std::vector<UniqueFd> held;
  };
  Result<> reserve_one(const PublishedPort& port, const std::string& owner);
  Result<PublishedPort> reserve_any(PublishedPort port, std::uint16_t first, std::uint16_t last, const std::string& owner);

  std::map<PublishedPort, Entry> entries_;
  /// The same, by number, to find clashes.
  std::multimap<std::pair<Protocol, std::uint16_t>, PublishedPort> by_number_;
};

}  // namespace fulcrum::network
