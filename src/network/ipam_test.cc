#include "network/ipam.h"

#include "base/testing.h"

namespace fulcrum::network {
namespace {

using ::fulcrum::testing::ErrorIs;
using ::fulcrum::testing::IsOkAndHolds;

IpAddress ip(const char* text) { return IpAddress::parse(text).value(); }
Prefix net(const char* text) { return Prefix::parse(text).value(); }
AddressPool pool(const char* subnet, const char* range = nullptr) {
  SubnetConfig config{net(subnet), {}, {}};
  if (range != nullptr) config.ip_range = net(range);
  return AddressPool(complete_subnet(config).value());
}

TEST(AddressPool, NeverHandsOutNetworkGatewayOrBroadcast) {
  auto p = pool("10.0.0.0/29");
  std::set<IpAddress> seen;
  for (int i = 0; i < 5; ++i) seen.insert(p.take("w").value());
  EXPECT_EQ(seen, (std::set{ip("10.0.0.2"), ip("10.0.0.3"), ip("10.0.0.4"), ip("10.0.0.5"), ip("10.0.0.6")}));
  EXPECT_THAT(p.take("w"), ErrorIs(Code::resource_exhausted, "10.0.0.0/29"));
  p.give_back(ip("10.0.0.4"));
  EXPECT_THAT(p.take("w"), IsOkAndHolds(ip("10.0.0.4")));
  for (const char* reserved : {"10.0.0.0", "10.0.0.1", "10.0.0.7"})
    EXPECT_THAT(p.take(ip(reserved), "w"), ErrorIs(Code::invalid_argument, "reserved"));
}

TEST(AddressPool, NeverHandsOutReservedAddresses) {
  SubnetConfig config{net("10.0.0.0/29"), {}, {}};
  config.reserved = {{"printer", ip("10.0.0.3")}, {"scanner", ip("10.0.0.6")}};
  AddressPool p(complete_subnet(config).value());
  std::set<IpAddress> seen;
  for (int i = 0; i < 3; ++i) seen.insert(p.take("w").value());
  EXPECT_EQ(seen, (std::set{ip("10.0.0.2"), ip("10.0.0.4"), ip("10.0.0.5")}));
  EXPECT_THAT(p.take("w"), ErrorIs(Code::resource_exhausted));
  EXPECT_THAT(p.take(ip("10.0.0.3"), "w"), ErrorIs(Code::invalid_argument, "reserved"));
  config.reserved = {{"printer", ip("10.0.1.3")}};
  EXPECT_THAT(complete_subnet(config), ErrorIs(Code::invalid_argument, "printer"));
}

TEST(AddressPool, GoesInACircleSoThatAnAddressRests) {
  auto p = pool("10.0.0.0/24");
  const auto first = p.take("a").value();
  p.give_back(first);
  EXPECT_NE(p.take("b").value(), first);
}

TEST(AddressPool, NamesTheOwnerOfAFixedAddress) {
  auto p = pool("10.0.0.0/24");
  ASSERT_OK(p.take(ip("10.0.0.9"), "workload a"));
  EXPECT_THAT(p.take(ip("10.0.0.9"), "workload b"), ErrorIs(Code::already_exists, "workload a"));
  EXPECT_THAT(p.take(ip("10.0.1.9"), "workload b"), ErrorIs(Code::invalid_argument, "10.0.0.0/24"));
}

TEST(AddressPool, KeepsToTheRangeAndFillsAllOfIt) {
  auto p = pool("10.0.0.0/24", "10.0.0.128/30");
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(net("10.0.0.128/30").contains(p.take("w").value()));
  EXPECT_THAT(p.take("w"), ErrorIs(Code::resource_exhausted, "10.0.0.128/30"));
  EXPECT_OK(p.take(ip("10.0.0.5"), "w"));
}

TEST(AddressPool, FillsWhenFixedAddressesFillTheStartOfTheRange) {
  auto p = pool("10.0.0.0/24");
  for (unsigned i = 2; i < 250; ++i) ASSERT_OK(p.take(ip("10.0.0.0").plus(i), "w"));
  p.give_back(ip("10.0.0.7"));
  for (int i = 0; i < 6; ++i) EXPECT_OK(p.take("w"));
  EXPECT_THAT(p.take("w"), ErrorIs(Code::resource_exhausted));
}

TEST(AddressPool, IsFastInHugeSubnets) {
  auto p = pool("fd00::/64");
  for (int i = 0; i < 1000; ++i) ASSERT_OK(p.take("w"));
  EXPECT_EQ(p.used(), 1000U);
}

TEST(CompleteSubnet, RefusesWhatCannotWork) {
  for (const char* text :
       {"10.0.0.1/24", "10.0.0.0/31", "10.0.0.0/7", "127.0.0.0/24", "224.0.0.0/24", "ff00::/64", "0.0.0.0/8", "fd00::/127"})
    EXPECT_THAT(complete_subnet({net(text), {}, {}}), ErrorIs(Code::invalid_argument)) << text;
  EXPECT_THAT(complete_subnet({net("10.0.0.0/24"), ip("10.0.1.1"), {}}), ErrorIs(Code::invalid_argument, "gateway"));
  EXPECT_THAT(complete_subnet({net("10.0.0.0/24"), ip("10.0.0.255"), {}}), ErrorIs(Code::invalid_argument, "gateway"));
  EXPECT_THAT(complete_subnet({net("10.0.0.0/24"), {}, net("10.0.0.0/23")}), ErrorIs(Code::invalid_argument, "range"));
  EXPECT_EQ(complete_subnet({net("10.0.0.0/24"), {}, {}}).value().gateway, ip("10.0.0.1"));
}

TEST(ChooseSubnet, StaysClearOfWhatIsTaken) {
  const std::vector pools{net("10.8.0.0/14")};
  EXPECT_THAT(choose_subnet(pools, 24, {}), IsOkAndHolds(net("10.8.0.0/24")));
  EXPECT_THAT(choose_subnet(pools, 24, std::vector{net("10.8.0.0/24"), net("10.8.1.128/25")}), IsOkAndHolds(net("10.8.2.0/24")));
  EXPECT_THAT(choose_subnet(pools, 24, std::vector{net("10.8.0.0/15")}), IsOkAndHolds(net("10.10.0.0/24")));
  EXPECT_THAT(choose_subnet(pools, 24, std::vector{net("10.0.0.0/8")}), ErrorIs(Code::resource_exhausted));
  const std::vector two{net("10.8.0.0/24"), net("10.9.0.0/24")};
  EXPECT_THAT(choose_subnet(two, 24, std::vector{net("10.8.0.7/32")}), IsOkAndHolds(net("10.9.0.0/24")));
  EXPECT_EQ(choose_ula({}).length, 64);
}

}  // namespace
}  // namespace fulcrum::network
