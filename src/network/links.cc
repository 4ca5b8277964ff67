#include "network/links.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>

#include "base/sys.h"

namespace fulcrum::network {
namespace {

using netlink::Attributes;
using netlink::Batch;
using netlink::Reply;
using netlink::Socket;

constexpr std::uint16_t kCreate = NLM_F_CREATE | NLM_F_EXCL;

ifinfomsg link_header(int index = 0, bool up = false) {
  ifinfomsg out{};
  out.ifi_family = AF_UNSPEC;
  out.ifi_index = index;
  out.ifi_flags = up ? IFF_UP : 0;
  out.ifi_change = up ? IFF_UP : 0;
  return out;
}

Link read_link(const Reply& reply) {
  const auto header = reply.header<ifinfomsg>();
  const auto attributes = reply.attributes<ifinfomsg>();
  Link out;
  out.index = header.ifi_index;
  out.name = attributes.text(IFLA_IFNAME);
  out.alias = attributes.text(IFLA_IFALIAS);
  if (const auto info = attributes.nested(IFLA_LINKINFO)) out.kind = info->text(IFLA_INFO_KIND);
  out.master = static_cast<int>(attributes.value<std::uint32_t>(IFLA_MASTER).value_or(0));
  out.mtu = attributes.value<std::uint32_t>(IFLA_MTU).value_or(0);
  out.up = (header.ifi_flags & IFF_UP) != 0;
  // Only the leading members are read; kernels differ in how many follow.
  struct Stats {
    std::uint64_t rx_packets, tx_packets, rx_bytes, tx_bytes, rx_errors, tx_errors, rx_dropped, tx_dropped;
  };
  if (const auto s = attributes.value<Stats>(IFLA_STATS64)) {
    out.stats = {.rx_bytes = s->rx_bytes,
                 .rx_packets = s->rx_packets,
                 .rx_errors = s->rx_errors,
                 .rx_dropped = s->rx_dropped,
                 .tx_bytes = s->tx_bytes,
                 .tx_packets = s->tx_packets,
                 .tx_errors = s->tx_errors,
                 .tx_dropped = s->tx_dropped};
  }
  return out;
}

/// No link-local IPv6 address of its own: ports of a bridge need none, and members get exactly what they were given.
void put_no_autoconf(Batch& batch) {
  constexpr std::uint8_t kNone = 1;  // IN6_ADDR_GEN_MODE_NONE
  const auto spec = batch.open(IFLA_AF_SPEC);
  const auto inet6 = batch.open(AF_INET6);
  batch.put_value(IFLA_INET6_ADDR_GEN_MODE, kNone);
  batch.close(inet6);
  batch.close(spec);
}

void put_port(Batch& batch, const std::string& name, int bridge, const PortSettings& port) {
  batch.begin(RTM_NEWLINK, 0, link_header(0, true), fmt::format("plug {} into bridge {}", name, port.bridge));
  batch.put_text(IFLA_IFNAME, name);
  batch.put(IFLA_IFALIAS, {reinterpret_cast<const std::uint8_t*>(port.alias.data()), port.alias.size()});
  batch.put_value(IFLA_MASTER, static_cast<std::uint32_t>(bridge));
  put_no_autoconf(batch);
  if (port.isolated || port.hairpin) {
    // Flags of a bridge port can only be set once the port is in the bridge, hence a second request.
    batch.begin(RTM_NEWLINK, 0, link_header(), fmt::format("set flags of port {}", name));
    batch.put_text(IFLA_IFNAME, name);
    const auto info = batch.open(IFLA_LINKINFO);
    batch.put_text(IFLA_INFO_SLAVE_KIND, "bridge");
    const auto data = batch.open(IFLA_INFO_SLAVE_DATA);
    batch.put_value(IFLA_BRPORT_ISOLATED, static_cast<std::uint8_t>(port.isolated));
    batch.put_value(IFLA_BRPORT_MODE, static_cast<std::uint8_t>(port.hairpin));
    batch.close(data);
    batch.close(info);
  }
}

void put_address(Batch& batch, int index, const Prefix& address) {
  ifaddrmsg header{};
  header.ifa_family = address.address.is_v4() ? AF_INET : AF_INET6;
  header.ifa_prefixlen = address.length;
  header.ifa_flags = address.address.is_v4() ? 0 : IFA_F_NODAD;
  header.ifa_index = static_cast<std::uint32_t>(index);
  batch.begin(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, header, "add address " + address.str());
  batch.put(IFA_LOCAL, address.address.bytes());
  batch.put(IFA_ADDRESS, address.address.bytes());
  if (address.address.is_v4() && address.length < 31) batch.put(IFA_BROADCAST, address.last().bytes());
}

void put_default_route(Batch& batch, int index, const IpAddress& gateway) {
  rtmsg header{};
  header.rtm_family = gateway.is_v4() ? AF_INET : AF_INET6;
  header.rtm_table = RT_TABLE_MAIN;
  header.rtm_protocol = RTPROT_BOOT;
  header.rtm_scope = RT_SCOPE_UNIVERSE;
  header.rtm_type = RTN_UNICAST;
  batch.begin(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, header, "add default route through " + gateway.str());
  batch.put(RTA_GATEWAY, gateway.bytes());
  batch.put_value(RTA_OIF, static_cast<std::uint32_t>(index));
}

IpAddress read_address(std::span<const std::uint8_t> bytes) {
  if (bytes.size() >= 16) return IpAddress::v6(bytes.first<16>());
  std::uint32_t value = 0;
  std::memcpy(&value, bytes.data(), std::min<std::size_t>(bytes.size(), 4));
  return IpAddress::v4(ntohl(value));
}

struct InterfaceAddress {
  int index;
  Prefix address;
};

Result<std::vector<InterfaceAddress>> list_addresses(Socket& socket) {
  std::vector<InterfaceAddress> out;
  const ifaddrmsg header{};
  TRY(socket.dump(RTM_GETADDR, {reinterpret_cast<const std::uint8_t*>(&header), sizeof header}, [&](const Reply& reply) {
    const auto message = reply.header<ifaddrmsg>();
    const auto attributes = reply.attributes<ifaddrmsg>();
    auto bytes = attributes.find(IFA_LOCAL);
    if (!bytes) bytes = attributes.find(IFA_ADDRESS);
    if (bytes) out.push_back({static_cast<int>(message.ifa_index), Prefix{read_address(*bytes), message.ifa_prefixlen}});
  }));
  return out;
}

struct Route {
  Prefix destination;
  int index;
};

Result<std::vector<Route>> list_routes(Socket& socket) {
  std::vector<Route> out;
  const rtmsg header{};
  TRY(socket.dump(RTM_GETROUTE, {reinterpret_cast<const std::uint8_t*>(&header), sizeof header}, [&](const Reply& reply) {
    const auto message = reply.header<rtmsg>();
    if (message.rtm_type != RTN_UNICAST || (message.rtm_family != AF_INET && message.rtm_family != AF_INET6)) return;
    const auto attributes = reply.attributes<rtmsg>();
    const auto bytes = attributes.find(RTA_DST);
    const IpAddress any = IpAddress::any(message.rtm_family == AF_INET ? Family::v4 : Family::v6);
    out.push_back({Prefix{bytes ? read_address(*bytes) : any, message.rtm_dst_len},
                   static_cast<int>(attributes.value<std::uint32_t>(RTA_OIF).value_or(0))});
  }));
  return out;
}

/// Runs a batch, counting "it is there already" as success.
Result<> run_tolerating(Socket& socket, Batch& batch, int tolerated, std::string_view what) {
  for (const auto& outcome : TRY(socket.exchange(batch))) {
    if (outcome.error != 0 && outcome.error != tolerated) return netlink::fail_outcome(outcome, what);
  }
  return {};
}

}  // namespace

bool valid_interface_name(std::string_view name) {
  if (name.empty() || name.size() > kMaxInterfaceName || name == "." || name == "..") return false;
  return std::ranges::none_of(name, [](char c) { return c == '/' || c == ':' || c == '%' || c == '"' || c <= ' ' || c == 0x7f; });
}

Result<std::vector<Link>> list_links(Socket& socket) {
  std::vector<Link> out;
  const ifinfomsg header{};
  TRY(socket.dump(RTM_GETLINK, {reinterpret_cast<const std::uint8_t*>(&header), sizeof header}, [&](const Reply& reply) {
    if (reply.type == RTM_NEWLINK) out.push_back(read_link(reply));
  }));
  return out;
}

Result<std::optional<Link>> find_link(Socket& socket, std::string_view name) {
  Batch batch;
  batch.begin(RTM_GETLINK, 0, link_header(), fmt::format("find interface {}", name));
  batch.put_text(IFLA_IFNAME, name);
  std::optional<Link> out;
  const auto outcomes = TRY(socket.exchange(batch, [&](const Reply& reply) { out = read_link(reply); }));
  if (out || outcomes.front().error == ENODEV) return out;
  return netlink::fail_outcome(outcomes.front(), fmt::format("find interface {}", name));
}

Result<> delete_link(Socket& socket, std::string_view name) {
  Batch batch;
  const std::string what = fmt::format("remove interface {}", name);
  batch.begin(RTM_DELLINK, 0, link_header(), what);
  batch.put_text(IFLA_IFNAME, name);
  return run_tolerating(socket, batch, ENODEV, what);
}

Result<> delete_link(Socket& socket, int index) {
  Batch batch;
  const std::string what = fmt::format("remove interface {}", index);
  batch.begin(RTM_DELLINK, 0, link_header(index), what);
  return run_tolerating(socket, batch, ENODEV, what);
}

Result<> ensure_bridge(Socket& socket, const BridgeSpec& spec) {
  const std::span alias(reinterpret_cast<const std::uint8_t*>(spec.alias.data()), spec.alias.size());
  auto link = TRY(find_link(socket, spec.name));
  if (!link) {
    Batch create;
    create.begin(RTM_NEWLINK, kCreate, link_header(), "make bridge " + spec.name);
    create.put_text(IFLA_IFNAME, spec.name);
    create.put(IFLA_ADDRESS, spec.mac.bytes);
    const auto info = create.open(IFLA_LINKINFO);
    create.put_text(IFLA_INFO_KIND, "bridge");
    create.close(info);
    // The label goes along in the same system call: however this process ends, no bridge is left without one.
    create.begin(RTM_NEWLINK, 0, link_header(), "label bridge " + spec.name);
    create.put_text(IFLA_IFNAME, spec.name);
    create.put(IFLA_IFALIAS, alias);
    TRY(socket.run(create));
    link = TRY(find_link(socket, spec.name));
    if (!link) return fail(Code::unavailable, "bridge {} went away while it was made", spec.name);
  }
  if (link->kind != "bridge" || link->alias != spec.alias)
    return fail(Code::already_exists, "interface {} exists and is not this network's bridge", spec.name);
  Batch setup;
  setup.begin(RTM_NEWLINK, 0, link_header(link->index, true), "set bridge " + spec.name + " up");
  setup.put_value(IFLA_MTU, static_cast<std::uint32_t>(spec.mtu));
  if (std::ranges::all_of(spec.addresses, [](const Prefix& p) { return p.address.is_v4(); })) put_no_autoconf(setup);
  for (const auto& [index, address] : TRY(list_addresses(socket))) {
    const bool link_local = !address.address.is_v4() && address.address.bytes()[0] == 0xfe && (address.address.bytes()[1] & 0xc0) == 0x80;
    if (index != link->index || link_local || std::ranges::find(spec.addresses, address) != spec.addresses.end()) continue;
    ifaddrmsg header{};
    header.ifa_family = address.address.is_v4() ? AF_INET : AF_INET6;
    header.ifa_prefixlen = address.length;
    header.ifa_index = static_cast<std::uint32_t>(index);
    setup.begin(RTM_DELADDR, 0, header, "remove address " + address.str());
    setup.put(IFA_LOCAL, address.address.bytes());
  }
  for (const auto& address : spec.addresses) put_address(setup, link->index, address);
  return socket.run(setup);
}

Result<> make_veth(Socket& socket, const VethSpec& spec, int netns_fd) {
  Batch batch;
  batch.begin(RTM_NEWLINK, kCreate, link_header(), fmt::format("make veth {} for {}", spec.host_name, spec.inner_name));
  batch.put_text(IFLA_IFNAME, spec.host_name);
  batch.put_value(IFLA_MTU, static_cast<std::uint32_t>(spec.mtu));
  const auto info = batch.open(IFLA_LINKINFO);
  batch.put_text(IFLA_INFO_KIND, "veth");
  const auto data = batch.open(IFLA_INFO_DATA);
  const auto peer = batch.open(VETH_INFO_PEER);
  const ifinfomsg inner = link_header();
  batch.put_raw({reinterpret_cast<const std::uint8_t*>(&inner), sizeof inner});
  batch.put_text(IFLA_IFNAME, spec.inner_name);
  batch.put(IFLA_ADDRESS, spec.inner_mac.bytes);
  batch.put_value(IFLA_MTU, static_cast<std::uint32_t>(spec.mtu));
  batch.put_value(IFLA_NET_NS_FD, static_cast<std::uint32_t>(netns_fd));
  batch.close(peer);
  batch.close(data);
  batch.close(info);
  return socket.run(batch);
}

Result<> plug_port(Socket& socket, const std::string& name, const PortSettings& port) {
  const auto bridge = TRY(find_link(socket, port.bridge));
  if (!bridge) return fail(Code::not_found, "bridge {}", port.bridge);
  Batch batch;
  put_port(batch, name, bridge->index, port);
  return socket.run(batch);
}

Result<UniqueFd> make_tap(const std::string& name, const MacAddress& host_mac, unsigned mtu) {
  auto fd = TRY(sys::open("/dev/net/tun", O_RDWR | O_NONBLOCK));
  ifreq request{};
  FULCRUM_ASSERT(valid_interface_name(name));
  std::memcpy(request.ifr_name, name.data(), name.size());
  request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
  if (::ioctl(fd.get(), TUNSETIFF, &request) < 0) return fail_errno(errno, "make tap {}", name);
  auto socket = TRY(Socket::open(NETLINK_ROUTE));
  Batch batch;
  batch.begin(RTM_NEWLINK, 0, link_header(), "set up tap " + name);
  batch.put_text(IFLA_IFNAME, name);
  batch.put(IFLA_ADDRESS, host_mac.bytes);
  batch.put_value(IFLA_MTU, static_cast<std::uint32_t>(mtu));
  TRY(socket.run(batch));
  return fd;
}

Result<Socket> configure_inner(int netns_fd, const InnerSpec& spec) {
  auto socket = TRY(Socket::open_in(netns_fd, NETLINK_ROUTE));
  const auto link = TRY(find_link(socket, spec.name));
  if (!link) return fail(Code::not_found, "interface {} inside the container", spec.name);
  constexpr int kLoopback = 1;  // the first interface of every network namespace
  Batch batch;
  batch.begin(RTM_NEWLINK, 0, link_header(kLoopback, true), "set lo up");
  batch.begin(RTM_NEWLINK, 0, link_header(link->index, true), fmt::format("set {} up", spec.name));
  if (std::ranges::all_of(spec.addresses, [](const Prefix& p) { return p.address.is_v4(); })) put_no_autoconf(batch);
  for (const auto& address : spec.addresses) put_address(batch, link->index, address);
  for (const auto& gateway : spec.gateways) put_default_route(batch, link->index, gateway);
  TRY(socket.run(batch));
  return socket;
}

Result<> settle_link(Socket& socket, const std::string& name) {
  TRY(find_link(socket, name));
  return {};
}

Result<> delete_inner(int netns_fd, const std::string& name) {
  auto socket = TRY(Socket::open_in(netns_fd, NETLINK_ROUTE));
  return delete_link(socket, name);
}

bool bridge_netfilter_on() {
  for (const char* path : {"/proc/sys/net/bridge/bridge-nf-call-iptables", "/proc/sys/net/bridge/bridge-nf-call-ip6tables"}) {
    if (const auto value = sys::read_file(path, 64); value && value->starts_with('1')) return true;
  }
  return false;
}

Result<std::vector<Prefix>> subnets_in_use(Socket& socket) {
  std::vector<Prefix> out;
  for (const auto& [index, address] : TRY(list_addresses(socket))) out.push_back(address.network());
  for (const auto& route : TRY(list_routes(socket))) {
    if (route.destination.length > 0) out.push_back(route.destination);
  }
  return out;
}

Result<unsigned> default_mtu(Socket& socket) {
  constexpr unsigned kEthernet = 1500;
  const auto routes = TRY(list_routes(socket));
  const auto found = std::ranges::find_if(routes, [](const Route& r) { return r.destination.length == 0; });
  if (found == routes.end()) return kEthernet;
  for (const auto& link : TRY(list_links(socket))) {
    if (link.index == found->index) return link.mtu;
  }
  return kEthernet;
}

}  // namespace fulcrum::network
