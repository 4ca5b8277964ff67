#include "control/health/health.h"

#include "control/testing.h"

namespace fulcrum::control {
namespace {

using namespace std::chrono_literals;
using namespace control::testing;

const Time kStart{std::chrono::seconds(1'000'000)};

api::HealthResult result(Time at, int code) { return {.start = at, .end = at, .exit_code = code}; }

TEST(EffectiveCheck, TheSpecsThenTheImages) {
  oci::ImageConfig image;
  EXPECT_FALSE(effective_check({}, image));
  image.config.healthcheck = oci::Healthcheck{.test = {"CMD-SHELL", "true"}, .interval = 2'000'000'000, .retries = 5};
  auto check = effective_check({}, image);
  ASSERT_TRUE(check);
  EXPECT_THAT(check->command, ::testing::ElementsAre("/bin/sh", "-c", "true"));
  EXPECT_EQ(check->interval, 2s);
  EXPECT_EQ(check->retries, 5U);
  EXPECT_FALSE(effective_check({.health = api::Health{.disable = true}}, image));
  check = effective_check({.health = api::Health{.interval = Duration{7s}}}, image);
  ASSERT_TRUE(check);
  EXPECT_EQ(check->interval, 7s) << "times are laid over the image's command";
  EXPECT_EQ(check->retries, 5U);
  check = effective_check({.health = api::Health{.http = "/ok", .port = 8080}}, image);
  EXPECT_EQ(check->kind, Check::Kind::http);
  image.config.healthcheck = oci::Healthcheck{.test = {"NONE"}};
  EXPECT_FALSE(effective_check({}, image));
}

TEST(ApplyResult, RetriesInARowMakeItUnhealthy) {
  const Check check{.retries = 2};
  api::HealthStatus health{.status = "starting"};
  apply_result(check, kStart, result(kStart + 1s, 1), health);
  EXPECT_EQ(health.status, "starting");
  apply_result(check, kStart, result(kStart + 2s, 1), health);
  EXPECT_EQ(health.status, "unhealthy");
  apply_result(check, kStart, result(kStart + 3s, 0), health);
  EXPECT_EQ(health.status, "healthy");
  EXPECT_EQ(health.failing_streak, 0U);
  apply_result(check, kStart, result(kStart + 4s, 1), health);
  EXPECT_EQ(health.status, "healthy");
}

TEST(ApplyResult, FailuresInTheStartPeriodDoNotCount) {
  const Check check{.start_period = 10s, .retries = 1};
  api::HealthStatus health{.status = "starting"};
  apply_result(check, kStart, result(kStart + 9s, 1), health);
  EXPECT_EQ(health.status, "starting");
  EXPECT_EQ(health.failing_streak, 0U);
  apply_result(check, kStart, result(kStart + 11s, 1), health);
  EXPECT_EQ(health.status, "unhealthy");
}

TEST(ApplyResult, KeepsTheLastFive) {
  api::HealthStatus health{.status = "starting"};
  for (int i = 0; i < 9; ++i) apply_result({}, kStart, result(kStart + std::chrono::seconds(i), 0), health);
  ASSERT_EQ(health.log.size(), 5U);
  EXPECT_EQ(health.log.back().start, kStart + 8s);
}

TEST(NextProbe, IsQuickerInTheStartPeriod) {
  const Check check{.interval = 30s, .start_period = 20s, .start_interval = 1s};
  api::WorkloadStatus status{.started = kStart, .health = {.status = "starting"}};
  EXPECT_EQ(next_probe(check, status), kStart + 1s);
  status.health.log.push_back(result(kStart + 25s, 1));
  EXPECT_EQ(next_probe(check, status), kStart + 55s);
  status.health.status = "healthy";
  status.health.log.back() = result(kStart + 5s, 0);
  EXPECT_EQ(next_probe(check, status), kStart + 35s);
}

TEST(HealthReconciler, FlipsTheStatusAndTellsOfIt) {
  World world;
  world.images.add("box");
  Harness harness(world);
  auto a = spec("a");
  a.health = api::Health{.command = {{"check"}}, .interval = Duration{1s}, .timeout = Duration{5s}, .retries = 2};
  harness.add(a);
  harness.settle();
  const auto uid = harness.get("a").metadata.uid;
  EXPECT_EQ(harness.get("a").status.health.status, "starting");
  EXPECT_FALSE(harness.networks_.ready(uid));
  harness.advance(1100ms);
  EXPECT_EQ(harness.get("a").status.health.status, "healthy");
  EXPECT_TRUE(harness.networks_.ready(uid));
  world.machine.set_exec_exit_code(1);
  harness.advance(1100ms);
  EXPECT_EQ(harness.get("a").status.health.status, "healthy") << "one failure of two";
  harness.advance(1100ms);
  EXPECT_EQ(harness.get("a").status.health.status, "unhealthy");
  EXPECT_FALSE(harness.networks_.ready(uid));
  world.machine.set_exec_exit_code(0);
  harness.advance(1100ms);
  EXPECT_EQ(harness.get("a").status.health.status, "healthy");
  EXPECT_THAT(harness.actions("a"), ::testing::ElementsAre("create", "start", "health_status", "health_status", "health_status"));
}

}  // namespace
}  // namespace fulcrum::control
