// The engine's nftables table: fixed rules, and sets whose elements are the networks and published ports.
//
// Every change after the table exists adds or removes elements, which costs the same however many there are. Pure: text and bytes only.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "network/address.h"
#include "network/network.h"
#include "network/ports.h"

namespace fulcrum::network {

/// An interface name as a set key (16 bytes, zero padded).
struct InterfaceKey {
  std::string name;
  friend bool operator==(const InterfaceKey&, const InterfaceKey&) = default;
};
/// A port as a set key (network order).
struct PortKey {
  std::uint16_t port = 0;
  friend bool operator==(const PortKey&, const PortKey&) = default;
};
/// One part of a concatenated key or value.
using Field = std::variant<InterfaceKey, IpAddress, PortKey, Protocol, Prefix>;

/// An element of a set or, with data, of a map.
struct Element {
  std::string set;
  std::vector<Field> key;
  std::vector<Field> data;

  /// As in an nft script: "tcp . 8080 : 10.0.0.2 . 80".
  std::string text() const;
  friend bool operator==(const Element&, const Element&) = default;
};
/// The bytes the kernel wants: each field padded to four. A subnet is its first address or, for the end of a range, its last.
std::vector<std::uint8_t> encode_fields(std::span<const Field> fields, bool range_end = false);
/// Whether a key covers a range of values.
bool is_range(std::span<const Field> fields);

/// What a network puts into the sets.
std::vector<Element> network_elements(const Network& network);
/// What a published port of an endpoint puts into the maps: one element, or one for each family when there is no host address.
std::vector<Element> port_elements(const Endpoint& endpoint, const PublishedPort& port);

/// A script that replaces the whole table in one transaction; connections go on.
std::string render_table(const std::string& table, std::span<const Element> elements);

}  // namespace fulcrum::network
