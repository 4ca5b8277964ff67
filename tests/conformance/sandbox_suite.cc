// What every Sandbox does, in the words of sandbox/sandbox.h.
#include <sys/socket.h>

#include <csignal>

#include "sandbox_fixture.h"

namespace fulcrum::sandbox {
namespace {

using fulcrum::testing::ErrorIs;
using fulcrum::testing::IsOk;

template <class Fixture>
class SandboxSuite : public ::testing::Test, public Fixture {
 protected:
  void SetUp() override {
    if (const char* reason = Fixture::skip_reason()) GTEST_SKIP() << reason;
  }
  WorkloadId begin(const std::string& id, const Behaviour& behaviour) {
    EXPECT_OK(this->sandbox().create(this->plan(id, behaviour), StopSource::never()));
    EXPECT_OK(this->sandbox().start(WorkloadId(id)));
    return WorkloadId(id);
  }
};

using Kinds = ::testing::Types<FakeFixture, NamespaceFixture>;
struct KindNames {
  template <class T>
  static std::string GetName(int) {
    return T::kReal ? "namespace" : "fake";
  }
};
TYPED_TEST_SUITE(SandboxSuite, Kinds, KindNames);

TYPED_TEST(SandboxSuite, WhatWasNeverCreatedIsAbsent) {
  const WorkloadId id("nobody");
  const auto seen = this->sandbox().observe(id);
  ASSERT_OK(seen);
  EXPECT_EQ(seen->state, State::absent);
  EXPECT_THAT(this->sandbox().watch(id), ErrorIs(Code::not_found));
  EXPECT_THAT(this->sandbox().start(id), ErrorIs(Code::failed_precondition));
  EXPECT_OK(this->sandbox().remove(id, false));
}

TYPED_TEST(SandboxSuite, RunsAndTellsItsExitCode) {
  const WorkloadId id("w1");
  ASSERT_OK(this->sandbox().create(this->plan("w1", {.exit_code = 7}), StopSource::never()));
  auto seen = this->sandbox().observe(id);
  ASSERT_OK(seen);
  EXPECT_EQ(seen->state, State::created);
  EXPECT_EQ(seen->run, 1);
  ASSERT_OK(this->sandbox().start(id));
  const auto end = wait_stopped(this->sandbox(), id);
  ASSERT_TRUE(end.exit.has_value());
  EXPECT_EQ(end.exit->code, 7);
  EXPECT_EQ(end.exit->signal, 0);
  EXPECT_EQ(end.exit->run, 1);
  EXPECT_FALSE(end.exit->oom_killed);
  ASSERT_TRUE(end.started.has_value());
  EXPECT_GE(end.exit->finished, *end.started);
  EXPECT_OK(this->sandbox().start(id)) << "starting what has run is success";
}

TYPED_TEST(SandboxSuite, CreateIsIdempotentForOneRun) {
  const auto plan = this->plan("w1", {.forever = true});
  ASSERT_OK(this->sandbox().create(plan, StopSource::never()));
  const auto first = this->sandbox().observe(plan.id);
  ASSERT_OK(this->sandbox().create(plan, StopSource::never()));
  EXPECT_EQ(this->sandbox().observe(plan.id)->pid, first->pid);
  ASSERT_OK(this->sandbox().start(plan.id));
  ASSERT_OK(this->sandbox().start(plan.id));
  ASSERT_OK(this->sandbox().create(plan, StopSource::never()));
  EXPECT_EQ(this->sandbox().observe(plan.id)->state, State::running);
  auto next = plan;
  next.run = 2;
  EXPECT_THAT(this->sandbox().create(next, StopSource::never()), ErrorIs(Code::failed_precondition));
}

TYPED_TEST(SandboxSuite, ASecondRunFollowsTheFirst) {
  auto plan = this->plan("w1", {.exit_code = 3});
  ASSERT_OK(this->sandbox().create(plan, StopSource::never()));
  ASSERT_OK(this->sandbox().start(plan.id));
  EXPECT_EQ(wait_stopped(this->sandbox(), plan.id).exit->code, 3);
  ASSERT_OK(this->sandbox().create(plan, StopSource::never())) << "the same run is not made again";
  EXPECT_EQ(this->sandbox().observe(plan.id)->state, State::stopped);
  plan.run = 2;
  ASSERT_OK(this->sandbox().create(plan, StopSource::never()));
  EXPECT_EQ(this->sandbox().observe(plan.id)->state, State::created);
  ASSERT_OK(this->sandbox().start(plan.id));
  const auto end = wait_stopped(this->sandbox(), plan.id);
  EXPECT_EQ(end.run, 2);
  EXPECT_EQ(end.exit->run, 2);
}

TYPED_TEST(SandboxSuite, SignalsEndOrAreIgnored) {
  const auto id = this->begin("w1", {.output = "up\n", .forever = true, .ignore_term = true});
  while (log_text(this->sandbox(), id) != "up\n") {  // the trap is set by now
    ASSERT_TRUE(wait_until(StopSource::never(), Deadline::in(std::chrono::milliseconds(5))));
  }
  ASSERT_OK(this->sandbox().signal(id, SIGTERM, false));
  EXPECT_EQ(this->sandbox().observe(id)->state, State::running);
  ASSERT_OK(this->sandbox().signal(id, SIGKILL, false));
  const auto end = wait_stopped(this->sandbox(), id);
  EXPECT_EQ(end.exit->code, 137);
  EXPECT_EQ(end.exit->signal, SIGKILL);
  EXPECT_THAT(this->sandbox().signal(id, SIGTERM, false), ErrorIs(Code::failed_precondition));
}

TYPED_TEST(SandboxSuite, AttachBeforeStartSeesAllOutputAndTheExit) {
  const auto plan = this->plan("w1", {.output = "first\nlast", .exit_code = 5});
  ASSERT_OK(this->sandbox().create(plan, StopSource::never()));
  auto client = make_client();
  ASSERT_OK(this->sandbox().attach(plan.id, std::move(client.theirs), {}));
  ASSERT_OK(this->sandbox().start(plan.id));
  const auto received = receive_frames(client.ours.get());
  EXPECT_EQ(received.out, "first\nlast");
  EXPECT_EQ(received.err, "");
  EXPECT_EQ(received.exit, R"({"exitCode":5,"signal":0,"oomKilled":false})");
  wait_stopped(this->sandbox(), plan.id);
  EXPECT_EQ(log_text(this->sandbox(), plan.id), "first\nlast") << "an unfinished last line is kept byte for byte";
}

TYPED_TEST(SandboxSuite, RawClientsGetBytesOnly) {
  const auto plan = this->plan("w1", {.output = "hello\n"});
  ASSERT_OK(this->sandbox().create(plan, StopSource::never()));
  auto client = make_client();
  ASSERT_OK(
      this->sandbox().attach(plan.id, std::move(client.theirs), {.framed_input = false, .framed_output = false, .exit_frame = false}));
  ASSERT_OK(this->sandbox().start(plan.id));
  EXPECT_EQ(receive_raw(client.ours.get()), "hello\n");
}

TYPED_TEST(SandboxSuite, ExecTellsItsExitCode) {
  const auto id = this->begin("w1", {.forever = true});
  auto client = make_client();
  const auto begun = this->sandbox().exec(id, "e1", this->exec_spec(4, "x"), std::move(client.theirs), {});
  ASSERT_OK(begun);
  EXPECT_EQ(receive_frames(client.ours.get()).exit, R"({"exitCode":4,"signal":0,"oomKilled":false})");
  const auto state = this->sandbox().exec_state(id, "e1");
  ASSERT_OK(state);
  EXPECT_FALSE(state->running);
  EXPECT_EQ(state->exit_code, 4);
  EXPECT_THAT(this->sandbox().exec_state(id, "e2"), ErrorIs(Code::not_found));
  this->reopen();
  EXPECT_EQ(this->sandbox().exec_state(id, "e1")->exit_code, 4);
  EXPECT_THAT(this->sandbox().exec(id, "e1", this->exec_spec(0, ""), UniqueFd(), {}), ErrorIs(Code::already_exists));
}

TYPED_TEST(SandboxSuite, PauseStopsAndResumeContinues) {
  const auto id = this->begin("w1", {.forever = true});
  ASSERT_OK(this->sandbox().pause(id));
  EXPECT_EQ(this->sandbox().observe(id)->state, State::paused);
  EXPECT_THAT(this->sandbox().signal(id, SIGTERM, false), ErrorIs(Code::failed_precondition));
  EXPECT_THAT(this->sandbox().exec(id, "e1", this->exec_spec(0, ""), UniqueFd(), {}), ErrorIs(Code::failed_precondition));
  ASSERT_OK(this->sandbox().resume(id));
  EXPECT_EQ(this->sandbox().observe(id)->state, State::running);
  ASSERT_OK(this->sandbox().pause(id));
  ASSERT_OK(this->sandbox().signal(id, SIGKILL, false)) << "what is paused can be killed";
  EXPECT_EQ(wait_stopped(this->sandbox(), id).exit->code, 137);
}

TYPED_TEST(SandboxSuite, LimitsAreChangedWhileItRuns) {
  const auto id = this->begin("w1", {.forever = true});
  api::Resources limits;
  limits.memory = Size{64 << 20};
  limits.memory_swap = "-1";
  ASSERT_OK(this->sandbox().update(id, limits));
  const auto usage = this->sandbox().usage(id);
  ASSERT_OK(usage);
  EXPECT_EQ(usage->memory_limit, 64U << 20);
  EXPECT_GE(usage->pids, 1U);
  const auto pids = this->sandbox().processes(id);
  ASSERT_OK(pids);
  EXPECT_THAT(*pids, ::testing::Contains(this->sandbox().observe(id)->pid));
}

TYPED_TEST(SandboxSuite, ANewObjectFindsEverythingAgain) {
  const auto id = this->begin("w1", {.output = "up\n", .forever = true});
  const auto before = this->sandbox().observe(id);
  this->reopen();
  const auto after = this->sandbox().observe(id);
  ASSERT_OK(after);
  EXPECT_EQ(after->state, State::running);
  EXPECT_EQ(after->pid, before->pid);
  EXPECT_EQ(after->started, before->started);
  EXPECT_THAT(*this->sandbox().list(), ::testing::ElementsAre(id));
  ASSERT_OK(this->sandbox().signal(id, SIGKILL, false));
  EXPECT_EQ(wait_stopped(this->sandbox(), id).exit->signal, SIGKILL);
  this->reopen();
  EXPECT_EQ(this->sandbox().observe(id)->exit->signal, SIGKILL);
}

TYPED_TEST(SandboxSuite, RemoveEndsWhatRunsAndLeavesNothing) {
  for (const char* name : {"w1", "w2", "w3"}) this->begin(name, {.output = "x\n", .forever = true});
  ASSERT_OK(this->sandbox().create(this->plan("w4", {}), StopSource::never())) << "created, never started";
  ASSERT_OK(this->sandbox().pause(WorkloadId("w2")));
  for (const char* name : {"w1", "w2", "w3", "w4"}) {
    ASSERT_OK(this->sandbox().remove(WorkloadId(name), false));
    ASSERT_OK(this->sandbox().remove(WorkloadId(name), false)) << "again";
    EXPECT_EQ(this->sandbox().observe(WorkloadId(name))->state, State::absent);
  }
  EXPECT_THAT(*this->sandbox().list(), ::testing::IsEmpty());
  EXPECT_THAT(this->leaks(), ::testing::IsEmpty());
}

TYPED_TEST(SandboxSuite, RemoveCanKeepFilesAndLogs) {
  const auto plan = this->plan("w1", {.output = "kept\n"});
  ASSERT_OK(this->sandbox().create(plan, StopSource::never()));
  ASSERT_OK(this->sandbox().start(plan.id));
  wait_stopped(this->sandbox(), plan.id);
  ASSERT_OK(this->sandbox().remove(plan.id, true));
  EXPECT_EQ(this->sandbox().observe(plan.id)->state, State::absent);
  EXPECT_EQ(log_text(this->sandbox(), plan.id), "kept\n");
  EXPECT_TRUE(sys::exists(*this->sandbox().upper(plan.id)));
}

}  // namespace
}  // namespace fulcrum::sandbox
