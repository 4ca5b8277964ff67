#include "base/process.h"

#include <signal.h>

#include "base/sys.h"
#include "base/testing.h"

namespace fulcrum {
namespace {
using namespace std::chrono_literals;
using testing::ErrorIs;
using testing::IsOkAndHolds;

TEST(Process, ReportsCodeAndSignal) {
  auto a = Process::spawn({.argv = {"sh", "-c", "exit 7"}}).value();
  EXPECT_THAT(a.wait(StopSource::never(), Deadline::in(10s)), IsOkAndHolds(ExitStatus{.code = 7}));
  auto b = Process::spawn({.argv = {"sleep", "100"}}).value();
  ASSERT_OK(b.signal(SIGTERM));
  EXPECT_THAT(b.wait(StopSource::never(), Deadline::in(10s)), IsOkAndHolds(ExitStatus{.signal = SIGTERM}));
}
TEST(Process, MissingProgramIsNotFound) { EXPECT_THAT(Process::spawn({.argv = {"no-such-program-at-all"}}), ErrorIs(Code::not_found)); }
TEST(Process, TheProgramNeedNotBeTheFirstWord) {
  auto output = run({.argv = {"a-name", "-c", "echo $0"}, .program = "/bin/sh"}, "", StopSource::never(), Deadline::in(10s)).value();
  EXPECT_EQ(output.out, "a-name\n");
}
TEST(Process, SwappedDescriptorsDoNotClobberEachOther) {
  auto x = sys::pipe().value(), y = sys::pipe().value();
  // 3 and 4 in the child are our y and x, whatever numbers those have here.
  auto p = Process::spawn({.argv = {"sh", "-c", "echo three >&3; echo four >&4"}, .fds = {{3, y.write.get()}, {4, x.write.get()}}}).value();
  ASSERT_OK(p.wait(StopSource::never(), Deadline::in(10s)));
  x.write.reset();
  y.write.reset();
  EXPECT_EQ(sys::read_all(y.read.get(), 100).value(), "three\n");
  EXPECT_EQ(sys::read_all(x.read.get(), 100).value(), "four\n");
}
TEST(Process, DroppingKillsAndReaps) {
  pid_t pid;
  {
    auto p = Process::spawn({.argv = {"sleep", "100"}}).value();
    pid = p.pid();
  }
  EXPECT_EQ(::kill(pid, 0), -1);
}
TEST(Run, FeedsInputAndKeepsBothOutputs) {
  const std::string big(300'000, 'x');
  auto out = run({.argv = {"sh", "-c", "cat; echo bad >&2; exit 3"}}, big, StopSource::never(), Deadline::in(10s)).value();
  EXPECT_EQ(out.out, big);
  EXPECT_EQ(out.err, "bad\n");
  EXPECT_EQ(out.status.code, 3);
}
TEST(Run, InputThatNobodyReadsIsNoSignal) {
  const std::string big(300'000, 'x');  // more than a pipe holds: written when the reader is gone
  auto out = run({.argv = {"sh", "-c", "exec <&-; echo closed"}}, big, StopSource::never(), Deadline::in(10s)).value();
  EXPECT_EQ(out.out, "closed\n");
  EXPECT_TRUE(out.status.ok());
}
TEST(Run, DropsOutputPastTheLimit) {
  auto out = run({.argv = {"sh", "-c", "yes | head -c 100000"}}, "", StopSource::never(), Deadline::in(10s), 10).value();
  EXPECT_EQ(out.out.size(), 10u);
}
TEST(Run, DeadlineKillsTheProgram) {
  EXPECT_THAT(run({.argv = {"sleep", "100"}}, "", StopSource::never(), Deadline::in(20ms)), ErrorIs(Code::deadline_exceeded));
}
}  // namespace
}  // namespace fulcrum
