#include "server/docker/container_state.h"

#include <gtest/gtest.h>

namespace fulcrum::server::docker {
namespace {

using namespace std::chrono_literals;
using api::Phase;

const Time kNow{std::chrono::seconds(1'700'000'000)};

api::WorkloadStatus ran(Phase phase) { return {.phase = phase, .exit_code = 3, .started = kNow - 200s, .finished = kNow - 2s}; }

TEST(ContainerState, phases_in_docker_s_words) {
  EXPECT_EQ(docker_status({.phase = Phase::creating}), "created");
  EXPECT_EQ(docker_status({.phase = Phase::failed}), "created");  // its program could not be run
  EXPECT_EQ(docker_status(ran(Phase::failed)), "exited");
  EXPECT_EQ(docker_status(ran(Phase::stopping)), "running");
  auto again = ran(Phase::starting);
  EXPECT_EQ(docker_status(again), "exited");
  again.restarts = 1;
  EXPECT_EQ(docker_status(again), "restarting");
  EXPECT_TRUE(docker_running(again));
  EXPECT_TRUE(docker_running(ran(Phase::paused)));
  EXPECT_FALSE(docker_running(ran(Phase::stopped)));
}

TEST(ContainerState, texts_of_docker_ps) {
  EXPECT_EQ(docker_status_text({.phase = Phase::pending}, kNow), "Created");
  EXPECT_EQ(docker_status_text(ran(Phase::stopped), kNow), "Exited (3) 2 seconds ago");
  EXPECT_EQ(docker_status_text(ran(Phase::restarting), kNow), "Restarting (3) 2 seconds ago");
  EXPECT_EQ(docker_status_text(ran(Phase::paused), kNow), "Up 3 minutes (Paused)");
  EXPECT_EQ(docker_status_text(ran(Phase::removing), kNow), "Removal In Progress");
  auto healthy = ran(Phase::running);
  EXPECT_EQ(docker_status_text(healthy, kNow), "Up 3 minutes");
  healthy.health.status = "starting";
  EXPECT_EQ(docker_status_text(healthy, kNow), "Up 3 minutes (health: starting)");
  healthy.health.status = "unhealthy";
  EXPECT_EQ(docker_status_text(healthy, kNow), "Up 3 minutes (unhealthy)");
}

TEST(ContainerState, spans_of_time) {
  EXPECT_EQ(human_duration(900ms), "Less than a second");
  EXPECT_EQ(human_duration(-5s), "Less than a second");
  EXPECT_EQ(human_duration(1s), "1 second");
  EXPECT_EQ(human_duration(59s), "59 seconds");
  EXPECT_EQ(human_duration(61s), "About a minute");
  EXPECT_EQ(human_duration(59min), "59 minutes");
  EXPECT_EQ(human_duration(60min), "About an hour");
  EXPECT_EQ(human_duration(100min), "2 hours");
  EXPECT_EQ(human_duration(48h), "2 days");
  EXPECT_EQ(human_duration(24h * 15), "2 weeks");
  EXPECT_EQ(human_duration(24h * 100), "3 months");
  EXPECT_EQ(human_duration(24h * 800), "2 years");
}

}  // namespace
}  // namespace fulcrum::server::docker
