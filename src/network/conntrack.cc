#include "network/conntrack.h"

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>

#include <set>

#include "os/netlink.h"

namespace fulcrum::network {
namespace {

constexpr std::uint16_t message(unsigned type) { return static_cast<std::uint16_t>(NFNL_SUBSYS_CTNETLINK << 8 | type); }

}  // namespace

Result<> forget_udp_flows(const std::vector<PublishedPort>& ports) {
  std::set<std::uint16_t> numbers;
  for (const auto& port : ports) {
    if (port.protocol == Protocol::udp) numbers.insert(htons(port.host_port));
  }
  auto socket = TRY(netlink::Socket::open(NETLINK_NETFILTER));
  constexpr std::size_t kAtOnce = 64;  // their acknowledgements must fit in the socket's buffer
  std::vector<netlink::Batch> batches;
  const nfgenmsg all{AF_UNSPEC, NFNETLINK_V0, 0};
  TRY(socket.dump(message(IPCTNL_MSG_CT_GET), {reinterpret_cast<const std::uint8_t*>(&all), sizeof all}, [&](const netlink::Reply& reply) {
    const auto flow = reply.attributes<nfgenmsg>();
    const auto tuple = flow.find(CTA_TUPLE_ORIG);
    if (!tuple) return;
    const auto proto = netlink::Attributes(*tuple).nested(CTA_TUPLE_PROTO);
    if (!proto || proto->value<std::uint8_t>(CTA_PROTO_NUM) != std::uint8_t{IPPROTO_UDP}) return;
    if (!numbers.contains(proto->value<std::uint16_t>(CTA_PROTO_DST_PORT).value_or(0))) return;
    if (batches.empty() || batches.back().count() == kAtOnce) batches.emplace_back();
    netlink::Batch& removals = batches.back();
    removals.begin(message(IPCTNL_MSG_CT_DELETE), 0, nfgenmsg{reply.header<nfgenmsg>().nfgen_family, NFNETLINK_V0, 0}, "forget a UDP flow");
    removals.put(CTA_TUPLE_ORIG | NLA_F_NESTED, *tuple);
    if (const auto id = flow.find(CTA_ID)) removals.put(CTA_ID, *id);
    if (const auto zone = flow.find(CTA_ZONE)) removals.put(CTA_ZONE, *zone);
  }));
  // A flow that ended meanwhile is just as forgotten.
  for (auto& batch : batches) {
    for (const auto& outcome : TRY(socket.exchange(batch))) {
      if (outcome.error != 0 && outcome.error != ENOENT) return netlink::fail_outcome(outcome, "forget a UDP flow");
    }
  }
  return {};
}

}  // namespace fulcrum::network
