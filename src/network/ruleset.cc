#include "network/ruleset.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace fulcrum::network {
namespace {

// docs/networking.md explains each chain.
//   guard        members must not reach the host's 127.0.0.0/8, which route_localnet on a bridge would otherwise allow
//   publish      published ports, for packets from elsewhere, from members (hairpin) and from the host itself (output)
//   postrouting  members leave under the host's address; what came from loopback or from the same network returns through the host
//   input        an internal network reaches nothing of the host but its gateway's name server
//   forward      who may talk to whom. Where br_netfilter is on, frames between members of one network come through here too, and
//                postrouting does not know where a packet came in: hence the rules by source address
constexpr std::string_view kChains = R"(
  chain guard {{
    type filter hook prerouting priority raw; policy accept;
    iifname @bridges ip daddr 127.0.0.0/8 drop
    iifname @bridges ip saddr 127.0.0.0/8 drop
  }}
  chain publish {{
    meta l4proto {{ tcp, udp }} dnat ip to meta l4proto . ip daddr . th dport map @published4
    meta l4proto {{ tcp, udp }} dnat ip to meta l4proto . th dport map @published4_any
    meta l4proto {{ tcp, udp }} dnat ip6 to meta l4proto . ip6 daddr . th dport map @published6
    meta l4proto {{ tcp, udp }} dnat ip6 to meta l4proto . th dport map @published6_any
  }}
  chain prerouting {{
    type nat hook prerouting priority dstnat; policy accept;
    ip daddr 127.0.0.0/8 return
    iifname @bridges meta l4proto {{ tcp, udp }} th dport 53 fib daddr . iif type local return
    iifname @internal return
    fib daddr type local jump publish
  }}
  chain output {{
    type nat hook output priority -100; policy accept;
    fib daddr type local jump publish
  }}
  chain postrouting {{
    type nat hook postrouting priority srcnat; policy accept;
    meta nfproto ipv4 iifname @masquerade4 oifname != @bridges masquerade
    meta nfproto ipv6 iifname @masquerade6 oifname != @bridges masquerade
    ct status dnat oifname . ip saddr @own4 masquerade
    ct status dnat oifname . ip6 saddr @own6 masquerade
    ip saddr 127.0.0.0/8 oifname @bridges masquerade
  }}
  chain input {{
    type filter hook input priority filter; policy accept;
    iifname != @internal accept
    ct state established,related accept
    fib daddr . iif type {{ local, broadcast, multicast }} meta l4proto {{ icmp, ipv6-icmp }} accept
    fib daddr . iif type local meta l4proto {{ tcp, udp }} th dport 53 accept
    drop
  }}
  chain workload_policy {{
  }}
  chain forward {{
    type filter hook forward priority filter; policy accept;
    iifname != @bridges oifname != @bridges accept
    ct state established,related accept
    jump workload_policy
    iifname . oifname @members accept
    iifname @internal drop
    oifname @internal drop
    oifname @bridges ct status dnat accept
    iifname @open oifname @open accept
    oifname @bridges drop
  }}
)";

struct SetType {
  std::string_view name, kind, type;
};
constexpr SetType kSets[] = {
    {"bridges", "set", "type ifname;"},           // every network
    {"internal", "set", "type ifname;"},          // no way out
    {"open", "set", "type ifname;"},              // may talk to each other
    {"members", "set", "type ifname . ifname;"},  // (bridge, itself): may talk within
    {"masquerade4", "set", "type ifname;"},
    {"masquerade6", "set", "type ifname;"},
    {"own4", "set", "type ifname . ipv4_addr; flags interval;"},  // (bridge, its subnet)
    {"own6", "set", "type ifname . ipv6_addr; flags interval;"},
    {"published4", "map", "type inet_proto . ipv4_addr . inet_service : ipv4_addr . inet_service;"},
    {"published4_any", "map", "type inet_proto . inet_service : ipv4_addr . inet_service;"},
    {"published6", "map", "type inet_proto . ipv6_addr . inet_service : ipv6_addr . inet_service;"},
    {"published6_any", "map", "type inet_proto . inet_service : ipv6_addr . inet_service;"},
};

