#include "image/registry/challenge.h"

#include "base/testing.h"

namespace fulcrum::image::registry {
namespace {

TEST(Challenge, ReadsABearerChallenge) {
  const auto all = parse_challenges(R"(Bearer realm="https://auth.x/token",service="registry.x",scope="repository:a/b:pull,push")");
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].scheme, "bearer");
  EXPECT_EQ(all[0].parameter("realm"), "https://auth.x/token");
  EXPECT_EQ(all[0].parameter("service"), "registry.x");
  EXPECT_EQ(all[0].parameter("scope"), "repository:a/b:pull,push");
  EXPECT_EQ(all[0].parameter("error"), "");
}

TEST(Challenge, ReadsSeveralSchemesInOneHeader) {
  const auto all =
      parse_challenges(R"(Negotiate YII+/x==, BASIC Realm = "a \"b\" c" , charset="UTF-8", Bearer realm=https://h:5000/t,service=s)");
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].scheme, "negotiate");
  EXPECT_EQ(all[0].token68, "YII+/x==");
  EXPECT_EQ(all[1].scheme, "basic");
  EXPECT_EQ(all[1].parameter("realm"), R"(a "b" c)");
  EXPECT_EQ(all[1].parameter("charset"), "UTF-8");
  EXPECT_EQ(all[2].parameter("realm"), "https://h:5000/t");
  EXPECT_EQ(all[2].parameter("service"), "s");
}

TEST(Challenge, BareSchemesAndRubbishAreHarmless) {
  EXPECT_TRUE(parse_challenges("").empty());
  EXPECT_TRUE(parse_challenges(", ,,").empty());
  EXPECT_TRUE(parse_challenges("\"\"=;").empty());
  ASSERT_EQ(parse_challenges("Basic").size(), 1U);
  ASSERT_EQ(parse_challenges("Basic, Bearer realm=\"x").size(), 2U);
  EXPECT_EQ(parse_challenges("Basic, Bearer realm=\"x")[1].parameter("realm"), "x");
  EXPECT_EQ(parse_challenges("Bearer realm=\"a\\")[0].parameter("realm"), "a");
  EXPECT_EQ(parse_challenges("Bearer a=1,a=2")[0].parameter("a"), "1");
}

TEST(Challenge, NumbersAreLimited) {
  std::string many;
  for (int i = 0; i < 1000; ++i) many += fmt::format("s{} p=1,", i);
  EXPECT_EQ(parse_challenges(many).size(), 16U);
  std::string wide = "Bearer ";
  for (int i = 0; i < 1000; ++i) wide += fmt::format("p{}=1,", i);
  EXPECT_EQ(parse_challenges(wide)[0].parameters.size(), 16U);
}

}  // namespace
}  // namespace fulcrum::image::registry
