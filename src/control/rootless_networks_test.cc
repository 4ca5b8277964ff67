#include "control/rootless_networks.h"

#include "base/testing.h"

namespace fulcrum::control {
namespace {

using network::IpAddress;
using network::PortSpec;
using network::Protocol;
using network::PublishedPort;

TEST(RootlessNetworks, EachPortGetsTheHostAddressThatWasAskedForIt) {
  const auto loopback = IpAddress::v4(0x7f000001);
  const std::vector<PortSpec> wishes{PortSpec::parse("18080:80").value(), PortSpec::parse("127.0.0.1:18081:80").value(),
                                     PortSpec::parse("127.0.0.1::80").value(), PortSpec::parse("53:53/udp").value()};
  const std::vector<PublishedPort> reserved{{.host_ip = {}, .host_port = 18080, .container_port = 80},
                                            {.host_ip = {}, .host_port = 18081, .container_port = 80},
                                            {.host_ip = {}, .host_port = 40000, .container_port = 80},
                                            {.host_ip = {}, .host_port = 53, .container_port = 53, .protocol = Protocol::udp}};
  const auto ports = with_host_addresses(reserved, wishes);
  EXPECT_EQ(ports[0].host_ip, std::nullopt);
  EXPECT_EQ(ports[1].host_ip, loopback);
  EXPECT_EQ(ports[2].host_ip, loopback);
  EXPECT_EQ(ports[3].host_ip, std::nullopt);
}

TEST(RootlessNetworks, ARangeHasItsAddressOnEveryPort) {
  const std::vector<PortSpec> wishes{PortSpec::parse("127.0.0.1:8000-8002:80-82").value(), PortSpec::parse("8003:82").value()};
  const std::vector<PublishedPort> reserved{{.host_ip = {}, .host_port = 8000, .container_port = 80},
                                            {.host_ip = {}, .host_port = 8001, .container_port = 81},
                                            {.host_ip = {}, .host_port = 8002, .container_port = 82},
                                            {.host_ip = {}, .host_port = 8003, .container_port = 82}};
  const auto ports = with_host_addresses(reserved, wishes);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(ports[i].host_ip, IpAddress::v4(0x7f000001)) << i;
  EXPECT_EQ(ports[3].host_ip, std::nullopt);
}

}  // namespace
}  // namespace fulcrum::control
