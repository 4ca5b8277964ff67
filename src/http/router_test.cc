#include "http/router.h"

#include "base/testing.h"
#include "http/server.h"

namespace fulcrum::http {
namespace {

using ::testing::ElementsAre;
using testing::ErrorIs;
using ::testing::Pair;

Router routes() {
  Router router;
  const Handler none = [](Request&, ResponseWriter&) { return Result<>(); };
  for (const auto* pattern : {"/v1/workloads", "/v1/workloads/{name}", "/v1/workloads/{name}/logs", "/v1/workloads/special",
                              "/images/{name...}/json", "/images/{name...}", "/images/json"})
    router.add("GET", pattern, none);
  router.add("POST", "/v1/workloads", none);
  router.add("DELETE", "/v1/workloads/{name}", none);
  return router;
}

std::string pattern_of(const Router& router, std::string_view method, std::string_view path) {
  const auto match = router.find(method, path);
  if (!match) return "error: " + match.error().message;
  return match->route == nullptr ? "none" : match->route->pattern;
}

TEST(Router, FindsTheMostSpecificPattern) {
  const auto router = routes();
  EXPECT_EQ(pattern_of(router, "GET", "/v1/workloads"), "/v1/workloads");
  EXPECT_EQ(pattern_of(router, "GET", "/v1/workloads/web"), "/v1/workloads/{name}");
  EXPECT_EQ(pattern_of(router, "GET", "/v1/workloads/special"), "/v1/workloads/special");
  EXPECT_EQ(pattern_of(router, "GET", "/v1/workloads/web/logs"), "/v1/workloads/{name}/logs");
  EXPECT_EQ(pattern_of(router, "GET", "/v1/workloads/"), "none");
  EXPECT_EQ(pattern_of(router, "GET", "/v1/workloads/web/nothing"), "none");
  EXPECT_EQ(pattern_of(router, "GET", "/images/json"), "/images/json");
  EXPECT_EQ(pattern_of(router, "GET", "/images/a/b/c/json"), "/images/{name...}/json");
  EXPECT_EQ(pattern_of(router, "GET", "/images/a/b/c"), "/images/{name...}");
}

TEST(Router, ManySegmentsKeepTheirSlashes) {
  EXPECT_THAT(routes().find("GET", "/images/registry:5000/a/b:1/json")->params, ElementsAre(Pair("name", "registry:5000/a/b:1")));
}

TEST(Router, DecodesSegmentsAfterSplitting) {
  EXPECT_THAT(routes().find("GET", "/v1/workloads/a%2Fb%20c")->params, ElementsAre(Pair("name", "a/b c")));
  EXPECT_THAT(routes().find("GET", "/v1/workloads/%zz"), ErrorIs(Code::invalid_argument));
  EXPECT_THAT(routes().find("GET", "/v1/workloads/%00"), ErrorIs(Code::invalid_argument));
  EXPECT_THAT(routes().find("GET", "/v1/workloads/%2e%2e"), ErrorIs(Code::invalid_argument));
  EXPECT_THAT(routes().find("GET", "*"), ErrorIs(Code::invalid_argument));
}

TEST(Router, SaysWhichMethodsAPathTakes) {
  const auto router = routes();
  EXPECT_THAT(router.find("PUT", "/v1/workloads")->allowed, ElementsAre("GET", "POST"));
  EXPECT_THAT(router.find("PUT", "/nothing")->allowed, ElementsAre());
  EXPECT_EQ(pattern_of(router, "HEAD", "/v1/workloads"), "/v1/workloads");
  EXPECT_EQ(pattern_of(router, "DELETE", "/v1/workloads/special"), "/v1/workloads/{name}");
}

TEST(Router, TakesAVersionPrefixOff) {
  auto router = routes();
  EXPECT_EQ(pattern_of(router, "GET", "/v1.41/images/json"), "none");
  router.accept_version_prefix(true);
  const auto match = router.find("GET", "/v1.41/images/json").value();
  EXPECT_EQ(match.route->pattern, "/images/json");
  EXPECT_EQ(match.version, "1.41");
  EXPECT_EQ(router.find("GET", "/v1/workloads")->version, "");
  EXPECT_EQ(pattern_of(router, "GET", "/v1.x/images/json"), "none");
  EXPECT_EQ(pattern_of(router, "GET", "/v1.41"), "none");
}

}  // namespace
}  // namespace fulcrum::http
