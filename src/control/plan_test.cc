#include "control/plan.h"

#include "base/testing.h"

namespace fulcrum::control {
namespace {

using api::Phase;
using sandbox::State;
using namespace std::chrono_literals;

const Time kNow{std::chrono::seconds(1'000'000)};

struct Case {
  const char* what;
  Phase phase;
  State state;
  std::function<void(api::Workload&)> with;
  std::optional<StepKind> want;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.what; }

api::Workload base(Phase phase) {
  api::Workload w{.metadata = {.uid = "u", .generation = 1}, .spec = {.name = "w", .network = "none"}};
  w.status.phase = phase;
  w.status.run = 1;
  w.status.observed_generation = 1;
  w.intent = {.state = "running", .starts = 1};
  w.status.starts = 1;
  return w;
}

class PlanTable : public ::testing::TestWithParam<Case> {};

TEST_P(PlanTable, Step) {
  const auto& c = GetParam();
  auto w = base(c.phase);
  if (c.with) c.with(w);
  const auto step = plan(w, {.state = c.state, .run = 1}, kNow);
  EXPECT_EQ(step ? std::optional(step->kind) : std::nullopt, c.want) << c.what << ": " << (step ? to_string(step->kind) : "nothing");
}

constexpr auto start = [](api::Workload& w) { ++w.intent.starts; };
constexpr auto stop = [](api::Workload& w) {
  ++w.intent.stops;
  w.intent.state = "stopped";
};
constexpr auto remove_ = [](api::Workload& w) { w.metadata.deleting = kNow; };
constexpr auto rebuild = [](api::Workload& w) { ++w.intent.rebuilds; };
constexpr auto pause_ = [](api::Workload& w) { w.intent.state = "paused"; };

INSTANTIATE_TEST_SUITE_P(
    All, PlanTable,
    ::testing::Values(
        Case{"a new one is prepared", Phase::pending, State::absent, {}, StepKind::prepare},
        Case{"preparing goes on after a crash", Phase::creating, State::absent, {}, StepKind::prepare},
        Case{"created and nothing asked", Phase::created, State::absent, {}, std::nullopt},
        Case{"created and started", Phase::created, State::absent, start, StepKind::begin},
        Case{"a start that was taken back", Phase::created, State::absent,
             [](auto& w) {
               start(w);
               stop(w);
               w.status.stops = w.intent.stops;
             },
             StepKind::acknowledge},
        Case{"stopping what does not run", Phase::stopped, State::stopped, stop, StepKind::acknowledge},
        Case{"stopped starts again", Phase::stopped, State::stopped, start, StepKind::begin},
        Case{"failed starts again", Phase::failed, State::absent, start, StepKind::begin},
        Case{"stopped gives its addresses back", Phase::stopped, State::stopped, [](auto& w) { w.status.networks.resize(1); },
             StepKind::release_network},
        Case{"auto-remove", Phase::stopped, State::stopped, [](auto& w) { w.spec.auto_remove = true; }, StepKind::expire},
        Case{"auto-remove waits for the first run", Phase::created, State::absent, [](auto& w) { w.spec.auto_remove = true; },
             std::nullopt},
        Case{"stopped is rebuilt", Phase::stopped, State::stopped, rebuild, StepKind::rebuild},
        Case{"starting, nothing there", Phase::starting, State::absent, {}, StepKind::create},
        Case{"starting, an older run there", Phase::starting, State::stopped, [](auto& w) { w.status.run = 2; }, StepKind::create},
        Case{"starting, made", Phase::starting, State::created, {}, StepKind::start},
        Case{"starting, runs already", Phase::starting, State::running, {}, StepKind::record_started},
        Case{"starting, ended already", Phase::starting, State::stopped, {}, StepKind::record_exit},
        Case{"starting, not wanted any more", Phase::starting, State::created, stop, StepKind::abandon},
        Case{"running", Phase::running, State::running, {}, std::nullopt},
        Case{"running, ended", Phase::running, State::stopped, {}, StepKind::record_exit},
        Case{"running, gone", Phase::running, State::absent, {}, StepKind::record_lost},
        Case{"running, an older run there", Phase::running, State::running, [](auto& w) { w.status.run = 2; }, StepKind::record_lost},
        Case{"running, stop", Phase::running, State::running, stop, StepKind::stop},
        Case{"stopping, in time", Phase::stopping, State::running,
             [](auto& w) {
               stop(w);
               w.status.kill_at = kNow + 1s;
             },
             StepKind::wait},
        Case{"stopping, too late", Phase::stopping, State::running,
             [](auto& w) {
               stop(w);
               w.status.kill_at = kNow;
             },
             StepKind::kill},
        Case{"stopping, ended", Phase::stopping, State::stopped, stop, StepKind::record_exit},
        Case{"running, pause", Phase::running, State::running, pause_, StepKind::pause},
        Case{"paused", Phase::paused, State::paused, pause_, std::nullopt},
        Case{"paused, crash before it was written", Phase::running, State::paused, pause_, StepKind::record_paused},
        Case{"paused, resume", Phase::paused, State::paused, {}, StepKind::resume},
        Case{"resumed, crash before it was written", Phase::paused, State::running, {}, StepKind::record_resumed},
        Case{"paused, stop: thawed first", Phase::paused, State::paused, stop, StepKind::resume},
        Case{"running, removed by force", Phase::running, State::running, remove_, StepKind::kill},
        Case{"killed, removed", Phase::running, State::stopped, remove_, StepKind::record_exit},
        Case{"stopped, removed", Phase::stopped, State::stopped, remove_, StepKind::remove},
        Case{"created, removed", Phase::created, State::absent, remove_, StepKind::remove},
        Case{"starting, removed", Phase::starting, State::created, remove_, StepKind::remove},
        Case{"started just before, removed", Phase::starting, State::running, remove_, StepKind::record_started},
        Case{"removing goes on", Phase::removing, State::absent, remove_, StepKind::remove},
        Case{"back-off goes on", Phase::restarting, State::stopped, [](auto& w) { w.status.restart_at = kNow + 1s; }, StepKind::wait},
        Case{"back-off is over", Phase::restarting, State::stopped, [](auto& w) { w.status.restart_at = kNow; }, StepKind::begin},
        Case{"stopped during the back-off", Phase::restarting, State::stopped, stop, StepKind::cancel_restart},
        Case{"started during the back-off", Phase::restarting, State::stopped, start, StepKind::begin},
        Case{"limits changed", Phase::running, State::running, [](auto& w) { ++w.metadata.generation; }, StepKind::update_limits},
        Case{"joined a network", Phase::running, State::running, [](auto& w) { w.spec.network = "n"; }, StepKind::sync_networks},
        Case{"rebuild of what runs", Phase::running, State::running, rebuild, StepKind::stop}));

TEST(Plan, ARestartStopsFirstThenStarts) {
  auto w = base(Phase::running);
  ++w.intent.stops;
  ++w.intent.starts;
  EXPECT_EQ(plan(w, {.state = State::running, .run = 1}, kNow)->kind, StepKind::stop);
  w.status.phase = Phase::stopped;
  w.status.stops = w.intent.stops;
  EXPECT_EQ(plan(w, {.state = State::stopped, .run = 1}, kNow)->kind, StepKind::begin);
}

TEST(WantedNetworks, NamesTheDefaultWhenNothingIsSaid) {
  using ::testing::ElementsAre;
  EXPECT_THAT(wanted_networks({}), ElementsAre("default"));
  EXPECT_THAT(wanted_networks({.network = "none"}), ElementsAre());
  EXPECT_THAT(wanted_networks({.network = "container:x"}), ElementsAre());
  EXPECT_THAT(wanted_networks({.networks = {{.name = "a"}, {.name = "b"}}}), ElementsAre("a", "b"));
  EXPECT_THAT(wanted_networks({.network = "a", .networks = {{.name = "a"}}}), ElementsAre("a"));
}

TEST(RestartDelay, FollowsThePolicy) {
  const auto delay = [](const char* name, std::uint32_t most, int code, std::uint32_t restarts) {
    return restart_delay({.name = name, .max_retries = most}, code, restarts, std::nullopt, 0s).has_value();
  };
  EXPECT_FALSE(delay("no", 0, 1, 0));
  EXPECT_TRUE(delay("always", 0, 0, 100));
  EXPECT_TRUE(delay("unless-stopped", 0, 0, 0));
  EXPECT_FALSE(delay("on-failure", 0, 0, 0));
  EXPECT_TRUE(delay("on-failure", 3, 1, 2));
  EXPECT_FALSE(delay("on-failure", 3, 1, 3));
}

TEST(RestartDelay, DoublesTo60SecondsAndStartsAnewAfterALongRun) {
  const api::RestartPolicy always{.name = "always"};
  EXPECT_EQ(restart_delay(always, 1, 0, std::nullopt, 0s), 100ms);
  EXPECT_EQ(restart_delay(always, 1, 1, 100ms, 1s), 200ms);
  EXPECT_EQ(restart_delay(always, 1, 9, 51'200ms, 9s), 60s);
  EXPECT_EQ(restart_delay(always, 1, 9, 60s, 1s), 60s);
  EXPECT_EQ(restart_delay(always, 1, 9, 60s, 10s), 100ms);
}

}  // namespace
}  // namespace fulcrum::control
