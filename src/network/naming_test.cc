#include "network/naming.h"

#include "base/testing.h"
#include "network/links.h"

namespace fulcrum::network {
namespace {

using ::fulcrum::testing::ErrorIs;
using ::fulcrum::testing::IsOkAndHolds;

TEST(Naming, InterfaceNamesFitAreStableAndTellInstancesApart) {
  const auto name = port_name("0", "w1", "default");
  EXPECT_EQ(name, port_name("0", "w1", "default"));
  EXPECT_TRUE(valid_interface_name(name));
  EXPECT_TRUE(is_own_name("0", name));
  EXPECT_FALSE(is_own_name("other", name));
  EXPECT_NE(name, port_name("0", "w1", "back"));
  EXPECT_NE(port_name("0", "ab", "c"), port_name("0", "a", "bc"));
  EXPECT_FALSE(is_own_name("0", "eth0"));
  EXPECT_TRUE(is_own_alias("0", port_alias("0", "w", "n")));
  EXPECT_FALSE(is_own_alias("0", port_alias("00", "w", "n")));
  EXPECT_LE(port_alias("0", std::string(300, 'w'), "n").size(), 255U);
}

TEST(Naming, InstancesAndTables) {
  EXPECT_THAT(normal_instance(""), IsOkAndHolds("0"));
  EXPECT_EQ(table_name("0"), "fulcrum");
  EXPECT_EQ(table_name("a1"), "fulcrum_a1");
  for (const char* bad : {"A", "a b", "a}b", "a_b", "12345678901234567"})
    EXPECT_THAT(normal_instance(bad), ErrorIs(Code::invalid_argument)) << bad;
}

TEST(Naming, ChecksNetworkAndHostNames) {
  for (const char* good : {"a", "web-1", "A.b_c"}) EXPECT_OK(check_network_name(good)) << good;
  for (const char* bad : {"", "-a", "a b", "a/b", "none", "host", "container", "a\"b"})
    EXPECT_THAT(check_network_name(bad), ErrorIs(Code::invalid_argument)) << bad;
  for (const char* good : {"web", "a.b", "_x", "a-b"}) EXPECT_OK(check_host_name(good)) << good;
  for (const char* bad : {"", ".", "a..b", "a.", "a b", "a\nb"}) EXPECT_THAT(check_host_name(bad), ErrorIs(Code::invalid_argument)) << bad;
  EXPECT_THAT(check_host_name(std::string(64, 'a')), ErrorIs(Code::invalid_argument));
}

TEST(Mode, ReadsTheFourKinds) {
  for (const char* text : {"none", "host", "container:abc", "backend"}) EXPECT_EQ(Mode::parse(text).value().str(), text);
  EXPECT_EQ(Mode::parse("container:abc").value().target, "abc");
  EXPECT_THAT(Mode::parse("container:"), ErrorIs(Code::invalid_argument));
  EXPECT_THAT(Mode::parse("bad name"), ErrorIs(Code::invalid_argument));
}

TEST(InterfaceName, IsWhatTheKernelTakes) {
  for (const char* bad : {"", ".", "..", "a/b", "a b", "1234567890123456", "a:1"}) EXPECT_FALSE(valid_interface_name(bad)) << bad;
  EXPECT_TRUE(valid_interface_name("eth0"));
}

}  // namespace
}  // namespace fulcrum::network
