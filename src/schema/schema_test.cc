#include "schema/schema.h"

#include "base/testing.h"
#include "schema/scalars_schema.h"

namespace fulcrum::schema {

enum class Colour { red, green };
struct Limits {
  Size memory;
  std::optional<double> cpus;
  friend bool operator==(const Limits&, const Limits&) = default;
};
struct Thing {
  std::string name;
  std::uint16_t port = 80;
  std::vector<std::string> words;
  std::map<std::string, Limits> limits;
  Colour colour = Colour::red;
  std::optional<Duration> wait;
  friend bool operator==(const Thing&, const Thing&) = default;
};
template <>
struct EnumNames<Colour> {
  static constexpr std::array names{std::pair{Colour::red, std::string_view("red")}, std::pair{Colour::green, std::string_view("green")}};
};
template <>
struct Schema<Limits> {
  static constexpr std::string_view name = "Limits";
  static constexpr std::string_view doc = "Limits.";
  static constexpr auto fields = std::tuple{optional("memory", &Limits::memory, "Memory."), optional("cpus", &Limits::cpus, "CPUs.")};
};
template <>
struct Schema<Thing> {
  static constexpr std::string_view name = "Thing";
  static constexpr std::string_view doc = "A thing.";
  static constexpr auto fields = std::tuple{required("name", &Thing::name, "Its name.", not_empty()),
                                            optional("port", &Thing::port, "Its port.", in_range(1, 65535)),
                                            always("words", &Thing::words, "Words."),
                                            optional("limits", &Thing::limits, "Limits by name."),
                                            optional("colour", &Thing::colour, "Its colour."),
                                            optional("wait", &Thing::wait, "How long to wait.")};
};

struct Whole {
  int own = 0;
  Limits limits;
  friend bool operator==(const Whole&, const Whole&) = default;
};
template <>
struct Schema<Whole> {
  static constexpr std::string_view name = "Whole";
  static constexpr std::string_view doc = "Has the members of Limits, too.";
  static constexpr auto fields = std::tuple{optional("own", &Whole::own, "Its own."), embedded(&Whole::limits)};
};

namespace {
using ::testing::ElementsAre;

TEST(Schema, EmbeddedMembersStandAmongTheOthers) {
  const Whole whole{.own = 3, .limits = {.memory = {1 << 20}}};
  EXPECT_EQ(encode_text(whole), R"({"own":3,"memory":"1Mi"})");
  EXPECT_EQ(decode_text<Whole>(encode_text(whole)).value(), whole);
  const auto wrong = decode<Whole>(parse(R"({"memory":"x","more":1})").value());
  ASSERT_FALSE(wrong.has_value());
  EXPECT_THAT(wrong.error(), ElementsAre(Violation{"memory", "\"x\" is not a size"}, Violation{"more", "unknown field"}));
  EXPECT_TRUE(json_schema<Whole>()["$defs"].at("Whole").at("properties").as_object().contains("cpus"));
}
TEST(Schema, MembersInAnyCase) {
  const auto document = parse(R"({"OWN":3,"Memory":"1Mi","memory":"2Mi"})").value();
  const auto whole = decode<Whole>(document, UnknownFields::reject, MemberNames::any_case);
  ASSERT_TRUE(whole.has_value());
  EXPECT_EQ(*whole, (Whole{.own = 3, .limits = {.memory = {2 << 20}}}));
  EXPECT_FALSE(decode<Whole>(document).has_value());
}
TEST(Schema, UnknownMembersThatSayNothing) {
  const auto decoded = [](std::string_view text) { return decode_text<Whole>(text, UnknownFields::reject_set).has_value(); };
  EXPECT_TRUE(decoded(R"({"own":1,"a":null,"b":"","c":0,"d":0.0,"e":[],"f":{"x":{"y":false}},"g":false})"));
  for (const auto* text : {R"({"a":"x"})", R"({"a":1})", R"({"a":[0]})", R"({"a":{"x":{"y":true}}})", R"({"a":-0.5})"})
    EXPECT_FALSE(decoded(text)) << text;
}

TEST(Schema, EveryViolationAtOnceEachWithItsPath) {
  const auto document =
      parse(R"({"port":0,"words":["a",2],"limits":{"x":{"memory":"12Q","cpus":"many"}},"colour":"blue","wait":"5","extra":1})").value();
  const auto thing = decode<Thing>(document);
  ASSERT_FALSE(thing.has_value());
  EXPECT_THAT(thing.error(),
              ElementsAre(Violation{"name", "is required"}, Violation{"port", "0 is not in 1..65535"},
                          Violation{"words[1]", "2 is not a string"}, Violation{"limits.x.memory", "\"12Q\" is not a size"},
                          Violation{"limits.x.cpus", "\"many\" is not a number"}, Violation{"colour", "\"blue\" is not one of red, green"},
                          Violation{"wait", "\"5\" is not a duration (write 2s, 1m30s, 250ms)"}, Violation{"extra", "unknown field"}));
}
TEST(Schema, RoundTripLeavesDefaultsOut) {
  const Thing thing{.name = "a", .limits = {{"x", {.memory = {128 << 20}, .cpus = 1.5}}}, .wait = Duration{std::chrono::seconds(90)}};
  const auto text = encode_text(thing);
  EXPECT_EQ(text, R"({"name":"a","words":[],"limits":{"x":{"memory":"128Mi","cpus":1.5E0}},"wait":"1m30s"})");
  EXPECT_EQ(decode_text<Thing>(text).value(), thing);
}
struct Outer {
  std::optional<Limits> maybe;
  Limits plain;
};
}  // namespace
template <>
struct Schema<Outer> {
  static constexpr std::string_view name = "Outer";
  static constexpr std::string_view doc = "Outer.";
  static constexpr auto fields =
      std::tuple{optional("maybe", &Outer::maybe, "May be there."), optional("plain", &Outer::plain, "Is there.")};
};
namespace {
TEST(Schema, AnEngagedOptionalIsSaidEvenWhenEmpty) {
  EXPECT_EQ(encode_text(Outer{.maybe = Limits{}}), R"({"maybe":{}})");
  EXPECT_EQ(encode_text(Outer{}), "{}");
}
TEST(Schema, NullIsAbsent) {
  EXPECT_EQ(decode_text<Thing>(R"({"name":"a","port":null})").value().port, 80);
  EXPECT_FALSE(decode_text<Thing>(R"({"name":null})").has_value());
}
TEST(Schema, NumbersOutOfRangeAreNotTruncated) {
  EXPECT_THAT(decode_text<Thing>(R"({"name":"a","port":70000})"),
              testing::ErrorIs(Code::invalid_argument, "port: 70000 is not in 0..65535"));
  EXPECT_THAT(decode_text<Thing>(R"({"name":"a","port":1.5})"),
              testing::ErrorIs(Code::invalid_argument, "port: 1.5E0 is not a non-negative integer"));
}
TEST(Schema, UnknownFieldsCanBeIgnored) { EXPECT_TRUE(decode_text<Thing>(R"({"name":"a","x":1})", UnknownFields::ignore).has_value()); }
TEST(Schema, ParseNamesThePlaceAndLimitsDepth) {
  EXPECT_THAT(parse("{\"a\": }"), testing::ErrorIs(Code::invalid_argument, "at byte"));
  EXPECT_THAT(parse("{} x"), testing::ErrorIs(Code::invalid_argument, "after the end"));
  EXPECT_THAT(parse(std::string(100, '[')), testing::ErrorIs(Code::invalid_argument));
}
TEST(Schema, JsonSchemaAndMarkdownNameEveryField) {
  const auto schema = json_schema<Thing>();
  const auto& thing = schema.at("$defs").at("Thing");
  EXPECT_EQ(thing.at("required"), (json::array{"name"}));
  EXPECT_EQ(thing.at("properties").at("port").at("default"), 80);
  EXPECT_EQ(thing.at("properties").at("port").at("maximum"), 65535);
  const auto page = markdown(schema);
  EXPECT_NE(page.find("| `limits` | map to [Limits](#Limits) |  | Limits by name. |"), std::string::npos) << page;
}
}  // namespace
}  // namespace fulcrum::schema
