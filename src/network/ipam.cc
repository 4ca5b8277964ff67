#include "network/ipam.h"

#include <algorithm>
#include <charconv>

#include "base/sys.h"

namespace fulcrum::network {

AddressPool::AddressPool(const SubnetConfig& config)
    : config_(config), range_(config.ip_range ? config.ip_range->network() : config.subnet.network()), next_(range_.first()) {}

bool AddressPool::reserved(const IpAddress& address) const {
  const Prefix& subnet = config_.subnet;
  if (address == subnet.first() || address == config_.gateway) return true;
  if (std::ranges::any_of(config_.reserved, [&](const auto& kept) { return kept.second == address; })) return true;
  return address.is_v4() && address == subnet.last();
}

Result<IpAddress> AddressPool::take(const std::string& owner) {
  // At most used + reserved addresses can be in the way, so this many steps decide, however large the subnet is.
  const std::uint64_t span = range_.last().minus(range_.first());
  const std::uint64_t steps = std::min<std::uint64_t>(span, owners_.size() + config_.reserved.size() + 3) + 1;
  for (std::uint64_t i = 0; i < steps; ++i) {
    const IpAddress candidate = next_;
    next_ = candidate == range_.last() ? range_.first() : candidate.plus(1);
    if (reserved(candidate) || owners_.contains(candidate)) continue;
    owners_.emplace(candidate, owner);
    return candidate;
  }
  return fail(Code::resource_exhausted, "subnet {} has no free address{}", config_.subnet.str(),
              config_.ip_range ? " in the range " + config_.ip_range->str() : std::string());
}

Result<> AddressPool::take(const IpAddress& address, const std::string& owner) {
  if (!config_.subnet.contains(address))
    return fail(Code::invalid_argument, "address {} is not in {}", address.str(), config_.subnet.str());
  if (reserved(address)) return fail(Code::invalid_argument, "address {} is reserved in {}", address.str(), config_.subnet.str());
  const auto [at, fresh] = owners_.emplace(address, owner);
  if (!fresh) return fail(Code::already_exists, "address {} is used by {}", address.str(), at->second);
  // After a restart the circle goes on behind what is in use.
  if (range_.contains(address) && address >= next_) next_ = address == range_.last() ? range_.first() : address.plus(1);
  return {};
}

void AddressPool::give_back(const IpAddress& address) { owners_.erase(address); }

Result<SubnetConfig> complete_subnet(const SubnetConfig& config) {
  SubnetConfig out = config;
  const Prefix& subnet = config.subnet;
  if (subnet.network() != subnet)
    return fail(Code::invalid_argument, "subnet {} has host bits set; the network is {}", subnet.str(), subnet.network().str());
  const unsigned shortest = subnet.address.is_v4() ? 8 : 16;
  const unsigned longest = subnet.address.is_v4() ? 30 : 126;
  if (subnet.length < shortest || subnet.length > longest)
    return fail(Code::invalid_argument, "subnet {}: the prefix length must be {} to {}", subnet.str(), shortest, longest);
  const auto lead = subnet.address.bytes()[0];
  const bool multicast = subnet.address.is_v4() ? lead >= 224 : lead == 0xff;
  if (multicast || subnet.contains(IpAddress::v4(0x7f000001)) || lead == 0)
    return fail(Code::invalid_argument, "subnet {} is not for hosts", subnet.str());
  if (!out.gateway) out.gateway = subnet.first().plus(1);
  if (!subnet.contains(*out.gateway)) return fail(Code::invalid_argument, "gateway {} is not in {}", out.gateway->str(), subnet.str());
  if (*out.gateway == subnet.first() || (out.gateway->is_v4() && *out.gateway == subnet.last()))
    return fail(Code::invalid_argument, "gateway {} is no host address of {}", out.gateway->str(), subnet.str());
  if (out.ip_range &&
      (out.ip_range->length < subnet.length || !subnet.contains(out.ip_range->address) || out.ip_range->network() != *out.ip_range))
    return fail(Code::invalid_argument, "address range {} is no part of {}", out.ip_range->str(), subnet.str());
  for (const auto& [name, address] : out.reserved)
    if (!subnet.contains(address))
      return fail(Code::invalid_argument, "reserved address {} ({}) is not in {}", name, address.str(), subnet.str());
  return out;
}

Result<Prefix> choose_subnet(std::span<const Prefix> pools, std::uint8_t length, std::span<const Prefix> taken) {
  for (const Prefix& pool : pools) {
    if (length < pool.length || length > pool.address.bits()) continue;
    IpAddress at = pool.first();
    for (;;) {
      const Prefix candidate{at, length};
      const auto clash = std::ranges::find_if(taken, [&](const Prefix& t) { return t.overlaps(candidate); });
      if (clash == taken.end()) return candidate;
      // Go on behind whichever of the two is larger.
      const IpAddress end = std::max(candidate.last(), clash->last());
      if (end >= pool.last()) break;
      at = end.plus(1);
    }
  }
  return fail(Code::resource_exhausted, "no free /{} is left in the address pools; give the network a subnet", length);
}

Prefix choose_ula(std::span<const Prefix> taken) {
  for (;;) {
    std::array<std::uint8_t, 16> bytes{0xfd};
    const std::string hex = sys::random_hex(7);
    for (std::size_t i = 0; i < 7; ++i) std::from_chars(hex.data() + 2 * i, hex.data() + 2 * i + 2, bytes[i + 1], 16);
    const Prefix candidate{IpAddress::v6(bytes), 64};
    if (std::ranges::none_of(taken, [&](const Prefix& t) { return t.overlaps(candidate); })) return candidate;
  }
}

}  // namespace fulcrum::network