struct FieldText {
  std::string operator()(const InterfaceKey& key) const { return "\"" + key.name + "\""; }
  std::string operator()(const IpAddress& address) const { return address.str(); }
  std::string operator()(const PortKey& key) const { return std::to_string(key.port); }
  std::string operator()(Protocol protocol) const { return std::string(to_string(protocol)); }
  std::string operator()(const Prefix& subnet) const { return subnet.str(); }
};

std::string join_fields(std::span<const Field> fields) {
  std::string out;
  for (const Field& field : fields) out += (out.empty() ? "" : " . ") + std::visit(FieldText(), field);
  return out;
}

struct FieldBytes {
  std::vector<std::uint8_t>& out;
  bool range_end;
  void append(const void* data, std::size_t size, std::size_t padded) const {
    const auto* bytes = static_cast<const std::uint8_t*>(data);
    out.insert(out.end(), bytes, bytes + size);
    out.resize(out.size() + padded - size);
  }
  void operator()(const InterfaceKey& key) const {
    FULCRUM_ASSERT(key.name.size() < 16);
    append(key.name.data(), key.name.size(), 16);
  }
  void operator()(const IpAddress& address) const { append(address.bytes().data(), address.bytes().size(), address.bytes().size()); }
  void operator()(const PortKey& key) const {
    const std::uint16_t port = htons(key.port);
    append(&port, sizeof port, 4);
  }
  void operator()(Protocol protocol) const {
    const std::uint8_t number = protocol == Protocol::tcp ? 6 : 17;
    append(&number, sizeof number, 4);
  }
  void operator()(const Prefix& subnet) const { (*this)(range_end ? subnet.last() : subnet.first()); }
};

}  // namespace

std::string Element::text() const { return data.empty() ? join_fields(key) : join_fields(key) + " : " + join_fields(data); }

std::vector<std::uint8_t> encode_fields(std::span<const Field> fields, bool range_end) {
  std::vector<std::uint8_t> out;
  for (const Field& field : fields) std::visit(FieldBytes{out, range_end}, field);
  return out;
}

bool is_range(std::span<const Field> fields) {
  return std::ranges::any_of(fields, [](const Field& f) { return std::holds_alternative<Prefix>(f); });
}

std::vector<Element> network_elements(const Network& network) {
  const InterfaceKey bridge{network.bridge};
  std::vector<Element> out{{"bridges", {bridge}, {}}};
  if (network.inter_container) out.push_back({"members", {bridge, bridge}, {}});
  if (network.internal) {
    out.push_back({"internal", {bridge}, {}});
    return out;
  }
  if (!network.isolated) out.push_back({"open", {bridge}, {}});
  for (const SubnetConfig& subnet : network.subnets) {
    const bool v4 = subnet.subnet.address.is_v4();
    if (network.masquerade) out.push_back({v4 ? "masquerade4" : "masquerade6", {bridge}, {}});
    out.push_back({v4 ? "own4" : "own6", {bridge, subnet.subnet}, {}});
  }
  return out;
}

std::vector<Element> port_elements(const Endpoint& endpoint, const PublishedPort& port) {
  std::vector<Element> out;
  for (const Prefix& own : endpoint.addresses) {
    const IpAddress& address = own.address;
    if (port.host_ip && port.host_ip->family() != address.family()) continue;
    const std::string map = address.is_v4() ? "published4" : "published6";
    std::vector<Field> data{address, PortKey{port.container_port}};
    if (port.host_ip && !port.host_ip->is_any())
      out.push_back({map, {port.protocol, *port.host_ip, PortKey{port.host_port}}, std::move(data)});
    else
      out.push_back({map + "_any", {port.protocol, PortKey{port.host_port}}, std::move(data)});
  }
  return out;
}

std::string render_table(const std::string& table, std::span<const Element> elements) {
  std::map<std::string, std::string> lists;
  for (const Element& element : elements) {
    auto& list = lists[element.set];
    list += (list.empty() ? "" : ", ") + element.text();
  }
  std::string out = fmt::format("add table inet {0}\ndelete table inet {0}\ntable inet {0} {{\n", table);
  for (const SetType& set : kSets) {
    const auto list = lists.find(std::string(set.name));
    out += fmt::format("  {} {} {{ {}{} }}\n", set.kind, set.name, set.type,
                       list == lists.end() ? std::string() : " elements = { " + list->second + " }");
  }
  return out + fmt::format(kChains) + "}\n";
}

}  // namespace fulcrum::network
