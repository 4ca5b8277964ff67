#include "network/ruleset.h"

#include "base/testing.h"

namespace fulcrum::network {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

IpAddress ip(const char* text) { return IpAddress::parse(text).value(); }

std::vector<std::string> texts(const std::vector<Element>& elements) {
  std::vector<std::string> out;
  for (const auto& e : elements) out.push_back(e.set + " " + e.text());
  return out;
}

TEST(Ruleset, ANetworkIsAFewElements) {
  Network network{.name = "n"};
  network.bridge = "br0";
  network.subnets = {{Prefix::parse("10.0.0.0/24").value(), {}, {}}, {Prefix::parse("fd00::/64").value(), {}, {}}};
  EXPECT_THAT(texts(network_elements(network)),
              ElementsAre("bridges \"br0\"", "members \"br0\" . \"br0\"", "masquerade4 \"br0\"", "own4 \"br0\" . 10.0.0.0/24",
                          "masquerade6 \"br0\"", "own6 \"br0\" . fd00::/64"));
  network.inter_container = false;
  network.masquerade = false;
  network.isolated = false;
  EXPECT_THAT(texts(network_elements(network)),
              ElementsAre("bridges \"br0\"", "open \"br0\"", "own4 \"br0\" . 10.0.0.0/24", "own6 \"br0\" . fd00::/64"));
  network.internal = true;
  EXPECT_THAT(texts(network_elements(network)), ElementsAre("bridges \"br0\"", "internal \"br0\""));
}

TEST(Ruleset, APortIsOneElementForEachFamily) {
  Endpoint endpoint;
  endpoint.addresses = {{ip("10.0.0.2"), 24}, {ip("fd00::2"), 64}};
  EXPECT_THAT(texts(port_elements(endpoint, {{}, 8080, 80, Protocol::tcp})),
              ElementsAre("published4_any tcp . 8080 : 10.0.0.2 . 80", "published6_any tcp . 8080 : fd00::2 . 80"));
  EXPECT_THAT(texts(port_elements(endpoint, {ip("127.0.0.1"), 53, 53, Protocol::udp})),
              ElementsAre("published4 udp . 127.0.0.1 . 53 : 10.0.0.2 . 53"));
  EXPECT_THAT(texts(port_elements(endpoint, {ip("0.0.0.0"), 53, 53, Protocol::udp})),
              ElementsAre("published4_any udp . 53 : 10.0.0.2 . 53"));
}

TEST(Ruleset, BytesAreWhatTheKernelShows) {
  const std::vector<Field> key{Protocol::tcp, ip("1.2.3.4"), PortKey{80}};
  EXPECT_THAT(encode_fields(key), ElementsAre(6, 0, 0, 0, 1, 2, 3, 4, 0, 80, 0, 0));
  const std::vector<Field> subnet{Prefix::parse("10.1.0.0/16").value()};
  EXPECT_TRUE(is_range(subnet));
  EXPECT_THAT(encode_fields(subnet), ElementsAre(10, 1, 0, 0));
  EXPECT_THAT(encode_fields(subnet, true), ElementsAre(10, 1, 255, 255));
  const std::vector<Field> name{InterfaceKey{"br0"}};
  EXPECT_THAT(encode_fields(name), ElementsAre('b', 'r', '0', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
}

TEST(Ruleset, TheScriptReplacesOneTableOnly) {
  const std::vector<Element> elements{{"bridges", {InterfaceKey{"br0"}}, {}}, {"bridges", {InterfaceKey{"br1"}}, {}}};
  const auto script = render_table("fulcrum_x", elements);
  EXPECT_THAT(script, HasSubstr("add table inet fulcrum_x\ndelete table inet fulcrum_x\ntable inet fulcrum_x {"));
  EXPECT_THAT(script, HasSubstr("set bridges { type ifname; elements = { \"br0\", \"br1\" } }"));
  EXPECT_THAT(script, HasSubstr("set internal { type ifname; }"));
  EXPECT_THAT(script, Not(HasSubstr("flush ruleset")));
  EXPECT_THAT(script, Not(HasSubstr("{{")));
}

}  // namespace
}  // namespace fulcrum::network
