#include "network/dns/directory.h"

#include "base/testing.h"

namespace fulcrum::network::dns {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using Kind = Lookup::Kind;

IpAddress ip(const char* text) { return IpAddress::parse(text).value(); }
Host host(const char* id, std::vector<IpAddress> addresses, std::vector<std::string> names, std::vector<std::string> services = {},
          bool ready = true) {
  return {id, std::move(addresses), std::move(names), std::move(services), ready};
}

TEST(Directory, NamesAreScopedToTheirNetworkAndCaseless) {
  Directory d;
  d.put("front", host("w1", {ip("10.0.0.2")}, {"Web", "alias"}));
  const Question web{"web", type::a, 1};
  EXPECT_THAT(d.look_up("front", web).answers, ElementsAre(Answer(ip("10.0.0.2"))));
  EXPECT_EQ(d.look_up("back", web).kind, Kind::elsewhere);
  EXPECT_THAT(d.look_up("front", {"alias", type::a, 1}).answers, ElementsAre(Answer(ip("10.0.0.2"))));
  EXPECT_THAT(d.look_up("front", {"web.front", type::a, 1}).answers, ElementsAre(Answer(ip("10.0.0.2"))));
  const auto six = d.look_up("front", {"web", type::aaaa, 1});
  EXPECT_EQ(six.kind, Kind::found);
  EXPECT_THAT(six.answers, IsEmpty());
  d.remove("front", "w1");
  EXPECT_EQ(d.look_up("front", web).kind, Kind::elsewhere);
}

TEST(Directory, AMemberOfSeveralNetworksSeesTheNamesOfAll) {
  Directory d;
  d.put("front", host("w1", {ip("10.0.0.2")}, {"web"}));
  d.put("front", host("w2", {ip("10.0.0.3")}, {"both"}));
  d.put("back", host("w2", {ip("10.1.0.3")}, {"both"}));
  d.put("back", host("w3", {ip("10.1.0.4")}, {"db"}));
  const Question web{"web", type::a, 1};
  EXPECT_THAT(d.look_up("back", ip("10.1.0.3"), web).answers, ElementsAre(Answer(ip("10.0.0.2"))));
  EXPECT_EQ(d.look_up("back", ip("10.1.0.4"), web).kind, Kind::elsewhere);
  EXPECT_THAT(d.look_up("front", ip("10.0.0.3"), {"both", type::a, 1}).answers, ElementsAre(Answer(ip("10.0.0.3"))));
}

TEST(Directory, ServicesRotateOverReadyMembers) {
  Directory d;
  d.put("n", host("a", {ip("10.0.0.2")}, {"a"}, {"svc"}));
  d.put("n", host("b", {ip("10.0.0.3")}, {"b"}, {"svc"}));
  d.put("n", host("c", {ip("10.0.0.4")}, {"c"}, {"svc"}, false));
  const Question svc{"svc", type::a, 1};
  const auto first = d.look_up("n", svc).answers;
  const auto second = d.look_up("n", svc).answers;
  EXPECT_THAT(first, UnorderedElementsAre(Answer(ip("10.0.0.2")), Answer(ip("10.0.0.3"))));
  EXPECT_NE(first.front(), second.front());
  EXPECT_THAT(d.look_up("n", {"c", type::a, 1}).answers, ElementsAre(Answer(ip("10.0.0.4"))));
  d.put("n", host("c", {ip("10.0.0.4")}, {"c"}, {"svc"}, true));
  EXPECT_EQ(d.look_up("n", svc).answers.size(), 3U);
}

TEST(Directory, ReverseNamesOfOurSubnetsAreOurs) {
  Directory d;
  d.set_subnets("n", {Prefix::parse("10.0.0.0/24").value()});
  d.put("n", host("a", {ip("10.0.0.2")}, {"web"}));
  EXPECT_THAT(d.look_up("n", {reverse_name(ip("10.0.0.2")), type::ptr, 1}).answers, ElementsAre(Answer(std::string("web"))));
  EXPECT_EQ(d.look_up("n", {reverse_name(ip("10.0.0.9")), type::ptr, 1}).kind, Kind::no_name);
  EXPECT_EQ(d.look_up("n", {reverse_name(ip("10.0.1.2")), type::ptr, 1}).kind, Kind::elsewhere);
}

TEST(Directory, ReplaceForgetsTheRest) {
  Directory d;
  d.put("n", host("a", {ip("10.0.0.2")}, {"a"}));
  d.replace("n", {host("b", {ip("10.0.0.3")}, {"b"})});
  EXPECT_EQ(d.look_up("n", {"a", type::a, 1}).kind, Kind::elsewhere);
  EXPECT_EQ(d.look_up("n", {"b", type::a, 1}).kind, Kind::found);
}

}  // namespace
}  // namespace fulcrum::network::dns
