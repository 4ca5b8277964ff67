#include "network/files.h"

#include "base/testing.h"

namespace fulcrum::network {
namespace {

using ::fulcrum::testing::ErrorIs;
using ::fulcrum::testing::IsOkAndHolds;
using ::testing::HasSubstr;
using ::testing::Not;

Network bridge() {
  Network out{.name = "n"};
  out.subnets = {{Prefix::parse("10.0.0.0/24").value(), IpAddress::parse("10.0.0.1").value(), {}}};
  return out;
}

Endpoint member() {
  Endpoint out{.workload = WorkloadId("w"), .network = "n"};
  out.addresses = {{IpAddress::parse("10.0.0.5").value(), 24}};
  return out;
}

TEST(ResolvConf, PointsAtTheGateway) {
  EXPECT_THAT(resolv_conf({}, {bridge()}), IsOkAndHolds("nameserver 10.0.0.1\n"));
  EXPECT_THAT(resolv_conf({{}, {"example.org"}, {"ndots:2"}}, {bridge()}),
              IsOkAndHolds("search example.org\nnameserver 10.0.0.1\noptions ndots:2\n"));
  EXPECT_THAT(resolv_conf({{"9.9.9.9"}, {}, {}}, {bridge()}), IsOkAndHolds("nameserver 9.9.9.9\n"));
  Network mute = bridge();
  mute.dns = false;
  EXPECT_THAT(resolv_conf({}, {mute}), IsOkAndHolds(""));
}

TEST(ResolvConf, RefusesWhatWouldInjectLines) {
  EXPECT_THAT(resolv_conf({{"evil"}, {}, {}}, {}), ErrorIs(Code::invalid_argument));
  EXPECT_THAT(resolv_conf({{}, {"a\nnameserver 6.6.6.6"}, {}}, {}), ErrorIs(Code::invalid_argument));
  EXPECT_THAT(resolv_conf({{}, {}, {"a b"}}, {}), ErrorIs(Code::invalid_argument));
  EXPECT_THAT(resolv_conf({{"1.1.1.1", "1.1.1.2", "1.1.1.3", "1.1.1.4"}, {}, {}}, {}), ErrorIs(Code::invalid_argument));
}

TEST(ResolvConf, OfTheHostIsOverlaid) {
  const char* host = "# made by x\nnameserver 127.0.0.53\nsearch lan\noptions edns0\n";
  EXPECT_THAT(resolv_conf_of_host({}, host), IsOkAndHolds("nameserver 127.0.0.53\nsearch lan\noptions edns0\n"));
  EXPECT_THAT(resolv_conf_of_host({{"9.9.9.9"}, {"x"}, {}}, host), IsOkAndHolds("options edns0\nsearch x\nnameserver 9.9.9.9\n"));
}

TEST(HostsFile, HasOwnNamesAndExtras) {
  const auto text = hosts_file("web.example", {member()}, {bridge()}, {{"db", "10.9.9.9"}, {"box", "host-gateway"}}).value();
  EXPECT_THAT(text, HasSubstr("127.0.0.1\tlocalhost\n"));
  EXPECT_THAT(text, HasSubstr("10.0.0.5\tweb.example web\n"));
  EXPECT_THAT(text, HasSubstr("10.9.9.9\tdb\n"));
  EXPECT_THAT(text, HasSubstr("10.0.0.1\tbox\n"));
  EXPECT_THAT(hosts_file("w", {}, {}, {}).value(), HasSubstr("127.0.1.1\tw\n"));
  EXPECT_THAT(hosts_file("w", {}, {}, {{"x", "host-gateway"}}), ErrorIs(Code::invalid_argument, "extra host x"));
  EXPECT_THAT(hosts_file("w", {}, {}, {{"x\ny", "1.1.1.1"}}), ErrorIs(Code::invalid_argument));
}

}  // namespace
}  // namespace fulcrum::network
