#include "network/dns/upstream.h"

#include "base/testing.h"

namespace fulcrum::network::dns {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Resolvers, AreReadFromTheLinesThatMakeSense) {
  const auto list = parse_resolvers(
      "# x\nnameserver 10.0.0.1\nnameserver\t fd00::1 # y\nsearch a\nnameserver junk\nnameservers 1.1.1.1\nnameserver 9.9.9.9\nnameserver "
      "8.8.8.8");
  EXPECT_THAT(list,
              ElementsAre(IpAddress::parse("10.0.0.1").value(), IpAddress::parse("fd00::1").value(), IpAddress::parse("9.9.9.9").value()));
}

TEST(Upstream, FollowsTheFile) {
  ::fulcrum::testing::TemporaryDirectory folder;
  Upstream upstream(folder / "resolv.conf");
  auto now = std::chrono::steady_clock::now();
  EXPECT_THAT(upstream.resolvers(now), IsEmpty());
  ASSERT_OK(sys::write_file_atomic(folder / "resolv.conf", "nameserver 10.0.0.1\n"));
  EXPECT_THAT(upstream.resolvers(now += std::chrono::seconds(2)), ElementsAre(IpAddress::parse("10.0.0.1").value()));
}

}  // namespace
}  // namespace fulcrum::network::dns
