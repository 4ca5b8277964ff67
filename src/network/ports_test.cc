#include "network/ports.h"

#include "base/testing.h"
#include "network/port_table.h"

namespace fulcrum::network {
namespace {

using ::fulcrum::testing::ErrorIs;
using ::fulcrum::testing::IsOkAndHolds;

std::optional<IpAddress> ip(const char* text) { return IpAddress::parse(text).value(); }

TEST(PortSpec, ReadsEveryForm) {
  using P = PortSpec;
  EXPECT_THAT(P::parse("80"), IsOkAndHolds(P{{}, 0, 0, 80, 80, Protocol::tcp}));
  EXPECT_THAT(P::parse("0:80"), IsOkAndHolds(P{{}, 0, 0, 80, 80, Protocol::tcp}));
  EXPECT_THAT(P::parse("8080:80"), IsOkAndHolds(P{{}, 8080, 8080, 80, 80, Protocol::tcp}));
  EXPECT_THAT(P::parse("127.0.0.1:8080:80/udp"), IsOkAndHolds(P{ip("127.0.0.1"), 8080, 8080, 80, 80, Protocol::udp}));
  EXPECT_THAT(P::parse("127.0.0.1::80"), IsOkAndHolds(P{ip("127.0.0.1"), 0, 0, 80, 80, Protocol::tcp}));
  EXPECT_THAT(P::parse("[fd00::1]:80:81"), IsOkAndHolds(P{ip("fd00::1"), 80, 80, 81, 81, Protocol::tcp}));
  EXPECT_THAT(P::parse("8000-8010:80-90/tcp"), IsOkAndHolds(P{{}, 8000, 8010, 80, 90, Protocol::tcp}));
  EXPECT_THAT(P::parse("8000-8010:80"), IsOkAndHolds(P{{}, 8000, 8010, 80, 80, Protocol::tcp}));
  EXPECT_THAT(P::parse("80-81"), IsOkAndHolds(P{{}, 0, 0, 80, 81, Protocol::tcp}));
}

TEST(PortSpec, RefusesByName) {
  for (const char* text : {"", "x", "80:", "0", "80:0", "70000", "8080:80:80:80", "80-70", "8000-8001:80-82", "8080:80/icmp", "1.2.3:80:80",
                           "1-2000:1-2000", "0-3:80", "-1:80", "80/", "host:80:80"})
    EXPECT_THAT(PortSpec::parse(text), ErrorIs(Code::invalid_argument, "port \"")) << text;
  EXPECT_THAT(PortSpec::parse("80:80/sctp"), ErrorIs(Code::unimplemented, "sctp"));
  EXPECT_THAT(PortSpec::parse("[::1]:80:80"), ErrorIs(Code::unimplemented, "loopback"));
}

TEST(PublishedPort, ClashesOnlyForTheSamePackets) {
  const PublishedPort everywhere{{}, 80, 80, Protocol::tcp};
  const PublishedPort local{ip("127.0.0.1"), 80, 80, Protocol::tcp};
  const PublishedPort other{ip("127.0.0.2"), 80, 80, Protocol::tcp};
  const PublishedPort any4{ip("0.0.0.0"), 80, 80, Protocol::tcp};
  const PublishedPort six{ip("fd00::1"), 80, 80, Protocol::tcp};
  const PublishedPort udp{{}, 80, 80, Protocol::udp};
  EXPECT_TRUE(ports_clash(everywhere, local));
  EXPECT_FALSE(ports_clash(local, other));
  EXPECT_TRUE(ports_clash(any4, other));
  EXPECT_FALSE(ports_clash(any4, six));
  EXPECT_TRUE(ports_clash(everywhere, six));
  EXPECT_FALSE(ports_clash(everywhere, udp));
  EXPECT_EQ(local.str(), "127.0.0.1:80->80/tcp");
}

// These bind real sockets, on loopback and on numbers that the kernel chose.
TEST(PortTable, ChoosesHoldsNamesTheOwnerAndGivesBack) {
  PortTable table;
  const PortSpec any{ip("127.0.0.1"), 0, 0, 80, 81, Protocol::tcp};
  const auto first = table.reserve({any}, "workload a").value();
  ASSERT_EQ(first.size(), 2U);
  EXPECT_NE(first[0].host_port, first[1].host_port);
  PortSpec same{ip("127.0.0.1"), first[0].host_port, first[0].host_port, 80, 80, Protocol::tcp};
  EXPECT_THAT(table.reserve({same}, "workload b"), ErrorIs(Code::already_exists, "workload a"));
  PortTable foreign;
  EXPECT_THAT(foreign.reserve({same}, "workload b"), ErrorIs(Code::already_exists, "another program"));
  table.release(first[0]);
  EXPECT_OK(foreign.reserve({same}, "workload b"));
}

TEST(PortTable, AFailureLeavesNothingBehind) {
  PortTable table;
  const auto taken = table.reserve({PortSpec{ip("127.0.0.1"), 0, 0, 80, 80, Protocol::udp}}, "a").value();
  const PortSpec clash{ip("127.0.0.1"), taken[0].host_port, taken[0].host_port, 80, 80, Protocol::udp};
  EXPECT_THAT(table.reserve({PortSpec{ip("127.0.0.1"), 0, 0, 1, 9, Protocol::tcp}, clash}, "b"), ErrorIs(Code::already_exists));
  EXPECT_EQ(table.size(), 1U);
  EXPECT_THAT(table.reserve({PortSpec{ip("192.0.2.77"), 8080, 8080, 80, 80, Protocol::tcp}}, "b"),
              ErrorIs(Code::invalid_argument, "not an address"));
}

}  // namespace
}  // namespace fulcrum::network
