#include "base/sys.h"
#include "control/exec_reconciler.h"
#include "control/execs.h"
#include "control/testing.h"

namespace fulcrum::control {
namespace {

using namespace control::testing;
using fulcrum::testing::ErrorIs;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const api::ExecSpec kShell{.command = {{"sh", "-c", "exit 3"}}};

class ExecsTest : public ::testing::Test {
 protected:
  api::Workload workload(const std::string& uid) {
    api::Workload w;
    w.metadata.uid = uid;
    w.spec.name = uid;
    return w;
  }
  fulcrum::testing::TemporaryDirectory dir_;
};

TEST_F(ExecsTest, ARestartedDaemonKnowsThemAll) {
  std::string waits, runs, ended;
  {
    Execs execs(dir_ / "execs");
    waits = execs.create(workload("a"), kShell).value().id;
    runs = execs.create(workload("a"), kShell).value().id;
    ended = execs.create(workload("b"), kShell).value().id;
    ASSERT_OK(execs.claim(runs));
    ASSERT_OK(execs.set_running(runs, 77));
    ASSERT_OK(execs.claim(ended));
    EXPECT_EQ(execs.set_ended(ended, 3), true);
  }
  const Execs again(dir_ / "execs");
  EXPECT_EQ(again.find(waits).value().started, false);
  EXPECT_EQ(again.find(waits).value().spec, kShell);
  EXPECT_EQ(again.find(runs).value().pid, 77);
  EXPECT_EQ(again.find(ended).value().exit_code, 3);
  EXPECT_EQ(again.open("").size(), 2U);
  EXPECT_THAT(again.open("b"), IsEmpty());
}

TEST_F(ExecsTest, AreStartedOnce) {
  Execs execs(dir_ / "execs");
  const auto id = execs.create(workload("a"), kShell).value().id;
  ASSERT_OK(execs.claim(id));
  EXPECT_THAT(execs.claim(id), ErrorIs(Code::failed_precondition, "exec command " + id + " is already running"));
  EXPECT_EQ(execs.set_ended(id, 0), true);
  EXPECT_EQ(execs.set_ended(id, 1), false) << "known already";
  EXPECT_THAT(execs.claim(id), ErrorIs(Code::failed_precondition, "exec command " + id + " has already run"));
  EXPECT_THAT(execs.claim("nosuch"), ErrorIs(Code::not_found));
}

TEST_F(ExecsTest, TheOldestEndedOnesAreForgotten) {
  Execs execs(dir_ / "execs");
  std::string first, last;
  for (std::size_t i = 0; i <= Execs::kMostEnded + 1; ++i) {
    last = execs.create(workload("a"), kShell).value().id;
    if (first.empty()) first = last;
    EXPECT_EQ(execs.set_ended(last, 0), true);
  }
  EXPECT_THAT(execs.find(first), ErrorIs(Code::not_found));
  EXPECT_OK(execs.find(last));
  EXPECT_LE(sys::list_directory(dir_ / "execs/a").value().size(), Execs::kMostEnded + 1);
  execs.forget("a");
  EXPECT_THAT(execs.find(last), ErrorIs(Code::not_found));
  EXPECT_FALSE(sys::exists(dir_ / "execs/a"));
}

TEST_F(ExecsTest, TooManyAtATimeAreRefused) {
  Execs execs(dir_ / "execs");
  for (std::size_t i = 0; i < Execs::kMostOpen; ++i) ASSERT_OK(execs.create(workload("a"), kShell));
  EXPECT_THAT(execs.create(workload("a"), kShell), ErrorIs(Code::resource_exhausted));
  EXPECT_OK(execs.create(workload("b"), kShell));
}

class ExecReconcilerTest : public ::testing::Test {
 protected:
  ExecReconcilerTest() {
    world_.images.add("box");
    harness_.add(spec("a", {{"fake/exec-run-for", "forever"}}));
    harness_.settle();
  }
  api::Workload workload() { return harness_.get("a"); }
  WorkloadId id() { return WorkloadId(workload().metadata.uid); }
  std::string start() {
    const auto exec = harness_.execs_.create(workload(), kShell).value();
    EXPECT_OK(harness_.execs_.claim(exec.id));
    const auto state = harness_.sandbox_.exec(id(), exec.id, exec.spec, UniqueFd(), {});
    EXPECT_OK(state);
    EXPECT_OK(harness_.execs_.set_running(exec.id, state->pid));
    return exec.id;
  }
  World world_;
  Harness harness_{world_};
  SandboxWatch watch_{harness_.sandbox_};
  ExecReconciler reconciler_{harness_.parts_, watch_};
};

TEST_F(ExecReconcilerTest, TheEndIsSeenAndRecordedOnce) {
  const auto exec = start();
  EXPECT_OK(reconciler_.reconcile(exec_key(exec)));
  EXPECT_THAT(watch_.drain(), IsEmpty());
  EXPECT_EQ(observe_exec(harness_.parts_, harness_.execs_.find(exec).value()).value().exit_code, std::nullopt);
  ASSERT_OK(harness_.sandbox_.exec_signal(id(), exec, 15));
  EXPECT_EQ(observe_exec(harness_.parts_, harness_.execs_.find(exec).value()).value().exit_code, 143) << "before anybody recorded it";
  EXPECT_THAT(watch_.drain(), ElementsAre(exec_key(exec)));
  for (int i = 0; i < 2; ++i) EXPECT_OK(reconciler_.reconcile(exec_key(exec)));
  EXPECT_EQ(harness_.execs_.find(exec).value().exit_code, 143);
  EXPECT_THAT(harness_.actions("a"), ElementsAre("create", "start", "exec_die"));
}

TEST_F(ExecReconcilerTest, WhatTheSandboxForgotHasEnded) {
  const auto exec = start();
  world_.machine.lose(id());
  harness_.settle();
  EXPECT_OK(reconciler_.reconcile(exec_key(exec)));
  EXPECT_EQ(harness_.execs_.find(exec).value().exit_code, 137);
}

}  // namespace
}  // namespace fulcrum::control
