// Which addresses are free. Pure: state is rebuilt from the endpoints that exist, so nothing can leak or be lost in a crash.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "network/address.h"
#include "network/network.h"

namespace fulcrum::network {

/// The addresses of one subnet and who has them. Addresses are handed out in a circle, so that one just given back rests
/// as long as possible before a stranger's packets find its next owner.
class AddressPool {
 public:
  explicit AddressPool(const SubnetConfig& config);

  const SubnetConfig& config() const { return config_; }
  /// The subnet's network, gateway and (IPv4) broadcast addresses are never handed out.
  /// Error: resource_exhausted "subnet 10.0.0.0/30 has no free address".
  [[nodiscard]] Result<IpAddress> take(const std::string& owner);
  /// A particular address. Errors: invalid_argument (outside, or reserved), already_exists (names the owner).
  [[nodiscard]] Result<> take(const IpAddress& address, const std::string& owner);
  void give_back(const IpAddress& address);
  std::size_t used() const { return owners_.size(); }

 private:
  bool reserved(const IpAddress& address) const;

  SubnetConfig config_;
  Prefix range_;
  std::map<IpAddress, std::string> owners_;
  IpAddress next_;
};

/// Checks a subnet and fills the gateway in. Error: invalid_argument: host bits set, too small for a gateway and one member, multicast or
/// loopback, gateway, ip_range or a reserved address outside, gateway on the network or broadcast address.
[[nodiscard]] Result<SubnetConfig> complete_subnet(const SubnetConfig& config);

/// The first piece of the pools with this length that overlaps nothing in `taken`. Error: resource_exhausted.
[[nodiscard]] Result<Prefix> choose_subnet(std::span<const Prefix> pools, std::uint8_t length, std::span<const Prefix> taken);
/// A random /64 below fd00::/8 (RFC 4193) that overlaps nothing in `taken`.
[[nodiscard]] Prefix choose_ula(std::span<const Prefix> taken);

}  // namespace fulcrum::network
