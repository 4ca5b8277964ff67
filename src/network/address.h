// Internet and Ethernet addresses as values: parse, print, compare, count.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

namespace fulcrum::network {

enum class Family : std::uint8_t { v4, v6 };

/// An IPv4 or IPv6 address in network byte order.
class IpAddress {
 public:
  IpAddress() = default;  ///< 0.0.0.0
  static IpAddress v4(std::uint32_t host_order);
  static IpAddress v6(std::span<const std::uint8_t, 16> bytes);
  static IpAddress any(Family family);
  /// "10.0.0.1" or "fd00::1" (no zone). Error: invalid_argument.
  [[nodiscard]] static Result<IpAddress> parse(std::string_view text);

  Family family() const { return family_; }
  bool is_v4() const { return family_ == Family::v4; }
  /// 4 or 16 bytes, network order.
  std::span<const std::uint8_t> bytes() const { return {bytes_.data(), is_v4() ? 4U : 16U}; }
  unsigned bits() const { return is_v4() ? 32 : 128; }
  bool is_any() const;
  bool is_loopback() const;
  /// The address `offset` further on; wraps at the end of the family.
  IpAddress plus(std::uint64_t offset) const;
  /// This minus `other` (same family), saturated at 2^64-1; other must not be greater.
  std::uint64_t minus(const IpAddress& other) const;
  std::string str() const;

  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;

 private:
  Family family_ = Family::v4;
  std::array<std::uint8_t, 16> bytes_{};
};

/// An address with a prefix length: a subnet (host bits zero) or an interface address (host bits kept).
struct Prefix {
  IpAddress address;
  std::uint8_t length = 0;

  /// "10.0.0.0/24". Error: invalid_argument.
  [[nodiscard]] static Result<Prefix> parse(std::string_view text);
  Family family() const { return address.family(); }
  /// The same prefix with host bits cleared.
  Prefix network() const;
  IpAddress first() const { return network().address; }
  IpAddress last() const;
  bool contains(const IpAddress& other) const;
  bool overlaps(const Prefix& other) const;
  std::string str() const;

  friend auto operator<=>(const Prefix&, const Prefix&) = default;
};

/// An Ethernet address.
struct MacAddress {
  std::array<std::uint8_t, 6> bytes{};

  /// "02:42:ac:11:00:02" or with dashes. Error: invalid_argument (also for a multicast or all-zero address).
  [[nodiscard]] static Result<MacAddress> parse(std::string_view text);
  /// A random, locally administered unicast address.
  static MacAddress random();
  std::string str() const;

  friend auto operator<=>(const MacAddress&, const MacAddress&) = default;
};

}  // namespace fulcrum::network
