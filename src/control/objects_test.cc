#include "control/objects.h"

#include <thread>

#include "control/mechanisms.h"
#include "control/names.h"
#include "control/testing.h"
#include "control/workload/files.h"

namespace fulcrum::control {
namespace {

using fulcrum::testing::ErrorIs;
using fulcrum::testing::IsOkAndHolds;

class ObjectsTest : public ::testing::Test {
 protected:
  ObjectsTest() { EXPECT_OK(objects_.open()); }
  api::Workload make(const std::string& name, const std::string& uid) {
    return objects_.create({.metadata = {.uid = uid}, .spec = {.name = name, .image = "x"}}, {}).value();
  }
  std::unique_ptr<store::Store> store_ = store::make_memory_store();
  FakeClock clock_;
  Objects objects_{*store_, clock_};
};

TEST_F(ObjectsTest, FindsByNameUidAndPrefix) {
  make("web", "abc1" + std::string(60, '0'));
  make("db", "abd1" + std::string(60, '0'));
  EXPECT_EQ(objects_.find("web")->spec.name, "web");
  EXPECT_EQ(objects_.find("abc")->spec.name, "web");
  EXPECT_EQ(objects_.find("abd1" + std::string(60, '0'))->spec.name, "db");
  EXPECT_THAT(objects_.find("ab"), ErrorIs(Code::invalid_argument, "more than one"));
  EXPECT_THAT(objects_.find("nope"), ErrorIs(Code::not_found, "nope"));
  EXPECT_THAT(objects_.find(""), ErrorIs(Code::not_found));
  EXPECT_THAT(objects_.find("../names"), ErrorIs(Code::not_found));
}

TEST_F(ObjectsTest, ANameIsTakenOnce) {
  make("web", std::string(64, 'a'));
  EXPECT_THAT(objects_.create({.metadata = {.uid = std::string(64, 'b')}, .spec = {.name = "web"}}, {}),
              ErrorIs(Code::already_exists, "aaaaaaaaaaaa"));
}

TEST_F(ObjectsTest, EditsOfManyThreadsAllHappen) {
  make("web", std::string(64, 'a'));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        while (!objects_.edit(std::string(64, 'a'), [](Edit& edit) -> Result<bool> {
          ++edit.workload.intent.starts;
          return true;
        })) {
        }
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(objects_.find("web")->intent.starts, 200);
}

TEST_F(ObjectsTest, EventsAreARingInOrder) {
  for (int i = 0; i < kEventRing + 10; ++i) ASSERT_OK(objects_.record({objects_.event("image", "pull", fmt::format("{}", i), "x")}));
  const auto events = objects_.events().value().items;
  ASSERT_EQ(events.size(), static_cast<std::size_t>(kEventRing));
  EXPECT_EQ(events.front().id, "10");
  EXPECT_TRUE(std::is_sorted(events.begin(), events.end(), [](const auto& a, const auto& b) { return a.revision < b.revision; }));
  Objects again(*store_, clock_);
  ASSERT_OK(again.open());
  ASSERT_OK(again.record({again.event("image", "pull", "last", "x")}));
  EXPECT_EQ(again.events().value().items.back().id, "last");
  EXPECT_EQ(again.events().value().items.size(), static_cast<std::size_t>(kEventRing));
}

TEST(EndpointCodec, RoundTrips) {
  network::Endpoint endpoint{.workload = WorkloadId("w"),
                             .network = "n",
                             .ifname = "eth0",
                             .host_ifname = "v1",
                             .mtu = 1400,
                             .names = {"a"},
                             .services = {"s"},
                             .ready = false};
  endpoint.mac = network::MacAddress::parse("02:42:ac:11:00:02").value();
  endpoint.addresses = {network::Prefix::parse("10.0.0.2/24").value(), network::Prefix::parse("fd00::2/64").value()};
  endpoint.gateways = {network::IpAddress::parse("10.0.0.1").value()};
  endpoint.ports = {{.host_ip = network::IpAddress::parse("127.0.0.1").value(),
                     .host_port = 8080,
                     .container_port = 80,
                     .protocol = network::Protocol::udp}};
  EXPECT_THAT(endpoint_from_json(endpoint_to_json(endpoint)), IsOkAndHolds(endpoint));
  EXPECT_THAT(endpoint_from_json("[]"), ErrorIs(Code::data_loss));
  EXPECT_THAT(endpoint_from_json("{}"), ErrorIs(Code::data_loss));
}

TEST(NetworkConfig, TranslatesAndRefusesByName) {
  EXPECT_EQ(network_config({.name = "n", .options = {{"mtu", "1400"}, {"icc", "false"}}})->mtu, 1400U);
  EXPECT_THAT(network_config({.name = "n", .options = {{"color", "red"}}}), ErrorIs(Code::invalid_argument, "options.color"));
  EXPECT_THAT(network_config({.name = "n", .driver = "host"}), ErrorIs(Code::unimplemented, "driver"));
  EXPECT_THAT(network_config({.name = "n", .subnets = {{.subnet = "x"}}}), ErrorIs(Code::invalid_argument, "subnets[0].subnet"));
}

TEST(Base64, DecodesAndRefuses) {
  EXPECT_THAT(decode_base64("aGVsbG8="), IsOkAndHolds(std::string("hello")));
  EXPECT_THAT(decode_base64(""), IsOkAndHolds(std::string()));
  EXPECT_THAT(decode_base64("aGVsbG8"), ErrorIs(Code::invalid_argument));
  EXPECT_THAT(decode_base64("aG=sbG8="), ErrorIs(Code::invalid_argument));
  EXPECT_THAT(decode_base64("aGVs*G8="), ErrorIs(Code::invalid_argument));
}

TEST(ParseSignal, KnowsNamesAndNumbers) {
  EXPECT_THAT(parse_signal("TERM"), IsOkAndHolds(15));
  EXPECT_THAT(parse_signal("sigkill"), IsOkAndHolds(9));
  EXPECT_THAT(parse_signal("64"), IsOkAndHolds(64));
  EXPECT_THAT(parse_signal("RTMIN+3"), IsOkAndHolds(37));
  EXPECT_THAT(parse_signal("SIGRTMAX-1"), IsOkAndHolds(63));
  EXPECT_THAT(parse_signal("0"), ErrorIs(Code::invalid_argument));
  EXPECT_THAT(parse_signal("65"), ErrorIs(Code::invalid_argument));
  EXPECT_THAT(parse_signal("NOPE"), ErrorIs(Code::invalid_argument, "NOPE"));
}

TEST(RandomName, IsAValidName) {
  for (int i = 0; i < 100; ++i) EXPECT_THAT(random_name(), ::testing::MatchesRegex("[a-z]+_[a-z]+"));
}

}  // namespace
}  // namespace fulcrum::control
