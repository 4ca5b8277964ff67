#include "network/address.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/sys.h"

namespace fulcrum::network {
namespace {

/// Sets host bits (those past `length`) to zero or one.
IpAddress with_host_bits(const IpAddress& address, unsigned length, bool ones) {
  std::array<std::uint8_t, 16> bytes{};
  std::ranges::copy(address.bytes(), bytes.begin());
  for (unsigned bit = length; bit < address.bits(); ++bit) {
    const auto mask = static_cast<std::uint8_t>(0x80U >> (bit % 8));
    auto& byte = bytes[bit / 8];
    byte = static_cast<std::uint8_t>(ones ? byte | mask : byte & ~mask);
  }
  if (!address.is_v4()) return IpAddress::v6(bytes);
  std::uint32_t value;
  std::memcpy(&value, bytes.data(), sizeof value);
  return IpAddress::v4(ntohl(value));
}

}  // namespace

IpAddress IpAddress::v4(std::uint32_t host_order) {
  IpAddress out;
  const std::uint32_t value = htonl(host_order);
  std::memcpy(out.bytes_.data(), &value, sizeof value);
  return out;
}

IpAddress IpAddress::v6(std::span<const std::uint8_t, 16> bytes) {
  IpAddress out;
  out.family_ = Family::v6;
  std::ranges::copy(bytes, out.bytes_.begin());
  return out;
}

IpAddress IpAddress::any(Family family) {
  IpAddress out;
  out.family_ = family;
  return out;
}

Result<IpAddress> IpAddress::parse(std::string_view text) {
  IpAddress out;
  const std::string terminated(text.substr(0, INET6_ADDRSTRLEN));
  if (text.size() < INET6_ADDRSTRLEN && text.find('\0') == std::string_view::npos) {
    if (::inet_pton(AF_INET, terminated.c_str(), out.bytes_.data()) == 1) return out;
    out = any(Family::v6);
    if (::inet_pton(AF_INET6, terminated.c_str(), out.bytes_.data()) == 1) return out;
  }
  return fail(Code::invalid_argument, "\"{}\" is not an IP address", text.substr(0, 64));
}

bool IpAddress::is_any() const {
  return std::ranges::all_of(bytes_, [](std::uint8_t b) { return b == 0; });
}

bool IpAddress::is_loopback() const {
  if (is_v4()) return bytes_[0] == 127;
  return bytes_[15] == 1 && std::all_of(bytes_.begin(), bytes_.begin() + 15, [](std::uint8_t b) { return b == 0; });
}

IpAddress IpAddress::plus(std::uint64_t offset) const {
  IpAddress out = *this;
  std::uint64_t carry = offset;
  for (std::size_t i = bytes().size(); i-- > 0 && carry != 0;) {
    // The carry is split so that byte + low 8 bits cannot overflow.
    const std::uint64_t sum = out.bytes_[i] + (carry & 0xff);
    out.bytes_[i] = static_cast<std::uint8_t>(sum);
    carry = (carry >> 8) + (sum >> 8);
  }
  return out;
}

std::uint64_t IpAddress::minus(const IpAddress& other) const {
  FULCRUM_ASSERT(family_ == other.family_ && *this >= other);
  std::uint64_t high = 0, low = 0;
  int borrow = 0;
  std::array<std::uint8_t, 16> difference{};
  const std::size_t count = bytes().size();
  for (std::size_t i = count; i-- > 0;) {
    int d = bytes_[i] - other.bytes_[i] - borrow;
    borrow = d < 0 ? 1 : 0;
    if (d < 0) d += 256;
    difference[16 - count + i] = static_cast<std::uint8_t>(d);
  }
  for (std::size_t i = 0; i < 8; ++i) high = high << 8 | difference[i];
  for (std::size_t i = 8; i < 16; ++i) low = low << 8 | difference[i];
  return high != 0 ? ~std::uint64_t{0} : low;
}

std::string IpAddress::str() const {
  char buffer[INET6_ADDRSTRLEN];
  return ::inet_ntop(is_v4() ? AF_INET : AF_INET6, bytes_.data(), buffer, sizeof buffer);
}

Result<Prefix> Prefix::parse(std::string_view text) {
  const auto slash = text.find('/');
  const auto bad = [&] { return fail(Code::invalid_argument, "\"{}\" is not a subnet like 10.1.0.0/24", text.substr(0, 64)); };
  if (slash == std::string_view::npos) return bad();
  auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return bad();
  const auto digits = text.substr(slash + 1);
  unsigned length = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  if (error != std::errc() || end != digits.data() + digits.size() || length > address->bits()) return bad();
  return Prefix{*address, static_cast<std::uint8_t>(length)};
}

Prefix Prefix::network() const { return {with_host_bits(address, length, false), length}; }
IpAddress Prefix::last() const { return with_host_bits(address, length, true); }

bool Prefix::contains(const IpAddress& other) const {
  return other.family() == family() && with_host_bits(other, length, false) == network().address;
}

bool Prefix::overlaps(const Prefix& other) const { return length <= other.length ? contains(other.address) : other.contains(address); }

std::string Prefix::str() const { return fmt::format("{}/{}", address.str(), length); }

Result<MacAddress> MacAddress::parse(std::string_view text) {
  const auto bad = [&] {
    return fail(Code::invalid_argument, "\"{}\" is not a unicast MAC address like 02:42:ac:11:00:02", text.substr(0, 64));
  };
  if (text.size() != 17) return bad();
  MacAddress out;
  for (std::size_t i = 0; i < 6; ++i) {
    const char* at = text.data() + 3 * i;
    const auto [end, error] = std::from_chars(at, at + 2, out.bytes[i], 16);
    if (error != std::errc() || end != at + 2) return bad();
    if (i < 5 && at[2] != ':' && at[2] != '-') return bad();
  }
  if ((out.bytes[0] & 1) != 0 || out == MacAddress{}) return bad();
  return out;
}

MacAddress MacAddress::random() {
  MacAddress out;
  const std::string hex = sys::random_hex(6);
  for (std::size_t i = 0; i < 6; ++i) std::from_chars(hex.data() + 2 * i, hex.data() + 2 * i + 2, out.bytes[i], 16);
  out.bytes[0] = static_cast<std::uint8_t>((out.bytes[0] & 0xfc) | 0x02);
  return out;
}

std::string MacAddress::str() const { return fmt::format("{:02x}", fmt::join(bytes, ":")); }

}  // namespace fulcrum::network
