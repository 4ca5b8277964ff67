#include "server/docker/build_request.h"

#include "base/testing.h"

namespace fulcrum::server::docker {
namespace {

using fulcrum::testing::ErrorIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Result<BuildOptions> parse(std::string_view text) { return parse_build_options(TRY(http::Query::parse(text))); }

TEST(BuildRequest, DefaultsAreDockers) {
  const auto options = parse("");
  ASSERT_TRUE(options);
  EXPECT_TRUE(options->request.use_cache);
  EXPECT_FALSE(options->request.pull);
  EXPECT_FALSE(options->quiet);
  EXPECT_EQ(options->request.limits.network, "");
}

TEST(BuildRequest, WhatDockersCommandLineSends) {
  const auto options = parse(
      "buildargs=%7B%22A%22%3A%221%22%2C%22B%22%3Anull%7D&cachefrom=%5B%22x%22%5D&cgroupparent=%2Fp&cpuperiod=0&cpuquota=5000&cpusetcpus=0-"
      "1"
      "&cpusetmems=&cpushares=7&dockerfile=D&labels=%7B%22l%22%3A%22v%22%7D&memory=1000&memswap=-1&networkmode=default&rm=1&shmsize=64&t=a&"
      "t=b"
      "&target=T&ulimits=%5B%7B%22Name%22%3A%22nofile%22%2C%22Hard%22%3A9%2C%22Soft%22%3A8%7D%5D&version=1&nocache=1&extrahosts=h%3A1.2.3."
      "4");
  ASSERT_TRUE(options) << options.error().message;
  const auto& request = options->request;
  EXPECT_EQ(request.args.at("A"), "1");
  EXPECT_EQ(request.args.at("B"), std::nullopt);
  EXPECT_THAT(request.cache_from, ElementsAre("x"));
  EXPECT_THAT(request.tags, ElementsAre("a", "b"));
  EXPECT_EQ(request.labels.at("l"), "v");
  EXPECT_FALSE(request.use_cache);
  EXPECT_EQ(request.limits.cgroup_parent, "/p");
  EXPECT_EQ(request.limits.extra_hosts.at("h"), "1.2.3.4");
  const auto& limits = request.limits.resources;
  EXPECT_EQ(limits.memory->bytes, 1000);
  EXPECT_EQ(limits.memory_swap, "-1");
  EXPECT_EQ(limits.cpu_quota, 5000);
  EXPECT_FALSE(limits.cpu_period);
  EXPECT_EQ(limits.ulimits.at("nofile"), (api::Ulimit{.soft = 8, .hard = 9}));
}

TEST(BuildRequest, RefusesByName) {
  EXPECT_THAT(parse("version=2"), ErrorIs(Code::unimplemented));
  EXPECT_THAT(parse("version=9"), ErrorIs(Code::invalid_argument));
  EXPECT_THAT(parse("squash=1"), ErrorIs(Code::invalid_argument));
  EXPECT_THAT(parse("outputs=%5B%7B%7D%5D"), ErrorIs(Code::unimplemented));
  EXPECT_THAT(parse("buildargs=%5B%5D"), ErrorIs(Code::invalid_argument));
  EXPECT_THAT(parse("memory=x"), ErrorIs(Code::invalid_argument));
  EXPECT_THAT(parse("isolation=hyperv"), ErrorIs(Code::invalid_argument));
  EXPECT_THAT(parse("securityopt=x"), ErrorIs(Code::invalid_argument));
}

}  // namespace
}  // namespace fulcrum::server::docker
