// Bridges, veth pairs and taps, made and read through rtnetlink.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "network/address.h"
#include "os/netlink.h"

namespace fulcrum::network {

/// The longest interface name (IFNAMSIZ - 1).
inline constexpr std::size_t kMaxInterfaceName = 15;
/// Whether the kernel would take this as an interface name: 1–15 bytes, no '/', ':', white space, not "." or "..".
bool valid_interface_name(std::string_view name);

struct LinkStats {
  std::uint64_t rx_bytes = 0, rx_packets = 0, rx_errors = 0, rx_dropped = 0;
  std::uint64_t tx_bytes = 0, tx_packets = 0, tx_errors = 0, tx_dropped = 0;
};

/// An interface as the kernel describes it.
struct Link {
  int index = 0;
  std::string name;
  std::string alias;
  std::string kind;  ///< "bridge", "veth", "tun", … empty for hardware
  int master = 0;
  unsigned mtu = 0;
  bool up = false;
  LinkStats stats;
};

[[nodiscard]] Result<std::vector<Link>> list_links(netlink::Socket& socket);
/// Nothing when there is no such interface.
[[nodiscard]] Result<std::optional<Link>> find_link(netlink::Socket& socket, std::string_view name);
/// Absence is success.
[[nodiscard]] Result<> delete_link(netlink::Socket& socket, std::string_view name);
[[nodiscard]] Result<> delete_link(netlink::Socket& socket, int index);

struct BridgeSpec {
  std::string name;
  std::string alias;
  MacAddress mac;  ///< fixed, because the kernel otherwise takes that of a member
  unsigned mtu = 1500;
  std::vector<Prefix> addresses;
};
/// Makes or completes a bridge: address, MTU, up. Other addresses of an existing bridge are removed. Error: already_exists when the name
/// belongs to an interface whose alias is another.
[[nodiscard]] Result<> ensure_bridge(netlink::Socket& socket, const BridgeSpec& spec);

/// How a link hangs in its bridge.
struct PortSettings {
  std::string bridge;
  std::string alias;
  bool isolated = false;  ///< reaches the bridge itself, but no other isolated port
  bool hairpin = false;   ///< frames may leave through the port that they came in
};
struct VethSpec {
  std::string host_name;
  std::string inner_name;
  MacAddress inner_mac;
  unsigned mtu = 1500;
};
/// Makes a veth pair in one request: the inner end is born in the namespace, with its name and address. The host's end is down, in no
/// bridge and without a label: plug_port() comes last and so tells finished links from those that a crash interrupted. Error:
/// already_exists (either name).
[[nodiscard]] Result<> make_veth(netlink::Socket& socket, const VethSpec& spec, int netns_fd);
/// Plugs an interface that exists into a bridge, labels it and takes it up. Error: not_found (bridge or interface).
[[nodiscard]] Result<> plug_port(netlink::Socket& socket, const std::string& name, const PortSettings& port);
/// A tap device (no packet information, virtio-net headers); it goes away with the descriptor.
[[nodiscard]] Result<UniqueFd> make_tap(const std::string& name, const MacAddress& host_mac, unsigned mtu);

struct InnerSpec {
  std::string name;
  std::vector<Prefix> addresses;
  std::vector<IpAddress> gateways;
};
/// Inside a container's namespace: lo up, the interface up with addresses and default routes. Works again on what is half done.
/// Returns the socket in that namespace, for settle_link().
[[nodiscard]] Result<netlink::Socket> configure_inner(int netns_fd, const InnerSpec& spec);
/// Lets a link whose other end just came up pass packets from now on. The kernel does that a moment later by itself, and until then drops
/// what is sent: the first packet of a container would come a second late. Asking about the link makes the kernel catch up (Linux 6.13 or
/// later; before, nothing happens).
[[nodiscard]] Result<> settle_link(netlink::Socket& socket, const std::string& name);
/// Removes an interface inside a namespace. Absence is success.
[[nodiscard]] Result<> delete_inner(int netns_fd, const std::string& name);

/// Whether br_netfilter hands bridged frames to the IP rules here. A member that asks for its own published port is then redirected within
/// the bridge, which needs PortSettings::hairpin.
bool bridge_netfilter_on();

/// Every subnet that the host routes or has an address in, without default routes: what a new network must keep away from.
[[nodiscard]] Result<std::vector<Prefix>> subnets_in_use(netlink::Socket& socket);
/// The MTU of the interface behind the IPv4 (or else IPv6) default route, 1500 without one.
[[nodiscard]] Result<unsigned> default_mtu(netlink::Socket& socket);

}  // namespace fulcrum::network
