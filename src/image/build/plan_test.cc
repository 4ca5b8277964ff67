#include "image/build/plan.h"

#include <gmock/gmock.h>

#include "base/testing.h"

namespace fulcrum::image::build {
namespace {

using fulcrum::testing::ErrorIs;
using ::testing::ElementsAre;
using ::testing::FieldsAre;
using ::testing::IsEmpty;

constexpr std::string_view kMany = R"(ARG BASE=debian
ARG TAG=$BASE-x
FROM $BASE AS first
RUN a
FROM busybox:${TAG} AS second
COPY --from=first /a /a
FROM scratch AS unused
RUN --mount=type=cache,target=/x y
FROM First AS last
COPY --from=1 /b /b
COPY --from=alpine /c /c
COPY --from=second /d /d
)";

Result<Plan> plan(std::string_view text, BuildArgs args = BuildArgs{}, const PlanOptions& options = {}) {
  return plan_build(TRY(parse_dockerfile(text)), args, options);
}

std::vector<std::size_t> indexes(const Plan& plan) {
  std::vector<std::size_t> out;
  for (const auto& stage : plan.stages) out.push_back(stage.index);
  return out;
}

TEST(PlanTest, OnlyWhatTheTargetNeeds) {
  const auto whole = plan(kMany);
  ASSERT_TRUE(whole) << whole.error().message;
  EXPECT_THAT(indexes(*whole), ElementsAre(0, 1, 3));
  EXPECT_EQ(whole->target, 3U);
  EXPECT_EQ(whole->steps, 2U + 3U + 5U);
  const auto& last = whole->stages.back();
  EXPECT_THAT(last.base, FieldsAre(std::optional<std::size_t>(0), ""));
  EXPECT_THAT(last.copies, ElementsAre(Origin{1, ""}, Origin{std::nullopt, "alpine"}));
  EXPECT_THAT(last.depends_on, ElementsAre(0, 1));
  EXPECT_EQ(whole->stages[1].base.image, "busybox:debian-x");
  EXPECT_EQ(whole->find(2), nullptr);
  EXPECT_THAT(indexes(plan(kMany, {}, {.target = "FIRST"}).value()), ElementsAre(0));
  EXPECT_THAT(indexes(plan(kMany, {}, {.target = "1"}).value()), ElementsAre(0, 1));
  EXPECT_THAT(indexes(plan(kMany, {}, {.only_needed = false, .check_flags = false}).value()), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(plan(kMany, {}, {.only_needed = false}), ErrorIs(Code::unimplemented, "line 8: the --mount option requires BuildKit"));
}

TEST(PlanTest, ArgumentsOfFrom) {
  const BuildArgs given({{"BASE", "given"}, {"OTHER", "x"}}, platform_args("linux/arm64/v8", "linux/amd64"));
  auto args = given;
  const auto file = parse_dockerfile("ARG BASE=a\nFROM --platform=$BUILDPLATFORM $BASE:$TARGETARCH-$TARGETVARIANT").value();
  const auto out = plan_build(file, args, {});
  ASSERT_TRUE(out) << out.error().message;
  EXPECT_EQ(out->stages[0].base.image, "given:arm64-v8");
  EXPECT_EQ(out->stages[0].platform, "linux/amd64");
  EXPECT_EQ(args.unconsumed_warning(), "[Warning] One or more build-args [OTHER] were not consumed\n");
}

TEST(PlanTest, Errors) {
  const std::pair<const char*, const char*> cases[] = {
      {"FROM a AS x\nFROM b AS X", "line 2: x stage name already used"},
      {"FROM $NONE", "line 1: base name ($NONE) should not be blank"},
      {"FROM a\nCOPY --from=0 x y", "line 2: invalid from flag value 0: refers to current build stage"},
      {"FROM a\nCOPY --from=1 x y", "line 2: invalid from flag value 1: index out of bounds"},
      {"FROM a\nCOPY --from=-1 x y", "line 2: invalid from flag value -1: index out of bounds"},
      {"FROM a\nCOPY --from=$x x y", "variable expansion is not supported for --from"},
      {"ARG x=${\nFROM a", "line 1: failed to process"},
      {"FROM --platform=x/y/z/u a", "line 1: failed to parse platform x/y/z/u"},
      {"ARG x", "No image was generated. Is your Dockerfile empty?"},
  };
  for (const auto& [text, message] : cases) EXPECT_THAT(plan(text), ErrorIs(Code::invalid_argument, message)) << text;
  EXPECT_THAT(plan("FROM a AS x", {}, {.target = "y"}), ErrorIs(Code::invalid_argument, "target stage \"y\" could not be found"));
  EXPECT_THAT(plan("FROM a AS x", {}, {.target = "1"}), ErrorIs(Code::invalid_argument, "could not be found"));
}

TEST(PlanTest, ALaterStageIsAnImage) {
  const auto out = plan("FROM a AS a\nCOPY --from=b x y\nFROM a AS b\n", {}, {.target = "a"});
  ASSERT_TRUE(out) << out.error().message;
  EXPECT_THAT(out->stages[0].copies, ElementsAre(Origin{std::nullopt, "b"}));
  EXPECT_EQ(out->stages[0].base.image, "a");
}

TEST(PlanTest, TriggersOfABaseStageCount) {
  const auto out = plan("FROM a AS tools\nFROM b AS base\nONBUILD COPY --from=tools x y\nFROM base\n");
  ASSERT_TRUE(out) << out.error().message;
  EXPECT_THAT(indexes(*out), ElementsAre(0, 1, 2));
}

TEST(BuildArgsTest, WhatAStageSees) {
  BuildArgs args({{"given", "1"}, {"bare", std::nullopt}, {"HTTP_PROXY", "p"}, {"unused", "u"}},
                 platform_args("linux/amd64", "linux/amd64"));
  args.declare_global("global", "g");
  args.declare_global("given", "default");
  auto stage = args.for_stage();
  EXPECT_THAT(stage.allowed({}), ElementsAre("HTTP_PROXY=p"));
  stage.declare("global", std::nullopt);
  stage.declare("given", "other");
  stage.declare("own", "o");
  stage.declare("bare", std::nullopt);
  stage.declare("TARGETARCH", std::nullopt);
  EXPECT_THAT(stage.allowed({}), ElementsAre("HTTP_PROXY=p", "TARGETARCH=amd64", "given=1", "global=g", "own=o"));
  const std::vector<std::string> environment = {"own=x"};
  EXPECT_THAT(stage.allowed(environment), ElementsAre("HTTP_PROXY=p", "TARGETARCH=amd64", "given=1", "global=g"));
  EXPECT_FALSE(stage.counts("HTTP_PROXY"));
  stage.declare("HTTP_PROXY", std::nullopt);
  EXPECT_TRUE(stage.counts("HTTP_PROXY"));
  EXPECT_THAT(args.unconsumed(), ElementsAre("bare", "unused"));
  args.merge_consumed(stage);
  EXPECT_THAT(args.unconsumed(), ElementsAre("unused"));
}

}  // namespace
}  // namespace fulcrum::image::build
