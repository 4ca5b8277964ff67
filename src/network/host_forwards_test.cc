#include "network/host_forwards.h"

#include "base/testing.h"

namespace fulcrum::network {
namespace {

using fulcrum::testing::ErrorIs;

TEST(HostForwards, ReadsWhatSlirp4netnsLists) {
  const auto forwards = parse_forwards(
      R"({"return":{"entries":[{"id":1,"proto":"tcp","host_addr":"0.0.0.0","host_port":8080,"guest_addr":"10.0.2.100","guest_port":8080},)"
      R"({"id":2,"proto":"udp","host_addr":"127.0.0.1","host_port":53,"guest_addr":"10.0.2.100","guest_port":53}]}})");
  ASSERT_OK(forwards);
  ASSERT_EQ(forwards->size(), 2u);
  EXPECT_EQ((*forwards)[0].port, (PublishedPort{.host_ip = {}, .host_port = 8080, .container_port = 8080, .protocol = Protocol::tcp}));
  EXPECT_EQ((*forwards)[1].id, 2);
  EXPECT_EQ((*forwards)[1].port.host_ip, IpAddress::v4(0x7f000001));
  EXPECT_EQ((*forwards)[1].port.protocol, Protocol::udp);
}

TEST(HostForwards, ReadsABareList) {
  EXPECT_TRUE(parse_forwards(R"({"entries":[]})").value().empty());
  const auto forwards = parse_forwards(R"({"entries":[{"id":7,"proto":"tcp","host_addr":"0.0.0.0","host_port":1,"guest_port":1}]})");
  ASSERT_OK(forwards);
  EXPECT_EQ(forwards->at(0).id, 7);
}

TEST(HostForwards, AnythingElseIsAnError) {
  for (const char* text : {"", "[]", "{}", R"({"error":{"desc":"x"}})", R"({"return":{}})", R"({"return":{"entries":[1]}})",
                           R"({"return":{"entries":[{"id":1,"proto":"sctp","host_addr":"0.0.0.0","host_port":1,"guest_port":1}]}})",
                           R"({"return":{"entries":[{"id":1,"proto":"tcp","host_addr":"0.0.0.0","host_port":70000,"guest_port":1}]}})",
                           R"({"return":{"entries":[{"id":-1,"proto":"tcp","host_addr":"0.0.0.0","host_port":1,"guest_port":1}]}})",
                           R"({"return":{"entries":[{"id":1,"proto":"tcp","host_addr":"host","host_port":1,"guest_port":1}]}})"})
    EXPECT_FALSE(parse_forwards(text)) << text;
}

TEST(HostForwards, ASocketThatIsGoneIsUnavailable) {
  testing::TemporaryDirectory dir;
  const HostForwards forwards(dir / "none", "10.0.2.100");
  EXPECT_THAT(forwards.list(), ErrorIs(Code::unavailable));
  EXPECT_THAT(forwards.open({.host_ip = {}, .host_port = 1, .container_port = 1}), ErrorIs(Code::unavailable));
}

TEST(HostForwards, IPv6IsRefusedByName) {
  const HostForwards forwards("/nowhere", "10.0.2.100");
  EXPECT_THAT(forwards.open({.host_ip = IpAddress::parse("fd00::1").value(), .host_port = 1, .container_port = 1}),
              ErrorIs(Code::unimplemented, "IPv6"));
}

}  // namespace
}  // namespace fulcrum::network
