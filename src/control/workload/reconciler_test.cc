#include "control/workload/reconciler.h"

#include "api/workload/codec.h"
#include "control/testing.h"

namespace fulcrum::control {
namespace {

using namespace std::chrono_literals;
using namespace control::testing;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class ReconcilerTest : public ::testing::Test {
 protected:
  ReconcilerTest() { world_.images.add("box"); }
  void exit(const std::string& name, int code, bool oom = false) {
    world_.machine.exit(WorkloadId(harness_->get(name).metadata.uid), code, oom ? 9 : 0, oom);
    harness_->settle();
  }
  /// The daemon dies and another one comes up.
  void crash(const std::string& boot = "boot-1") {
    harness_.reset();
    harness_ = std::make_unique<Harness>(world_, std::vector<store::Fault>{}, boot);
  }
  Phase phase(const std::string& name) { return harness_->get(name).status.phase; }
  World world_;
  std::unique_ptr<Harness> harness_ = std::make_unique<Harness>(world_);
};

TEST_F(ReconcilerTest, RunsAWorkloadToItsEnd) {
  harness_->add(spec("a"));
  harness_->settle();
  auto w = harness_->get("a");
  EXPECT_EQ(w.status.phase, Phase::running);
  EXPECT_EQ(w.status.run, 1);
  EXPECT_GT(w.status.pid, 0);
  EXPECT_EQ(w.status.image_id, "id-box");
  EXPECT_EQ(w.status.isolation, "namespaces");
  ASSERT_EQ(w.status.networks.size(), 1U);
  EXPECT_EQ(w.status.networks[0].network, "default");
  exit("a", 7);
  w = harness_->get("a");
  EXPECT_EQ(w.status.phase, Phase::stopped);
  EXPECT_EQ(w.status.exit_code, 7);
  EXPECT_EQ(w.status.reason, "Error");
  EXPECT_THAT(w.status.networks, IsEmpty());
  EXPECT_EQ(harness_->networks_.size(), 0U);
  EXPECT_THAT(harness_->actions("a"), ElementsAre("create", "start", "die"));
}

TEST_F(ReconcilerTest, CreatedStaysCreatedUntilStarted) {
  harness_->add(spec("a"), false);
  harness_->settle();
  EXPECT_EQ(phase("a"), Phase::created);
  harness_->change("a", [](auto& w) {
    w.intent.state = "running";
    ++w.intent.starts;
  });
  harness_->settle();
  EXPECT_EQ(phase("a"), Phase::running);
}

TEST_F(ReconcilerTest, AMissingImageIsPulledOrFails) {
  world_.images.add_remote("far");
  auto far = spec("far");
  far.image = "far";
  harness_->add(far);
  auto none = spec("none");
  none.image = "nowhere";
  harness_->add(none);
  auto never = spec("never");
  never.image = "far2";
  never.pull = "never";
  harness_->add(never);
  for (int i = 0; i < 1000 && (phase("far") != Phase::running || phase("none") != Phase::failed); ++i) {
    harness_->settle();
    std::this_thread::sleep_for(1ms);  // the pull is a thread; its end is an event of the queue that nobody waits on here
  }
  EXPECT_EQ(phase("far"), Phase::running);
  EXPECT_EQ(phase("none"), Phase::failed);
  EXPECT_EQ(harness_->get("none").status.reason, "ImageNotFound");
  EXPECT_THAT(harness_->get("none").status.message, HasSubstr("nowhere"));
  EXPECT_EQ(phase("never"), Phase::failed);
}

TEST_F(ReconcilerTest, StopSendsTheSignalAndKillsWhenTheTimeIsOver) {
  harness_->add(spec("a", {{"fake/ignore-signals", "15"}}));
  harness_->settle();
  harness_->change("a", [](auto& w) {
    ++w.intent.stops;
    w.intent.state = "stopped";
    w.intent.stop_timeout = Duration{5s};
  });
  harness_->settle();
  EXPECT_EQ(phase("a"), Phase::stopping);
  harness_->advance(4900ms);
  EXPECT_EQ(phase("a"), Phase::stopping);
  harness_->advance(200ms);
  const auto w = harness_->get("a");
  EXPECT_EQ(w.status.phase, Phase::stopped);
  EXPECT_EQ(w.status.exit_code, 137);
  EXPECT_THAT(harness_->actions("a"), ElementsAre("create", "start", "kill", "kill", "die", "stop"));
}

TEST_F(ReconcilerTest, TheSignalIsTheSpecsElseTheImages) {
  world_.images.add("quit",
                    R"({"architecture":"amd64","os":"linux","config":{"StopSignal":"SIGQUIT"},"rootfs":{"type":"layers","diff_ids":[]}})");
  auto a = spec("a");
  a.image = "quit";
  harness_->add(a);
  a.name = "b";
  a.stop_signal = "INT";
  harness_->add(a);
  harness_->settle();
  for (const auto* name : {"a", "b"})
    harness_->change(name, [](auto& w) {
      ++w.intent.stops;
      w.intent.state = "stopped";
    });
  harness_->settle();
  const auto a_uid = harness_->get("a").metadata.uid;
  const auto b_uid = harness_->get("b").metadata.uid;
  EXPECT_EQ(harness_->get("a").status.exit_code, 131);
  EXPECT_EQ(harness_->get("b").status.exit_code, 130);
}

TEST_F(ReconcilerTest, PausesAndResumes) {
  harness_->add(spec("a"));
  harness_->settle();
  harness_->change("a", [](auto& w) { w.intent.state = "paused"; });
  harness_->settle();
  EXPECT_EQ(phase("a"), Phase::paused);
  harness_->change("a", [](auto& w) { w.intent.state = "running"; });
  harness_->settle();
  EXPECT_EQ(phase("a"), Phase::running);
  harness_->change("a", [](auto& w) { w.intent.state = "paused"; });
  harness_->settle();
  harness_->change("a", [](auto& w) {
    ++w.intent.stops;
    w.intent.state = "stopped";
  });
  harness_->settle();
  EXPECT_EQ(phase("a"), Phase::stopped) << "a paused one can be stopped";
}

TEST_F(ReconcilerTest, AlwaysRestartsWithABackOffThatDoubles) {
  auto a = spec("a");
  a.restart = {.name = "always"};
  harness_->add(a);
  harness_->settle();
  exit("a", 0);
  EXPECT_EQ(phase("a"), Phase::restarting);
  EXPECT_EQ(harness_->get("a").status.backoff, Duration{100ms});
  harness_->advance(90ms, 10ms);
  EXPECT_EQ(phase("a"), Phase::restarting);
  harness_->advance(10ms, 10ms);
  EXPECT_EQ(phase("a"), Phase::running);
  exit("a", 0);
  EXPECT_EQ(harness_->get("a").status.backoff, Duration{200ms});
  harness_->advance(200ms);
  EXPECT_EQ(harness_->get("a").status.restarts, 2U);
  EXPECT_EQ(harness_->get("a").status.run, 3);
  world_.clock.advance(10s);
  exit("a", 0);
  EXPECT_EQ(harness_->get("a").status.backoff, Duration{100ms}) << "a run of 10 s starts the back-off anew";
}

TEST_F(ReconcilerTest, OnFailureStopsAfterItsRetries) {
  auto a = spec("a");
  a.restart = {.name = "on-failure", .max_retries = 2};
  harness_->add(a);
  harness_->settle();
  for (int i = 0; i < 2; ++i) {
    exit("a", 1);
    harness_->advance(1s);
    ASSERT_EQ(phase("a"), Phase::running) << i;
  }
  exit("a", 1);
  EXPECT_EQ(phase("a"), Phase::stopped);
  EXPECT_EQ(harness_->get("a").status.restarts, 2U);
}

TEST_F(ReconcilerTest, OomIsReportedAndThePolicyHonoured) {
  auto a = spec("a");
  a.restart = {.name = "on-failure"};
  harness_->add(a);
  harness_->settle();
  exit("a", 137, true);
  EXPECT_TRUE(harness_->get("a").status.oom_killed);
  EXPECT_EQ(harness_->get("a").status.reason, "OOMKilled");
  EXPECT_EQ(phase("a"), Phase::restarting);
  EXPECT_THAT(harness_->actions("a"), ElementsAre("create", "start", "oom", "die"));
}

TEST_F(ReconcilerTest, AUsersStopIsNotRestarted) {
  auto a = spec("a");
  a.restart = {.name = "always"};
  harness_->add(a);
  harness_->settle();
  harness_->change("a", [](auto& w) {
    ++w.intent.stops;
    w.intent.state = "stopped";
  });
  harness_->settle();
  harness_->advance(2s);
  EXPECT_EQ(phase("a"), Phase::stopped);
  crash();
  harness_->settle();
  EXPECT_EQ(phase("a"), Phase::stopped) << "a restart of the daemon changes nothing";
  crash("boot-2");
  harness_->settle();
  EXPECT_EQ(phase("a"), Phase::running) << "after a restart of the machine, always means always";
}

TEST_F(ReconcilerTest, UnlessStoppedStaysStoppedAfterARestartOfTheMachine) {
  auto a = spec("a");
  a.restart = {.name = "unless-stopped"};
  harness_->add(a);
  auto b = a;
  b.name = "b";
  harness_->add(b);
  harness_->settle();
  harness_->change("a", [](auto& w) {
    ++w.intent.stops;
    w.intent.state = "stopped";
  });
  harness_->settle();
  world_.machine.lose(WorkloadId(harness_->get("b").metadata.uid));
  crash("boot-2");
  harness_->settle();
  harness_->advance(1s);
  EXPECT_EQ(phase("a"), Phase::stopped);
  EXPECT_EQ(phase("b"), Phase::running);
  EXPECT_EQ(harness_->get("b").status.run, 2);
}

TEST_F(ReconcilerTest, WhatIsGoneWithoutATraceIsLost) {
  harness_->add(spec("a"));
  harness_->settle();
  world_.machine.lose(WorkloadId(harness_->get("a").metadata.uid));
  crash("boot-2");
  harness_->settle();
  EXPECT_EQ(phase("a"), Phase::stopped);
  EXPECT_EQ(harness_->get("a").status.reason, "Lost");
  EXPECT_EQ(harness_->get("a").status.exit_code, 255);
}

TEST_F(ReconcilerTest, AProgramThatIsNotThereFailsWith127) {
  harness_->add(spec("a", {{"fake/fail-create", "not_found"}}));
  harness_->add(spec("b", {{"fake/fail-start", "permission_denied"}}));
  harness_->settle();
  EXPECT_EQ(phase("a"), Phase::failed);
  EXPECT_EQ(harness_->get("a").status.exit_code, 127);
  EXPECT_EQ(phase("b"), Phase::failed);
  EXPECT_EQ(harness_->get("b").status.exit_code, 126);
  EXPECT_EQ(harness_->networks_.size(), 0U) << "a failed start keeps no address";
}

TEST_F(ReconcilerTest, WhatMayPassIsTriedAgainAndThenFails) {
  world_.machine.fail_next("create", {Code::unavailable, "busy"}, 2);
  harness_->add(spec("a"));
  harness_->settle();
  EXPECT_EQ(phase("a"), Phase::starting);
  harness_->advance(100ms, 10ms);
  EXPECT_EQ(phase("a"), Phase::running);
  world_.machine.fail_next("create", {Code::unavailable, "busy"}, 100);
  harness_->add(spec("b"));
  harness_->settle();
  harness_->advance(2s);
  EXPECT_EQ(phase("b"), Phase::failed);
  EXPECT_THAT(harness_->get("b").status.message, HasSubstr("busy"));
}

TEST_F(ReconcilerTest, APortThatIsTakenFailsTheStart) {
  auto a = spec("a");
  a.ports = {{.host_port = 8080, .port = 80}};
  harness_->add(a);
  harness_->settle();
  a.name = "b";
  harness_->add(a);
  harness_->settle();
  EXPECT_EQ(phase("a"), Phase::running);
  EXPECT_EQ(harness_->get("a").status.ports.size(), 1U);
  EXPECT_EQ(phase("b"), Phase::failed);
  EXPECT_THAT(harness_->get("b").status.message, HasSubstr("8080"));
}

TEST_F(ReconcilerTest, RemovalLeavesNothing) {
  auto a = spec("a");
  a.volumes = {{.target = "/anon"}, {.source = "named", .target = "/named"}};
  harness_->add(a);
  harness_->settle();
  EXPECT_EQ(harness_->volumes_.list().value().size(), 2U);
  const auto uid = harness_->get("a").metadata.uid;
  harness_->change("a", [&](auto& w) {
    w.metadata.deleting = world_.clock.now();
    w.intent.remove_volumes = true;
  });
  harness_->settle();  // killed
  harness_->settle();  // its end seen, as the watch would have told
  EXPECT_FALSE(harness_->exists("a"));
  EXPECT_THAT(harness_->sandbox_.list().value(), IsEmpty());
  EXPECT_THAT(world_.images.holders().value(), IsEmpty());
  EXPECT_EQ(harness_->networks_.size(), 0U);
  EXPECT_THAT(harness_->volumes_.list().value(), ElementsAre("named"));
  EXPECT_THAT(store::list_all(*world_.memory, kEndpoints).value().records, IsEmpty());
  EXPECT_FALSE(world_.memory->get(name_key("a")).value().has_value());
  EXPECT_THAT(harness_->actions("a"), ElementsAre("create", "start", "die", "destroy"));
}

TEST_F(ReconcilerTest, AutoRemoveGoesWithItsAnonymousVolumes) {
  auto a = spec("a");
  a.auto_remove = true;
  a.volumes = {{.target = "/anon"}};
  harness_->add(a);
  harness_->settle();
  exit("a", 0);
  EXPECT_FALSE(harness_->exists("a"));
  EXPECT_THAT(harness_->volumes_.list().value(), IsEmpty());
}

TEST_F(ReconcilerTest, ARebuildKeepsVolumesAndIdentity) {
  auto a = spec("a");
  a.volumes = {{.target = "/anon"}};
  harness_->add(a);
  harness_->settle();
  const auto before = harness_->get("a");
  world_.images.add("other");
  harness_->change("a", [](auto& w) {
    w.spec.image = "other";
    ++w.metadata.generation;
    ++w.intent.rebuilds;
    ++w.intent.starts;
  });
  harness_->settle();
  const auto after = harness_->get("a");
  EXPECT_EQ(after.status.phase, Phase::running);
  EXPECT_EQ(after.status.image_id, "id-other");
  EXPECT_EQ(after.metadata.uid, before.metadata.uid);
  EXPECT_EQ(after.status.mounts, before.status.mounts);
}

TEST_F(ReconcilerTest, JoinsAndLeavesNetworksWhileRunning) {
  ASSERT_OK(create_network(harness_->parts_, {.name = "n"}));
  harness_->add(spec("a"));
  harness_->settle();
  harness_->change("a", [](auto& w) { w.spec.networks = {{.name = "default"}, {.name = "n"}}; });
  harness_->settle();
  EXPECT_EQ(harness_->get("a").status.networks.size(), 2U);
  EXPECT_THAT(remove_network(harness_->parts_, "n"), fulcrum::testing::ErrorIs(Code::failed_precondition, "workload a"));
  harness_->change("a", [](auto& w) { w.spec.networks = {{.name = "default"}}; });
  harness_->settle();
  EXPECT_EQ(harness_->get("a").status.networks.size(), 1U);
  EXPECT_OK(remove_network(harness_->parts_, "n"));
}

TEST_F(ReconcilerTest, AStartGateHoldsTheProgramBack) {
  harness_->add(spec("a"));
  const auto key = workload_key(harness_->get("a").metadata.uid);
  {
    const StartGates::Hold gate(harness_->gates_, key);
    harness_->settle();
    EXPECT_EQ(phase("a"), Phase::starting);
    EXPECT_THAT(wait_any(StopSource::never(), Deadline::in(10s), {{gate.fd(), POLLIN}}), fulcrum::testing::IsOk());
  }
  harness_->settle();
  EXPECT_EQ(phase("a"), Phase::running);
}

TEST_F(ReconcilerTest, LimitsChangeWithoutARestart) {
  harness_->add(spec("a"));
  harness_->settle();
  harness_->change("a", [](auto& w) {
    w.spec.resources.memory = Size{64 << 20};
    ++w.metadata.generation;
  });
  harness_->settle();
  EXPECT_EQ(harness_->get("a").status.run, 1);
  EXPECT_EQ(harness_->get("a").status.observed_generation, 2);
  EXPECT_THAT(harness_->actions("a"), Contains("update"));
}

TEST_F(ReconcilerTest, OrphansAreCollected) {
  harness_->add(spec("a"));
  harness_->settle();
  const auto uid = harness_->get("a").metadata.uid;
  ASSERT_OK(world_.memory->remove(workload_key(uid), store::kAnyRevision));  // as if the record had been lost
  crash();
  EXPECT_THAT(harness_->sandbox_.list().value(), IsEmpty());
  EXPECT_THAT(world_.images.holders().value(), IsEmpty());
  EXPECT_THAT(store::list_all(*world_.memory, kEndpoints).value().records, IsEmpty());
}

}  // namespace
}  // namespace fulcrum::control
