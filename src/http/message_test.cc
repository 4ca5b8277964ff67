#include "http/message.h"

#include "base/testing.h"

namespace fulcrum::http {
namespace {

using ::testing::ElementsAre;
using testing::ErrorIs;
using testing::IsOkAndHolds;

TEST(Headers, NamesCompareWithoutCase) {
  Headers headers{{"Content-Type", "a"}, {"X", "1"}, {"x", "2"}};
  EXPECT_EQ(headers.get("content-type"), "a");
  EXPECT_EQ(headers.get("x"), "1");
  headers.set("X", "3");
  EXPECT_EQ(headers.fields().size(), 2u);
  headers.remove("CONTENT-TYPE");
  EXPECT_EQ(headers.get("content-type"), std::nullopt);
}

TEST(Headers, FindsTokensInLists) {
  const Headers headers{{"Connection", "keep-alive, Upgrade"}, {"Connection", "x"}};
  EXPECT_TRUE(headers.has_token("connection", "upgrade"));
  EXPECT_TRUE(headers.has_token("connection", "X"));
  EXPECT_FALSE(headers.has_token("connection", "keep"));
}

TEST(Headers, AValueCannotEndTheHeader) {
  Headers headers;
  headers.set("X", "a\r\nSet-Cookie: b");
  EXPECT_EQ(headers.get("x"), "aSet-Cookie: b");
}

TEST(PercentDecode, DecodesOrRefuses) {
  EXPECT_THAT(percent_decode("a%20b%2f+"), IsOkAndHolds(std::string("a b/+")));
  EXPECT_THAT(percent_decode("a+b", true), IsOkAndHolds(std::string("a b")));
  for (const auto* bad : {"%", "%4", "%zz", "a%0", "%00"}) EXPECT_THAT(percent_decode(bad), ErrorIs(Code::invalid_argument)) << bad;
}

TEST(PercentEncode, RoundTrips) {
  std::string all;
  for (int c = 1; c < 256; ++c) all += static_cast<char>(c);
  EXPECT_THAT(percent_decode(percent_encode(all)), IsOkAndHolds(all));
  EXPECT_EQ(percent_encode("a/b", true), "a/b");
  EXPECT_EQ(percent_encode("a/b"), "a%2Fb");
}

TEST(Query, HasTypedHelpers) {
  const auto query = Query::parse("all=1&follow&n=-5&label=a%3D1&label=b&f=no&bad=x&&e=").value();
  EXPECT_THAT(query.boolean("all", false), IsOkAndHolds(true));
  EXPECT_THAT(query.boolean("follow", false), IsOkAndHolds(true));
  EXPECT_THAT(query.boolean("f", true), IsOkAndHolds(false));
  EXPECT_THAT(query.boolean("missing", true), IsOkAndHolds(true));
  EXPECT_THAT(query.boolean("bad", true), ErrorIs(Code::invalid_argument, "\"x\" is not a boolean"));
  EXPECT_THAT(query.integer("n", 0), IsOkAndHolds(-5));
  EXPECT_THAT(query.integer("n", 0, 0), ErrorIs(Code::invalid_argument));
  EXPECT_THAT(query.integer("bad", 0), ErrorIs(Code::invalid_argument, "query bad"));
  EXPECT_THAT(query.all("label"), ElementsAre("a=1", "b"));
  EXPECT_EQ(query.get_or("missing", "x"), "x");
}

TEST(Query, IsBounded) {
  std::string text;
  for (int i = 0; i < 300; ++i) text += "a=1&";
  EXPECT_THAT(Query::parse(text), ErrorIs(Code::invalid_argument));
}

TEST(Query, EncodesWhatItParses) {
  Query query;
  query.add("a b", "c&d=e");
  EXPECT_EQ(query.encode(), "a%20b=c%26d%3De");
  EXPECT_EQ(Query::parse(query.encode())->get("a b"), "c&d=e");
}

TEST(Status, EachCodeSurvivesTheWayThereAndBack) {
  for (const Code code : {Code::not_found, Code::permission_denied, Code::unauthenticated, Code::resource_exhausted, Code::unimplemented,
                          Code::internal, Code::unavailable, Code::invalid_argument, Code::out_of_range, Code::deadline_exceeded})
    EXPECT_EQ(code_from_status(http_status(code)), code) << to_string(code);
  EXPECT_EQ(http_status(Code::aborted), 409);
  EXPECT_EQ(reason_phrase(404), "Not Found");
  EXPECT_EQ(reason_phrase(799), "Unknown");
}

TEST(JsonQuote, EscapesWhatMustBe) {
  EXPECT_EQ(json_quote("a\"b\\c\n\x01é"), "\"a\\\"b\\\\c\\u000a\\u0001é\"");
  EXPECT_EQ(json_quote("\xff\xc0\x80\xed\xa0\x80"), "\"\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\"");
}

}  // namespace
}  // namespace fulcrum::http
