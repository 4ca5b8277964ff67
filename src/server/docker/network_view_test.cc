#include "server/docker/network_view.h"

#include "base/testing.h"
#include "control/plan.h"

namespace fulcrum::server::docker {
namespace {

namespace wire = api::docker;
using ::fulcrum::testing::ErrorIs;
using ::testing::ElementsAre;
using ::testing::Key;
using ::testing::Pair;

api::Network network(std::string name, char digit, std::string driver = "bridge") {
  api::Network out;
  out.metadata.uid = std::string(64, digit);
  out.spec.name = std::move(name);
  out.spec.driver = std::move(driver);
  return out;
}

api::Workload member(std::string name, const api::Network& of) {
  api::Workload w;
  w.metadata.uid = std::string(64, 'e');
  w.spec.name = std::move(name);
  w.status.phase = api::Phase::running;
  w.status.networks.push_back({.network = of.spec.name, .ip = "10.1.0.2", .prefix = 24, .mac = "02:42:0a:01:00:02"});
  return w;
}

TEST(NetworkView, TheDefaultNetworkIsBridge) {
  auto standard = network(std::string(control::kDefaultNetwork), 'a');
  standard.bridge = "fc-default";
  standard.spec.options = {{"mtu", "1500"}};
  const auto view = network_view(standard, nullptr);
  EXPECT_EQ(view.name, "bridge");
  EXPECT_FALSE(view.attachable);
  EXPECT_EQ(view.options.at("com.docker.network.bridge.default_bridge"), "true");
  EXPECT_EQ(view.options.at("com.docker.network.bridge.name"), "fc-default");
  EXPECT_EQ(view.options.at("com.docker.network.driver.mtu"), "1500");
  EXPECT_EQ(network_view(network("none", 'b', "none"), nullptr).driver, "null");
}

TEST(NetworkView, ShowsOnlyOptionsThatWereDeclared) {
  auto own = network("own", 'a');
  own.spec.options = {{"mtu", "1500"}, {"com.docker.network.bridge.enable_icc", "false"}};
  EXPECT_THAT(network_view(own, nullptr).options, ElementsAre(Pair("com.docker.network.bridge.enable_icc", "false")));
  own.spec.options = {{"mtu", "1400"}};
  EXPECT_THAT(network_view(own, nullptr).options, ElementsAre(Pair("com.docker.network.driver.mtu", "1400")));
}

TEST(NetworkView, ShowsWhoIsInItNow) {
  const auto own = network("own", 'a');
  std::vector<api::Workload> workloads{member("web", own), member("gone", own), member("elsewhere", network("other", 'b'))};
  workloads[1].status.phase = api::Phase::stopped;
  const auto view = network_view(own, &workloads);
  ASSERT_EQ(view.containers.size(), 1u);
  const auto& shown = view.containers.begin()->second;
  EXPECT_EQ(shown.name, "web");
  EXPECT_EQ(shown.ipv4_address, "10.1.0.2/24");
  EXPECT_EQ(shown.ipv6_address, "");
  EXPECT_EQ(shown.endpoint_id.size(), 64u);
  EXPECT_TRUE(network_view(own, nullptr).containers.empty());
}

TEST(NetworkSpec, TakesWhatDockersClientsSend) {
  wire::NetworkCreate wish;
  wish.name = "own";
  wish.driver = "bridge";
  wish.enable_ipv6 = true;
  wish.internal = true;
  wish.labels = wire::Words{{"a", "b"}};
  wish.ipam = wire::Ipam{.driver = "default", .options = {}, .config = {}};
  wish.ipam->config = {{.subnet = "10.1.0.0/24",
                        .ip_range = "10.1.0.128/25",
                        .gateway = "10.1.0.9",
                        .auxiliary_addresses = wire::Words{{"nas", "10.1.0.5"}}},
                       {.subnet = "fd12::/64", .ip_range = {}, .gateway = {}, .auxiliary_addresses = {}}};
  const auto spec = network_spec(wish);
  ASSERT_OK(spec);
  EXPECT_TRUE(spec->ipv6);
  EXPECT_TRUE(spec->internal);
  ASSERT_EQ(spec->subnets.size(), 2u);
  EXPECT_EQ(spec->subnets[0].ip_range, "10.1.0.128/25");
  EXPECT_THAT(spec->subnets[0].reserved, ElementsAre(Pair("nas", "10.1.0.5")));
  EXPECT_THAT(spec->labels, ElementsAre(Key("a")));
}

TEST(NetworkSpec, RefusesByNameWhatTheEngineDoesNotHave) {
  const auto with = [](auto change) {
    wire::NetworkCreate wish;
    wish.name = "own";
    change(wish);
    return network_spec(wish);
  };
  EXPECT_THAT(with([](auto& w) { w.name = " "; }), ErrorIs(Code::invalid_argument, "name is empty"));
  EXPECT_THAT(with([](auto& w) { w.name = "bridge"; }), ErrorIs(Code::permission_denied, "predefined bridge network"));
  EXPECT_THAT(with([](auto& w) { w.driver = "macvlan"; }), ErrorIs(Code::not_found, "plugin \"macvlan\" not found"));
  EXPECT_THAT(with([](auto& w) { w.driver = "host"; }), ErrorIs(Code::permission_denied, "only one instance"));
  EXPECT_THAT(with([](auto& w) { w.driver = "overlay"; }), ErrorIs(Code::permission_denied, "not a swarm manager"));
  EXPECT_THAT(with([](auto& w) { w.ingress = true; }), ErrorIs(Code::unimplemented, "Ingress"));
  EXPECT_THAT(with([](auto& w) { w.config_only = true; }), ErrorIs(Code::unimplemented, "ConfigOnly"));
  EXPECT_THAT(with([](auto& w) { w.config_from = wire::ConfigReference{"x"}; }), ErrorIs(Code::unimplemented, "ConfigFrom"));
  EXPECT_THAT(with([](auto& w) { w.scope = "swarm"; }), ErrorIs(Code::invalid_argument, "Scope"));
  EXPECT_THAT(with([](auto& w) { w.enable_ipv4 = false; }), ErrorIs(Code::unimplemented, "EnableIPv4"));
  const auto ipam = [&](std::vector<std::string> subnets) {
    return with([&](auto& w) {
      w.ipam.emplace();
      for (const auto& subnet : subnets)
        w.ipam->config.push_back({.subnet = subnet, .ip_range = {}, .gateway = {}, .auxiliary_addresses = {}});
    });
  };
  EXPECT_THAT(ipam({"10.1.0.0/24", "10.2.0.0/24"}), ErrorIs(Code::permission_denied, "multiple subnets"));
  EXPECT_THAT(ipam({"10.1.0.7/24"}), ErrorIs(Code::invalid_argument, "it should be 10.1.0.0/24"));
  EXPECT_THAT(ipam({"x"}), ErrorIs(Code::invalid_argument, "invalid subnet x"));
  EXPECT_THAT(ipam({"fd12::/64"}), ErrorIs(Code::invalid_argument, "EnableIPv6"));
  EXPECT_OK(ipam({""}));  // an empty entry says nothing
}

TEST(NetworkAttachment, TakesNamesAndAddresses) {
  wire::EndpointSettings wish;
  wish.aliases = std::vector<std::string>{"db"};
  wish.ipam_config = wire::EndpointIpamConfig{.ipv4_address = "10.1.0.7", .ipv6_address = {}, .link_local_ips = {}};
  wish.mac_address = "02:42:00:00:00:07";
  wish.gw_priority = 3;
  const auto place = network_attachment("own", wish);
  ASSERT_OK(place);
  EXPECT_EQ(place->ip, "10.1.0.7");
  EXPECT_EQ(place->priority, 3);
  EXPECT_THAT(place->aliases, ElementsAre("db"));
  EXPECT_THAT(network_attachment(std::string(control::kDefaultNetwork), wish),
              ErrorIs(Code::invalid_argument, "user-defined networks only"));
  wish.links = std::vector<std::string>{"a:b"};
  EXPECT_THAT(network_attachment("own", wish), ErrorIs(Code::unimplemented, "Links"));
}

TEST(PickNetwork, ByIdThenNameThenPrefix) {
  auto other = network("other", 'a');
  other.metadata.uid.back() = 'b';
  const std::vector<api::Network> all{network("own", 'a'), other, network(std::string(control::kDefaultNetwork), 'c')};
  EXPECT_EQ(pick_network(all, other.metadata.uid)->spec.name, "other");
  EXPECT_EQ(pick_network(all, "own")->spec.name, "own");
  EXPECT_EQ(pick_network(all, "bridge")->spec.name, control::kDefaultNetwork);
  EXPECT_EQ(pick_network(all, "cc")->spec.name, control::kDefaultNetwork);
  EXPECT_THAT(pick_network(all, "aa"), ErrorIs(Code::invalid_argument, "ambiguous (2 matches"));
  EXPECT_THAT(pick_network(all, "zz"), ErrorIs(Code::not_found, "network zz not found"));
  EXPECT_THAT(pick_network(all, ""), ErrorIs(Code::not_found));
}

}  // namespace
}  // namespace fulcrum::server::docker
