// kill -9 between any two lines that matter: every store commit and every call of the sandbox fails once, before or after it was carried
// out, and the daemon is gone right then. The next one must bring the workload to the same end, with one run for each run that was asked
// for.
#include "control/testing.h"

namespace fulcrum::control {
namespace {

using namespace std::chrono_literals;
using namespace control::testing;

/// What a user does in the tale: create, start, stop, start again, remove.
struct Tale {
  World world;
  std::unique_ptr<Harness> harness;
  std::size_t crashes = 0;

  Tale() { world.images.add("box"); }

  void live(std::vector<store::Fault> faults) {
    harness.reset();
    harness = std::make_unique<Harness>(world, std::move(faults));
  }
  void crash() {
    ++crashes;
    live({});
  }
  /// Reconciles until nothing is left to do; any error is a crash.
  void run() {
    for (int i = 0; i < 200; ++i) {
      const auto found = harness->objects_.find("a");
      if (!found) {
        if (found.error().code == Code::not_found) return;
        crash();
        continue;
      }
      const auto outcome = harness->workloads_.reconcile(workload_key(found->metadata.uid));
      if (!outcome) {
        crash();
        continue;
      }
      if (!outcome->requeue_after) return;
      world.clock.advance(*outcome->requeue_after);
    }
    ADD_FAILURE() << "never comes to an end";
  }
  void ask(const std::function<void(api::Workload&)>& change) {
    for (int i = 0; i < 3; ++i) {  // a client asks again when the daemon died under it
      const auto uid = harness->objects_.find("a");
      if (uid && harness->objects_
                     .edit(uid->metadata.uid,
                           [&](Edit& edit) -> Result<bool> {
                             const auto before = edit.workload;
                             change(edit.workload);
                             return !(edit.workload == before);
                           })
                     .has_value())
        return;
      crash();
    }
  }
};

void tell(Tale& tale, std::size_t starts_wanted = 2) {
  auto declared = spec("a");
  declared.volumes = {{.target = "/anon"}};
  tale.harness->add(declared);
  tale.run();
  EXPECT_EQ(tale.harness->get("a").status.phase, Phase::running);
  EXPECT_EQ(tale.harness->get("a").status.run, 1);
  tale.ask([](auto& w) {
    w.intent.state = "stopped";
    w.intent.stops = 1;
  });
  tale.run();
  EXPECT_EQ(tale.harness->get("a").status.phase, Phase::stopped);
  tale.ask([](auto& w) {
    w.intent.state = "running";
    w.intent.starts = 2;
  });
  tale.run();
  EXPECT_EQ(tale.harness->get("a").status.phase, Phase::running);
  EXPECT_EQ(tale.harness->get("a").status.run, 2);
  tale.ask([&](auto& w) {
    w.metadata.deleting = Time{std::chrono::seconds(1)};
    w.intent.remove_volumes = true;
  });
  tale.run();
  EXPECT_FALSE(tale.harness->exists("a"));
  tale.crash();  // whatever was left to the collector
  EXPECT_TRUE(tale.harness->sandbox_.list().value().empty());
  EXPECT_TRUE(tale.world.images.holders().value().empty());
  EXPECT_TRUE(tale.harness->volumes_.list().value().empty());
  EXPECT_TRUE(store::list_all(*tale.world.memory, kEndpoints).value().records.empty());
  EXPECT_TRUE(store::list_all(*tale.world.memory, kVolumes).value().records.empty());
  std::size_t starts = 0;
  for (const auto& call : tale.world.machine.calls()) starts += call.starts_with("start ");
  EXPECT_EQ(starts, starts_wanted) << "a run was run twice, or not at all";
}

TEST(Crash, WithoutOneTheTaleIsTold) {
  Tale tale;
  tale.live({});
  tell(tale);
}

class CrashInStore : public ::testing::TestWithParam<std::tuple<std::size_t, bool>> {};

TEST_P(CrashInStore, AtTheNthCommit) {
  const auto [nth, after] = GetParam();
  Tale tale;
  // The first commits are the boot record and the creation itself.
  tale.live({{.op = "commit", .nth = nth + 2, .error = Code::unavailable, .after = after}});
  tell(tale);
  EXPECT_GE(tale.crashes, 1U);
}
INSTANTIATE_TEST_SUITE_P(Commits, CrashInStore, ::testing::Combine(::testing::Range<std::size_t>(1, 9), ::testing::Bool()));

class CrashInSandbox : public ::testing::TestWithParam<const char*> {};

TEST_P(CrashInSandbox, AtACall) {
  Tale tale;
  tale.live({});
  tale.world.machine.fail_next(GetParam(), {Code::unavailable, "the daemon died"});
  tell(tale, std::string_view(GetParam()) == "start" ? 3 : 2);  // the machine counts the one that failed
}
INSTANTIATE_TEST_SUITE_P(Calls, CrashInSandbox, ::testing::Values("create", "start", "signal", "remove", "network_namespace"));

}  // namespace
}  // namespace fulcrum::control
