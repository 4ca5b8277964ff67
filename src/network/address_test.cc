#include "network/address.h"

#include "base/testing.h"

namespace fulcrum::network {
namespace {

using ::fulcrum::testing::ErrorIs;

IpAddress ip(const char* text) { return IpAddress::parse(text).value(); }
Prefix net(const char* text) { return Prefix::parse(text).value(); }

TEST(IpAddress, ReadsBothFamilies) {
  EXPECT_EQ(ip("10.1.2.3").str(), "10.1.2.3");
  EXPECT_EQ(ip("FD00:0::1").str(), "fd00::1");
  for (const char* text : {"", "10.1.2", "10.1.2.256", "::g", "10.1.2.3/8", " 10.1.2.3", "fe80::1%eth0"})
    EXPECT_THAT(IpAddress::parse(text), ErrorIs(Code::invalid_argument)) << text;
  EXPECT_THAT(IpAddress::parse(std::string("10.0.0.1\0x", 10)), ErrorIs(Code::invalid_argument));
}

TEST(IpAddress, CountsAcrossBytesAndWraps) {
  EXPECT_EQ(ip("10.0.0.255").plus(1), ip("10.0.1.0"));
  EXPECT_EQ(ip("10.0.0.0").plus(65536), ip("10.1.0.0"));
  EXPECT_EQ(ip("255.255.255.255").plus(1), ip("0.0.0.0"));
  EXPECT_EQ(ip("fd00::ffff:ffff:ffff:ffff").plus(1), ip("fd00:0:0:1::"));
  EXPECT_EQ(ip("10.1.0.0").minus(ip("10.0.0.255")), 65281U);
  EXPECT_EQ(ip("fd00:1::").minus(ip("fd00::")), ~std::uint64_t{0});
}

TEST(IpAddress, KnowsLoopbackAndAny) {
  EXPECT_TRUE(ip("127.9.9.9").is_loopback());
  EXPECT_TRUE(ip("::1").is_loopback());
  EXPECT_FALSE(ip("10.0.0.1").is_loopback());
  EXPECT_TRUE(ip("::").is_any());
  EXPECT_NE(ip("::"), ip("0.0.0.0"));
}

TEST(Prefix, ContainsAndOverlaps) {
  EXPECT_TRUE(net("10.0.0.0/8").contains(ip("10.255.0.1")));
  EXPECT_FALSE(net("10.0.0.0/8").contains(ip("11.0.0.0")));
  EXPECT_FALSE(net("0.0.0.0/0").contains(ip("::1")));
  EXPECT_TRUE(net("10.1.0.0/16").overlaps(net("10.0.0.0/8")));
  EXPECT_TRUE(net("10.0.0.0/8").overlaps(net("10.1.0.0/16")));
  EXPECT_FALSE(net("10.1.0.0/16").overlaps(net("10.2.0.0/16")));
  EXPECT_EQ(net("10.1.2.3/20").network().str(), "10.1.0.0/20");
  EXPECT_EQ(net("10.1.2.3/20").last().str(), "10.1.15.255");
  EXPECT_EQ(net("fd00::/64").last().str(), "fd00::ffff:ffff:ffff:ffff");
  for (const char* text : {"10.0.0.0", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "x/8", "10.0.0.0/8x", "::/129"})
    EXPECT_THAT(Prefix::parse(text), ErrorIs(Code::invalid_argument)) << text;
}

TEST(MacAddress, ReadsWritesAndRefuses) {
  EXPECT_EQ(MacAddress::parse("02:42:AC:11:00:02").value().str(), "02:42:ac:11:00:02");
  EXPECT_EQ(MacAddress::parse("02-42-ac-11-00-02").value().str(), "02:42:ac:11:00:02");
  for (const char* text : {"", "02:42:ac:11:00", "01:00:5e:00:00:01", "00:00:00:00:00:00", "02:42:ac:11:00:0g", "02.42.ac.11.00.02"})
    EXPECT_THAT(MacAddress::parse(text), ErrorIs(Code::invalid_argument)) << text;
  EXPECT_EQ(MacAddress::random().bytes[0] & 3, 2);
}

}  // namespace
}  // namespace fulcrum::network
