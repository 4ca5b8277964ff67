#include "base/wait.h"

#include <thread>

#include "base/sys.h"
#include "base/testing.h"

namespace fulcrum {
namespace {
using namespace std::chrono_literals;
using testing::ErrorIs;
using testing::IsOkAndHolds;

TEST(Wait, ReturnsTheLowestReadyIndex) {
  auto a = sys::pipe().value(), b = sys::pipe().value();
  ASSERT_OK(sys::write_all(b.write.get(), "x"));
  EXPECT_THAT(wait_any(StopSource::never(), Deadline::in(10s), {{a.read.get(), POLLIN}, {b.read.get(), POLLIN}}), IsOkAndHolds(1u));
}
TEST(Wait, PassedDeadlineStillReportsWhatIsReady) {
  auto a = sys::pipe().value();
  EXPECT_THAT(wait_any(StopSource::never(), Deadline::in(0s), {{a.read.get(), POLLIN}}), ErrorIs(Code::deadline_exceeded));
  ASSERT_OK(sys::write_all(a.write.get(), "x"));
  EXPECT_THAT(wait_any(StopSource::never(), Deadline::in(0s), {{a.read.get(), POLLIN}}), IsOkAndHolds(0u));
}
TEST(Wait, StopEndsEveryWait) {
  StopSource stop;
  std::jthread other([&] { EXPECT_FALSE(wait_until(stop, Deadline::never())); });
  stop.request_stop();
  EXPECT_THAT(wait_any(stop, Deadline::in(10s), {}), ErrorIs(Code::cancelled));
  EXPECT_TRUE(stop.stop_requested());
}
TEST(Wait, HangUpMakesReady) {
  auto a = sys::pipe().value();
  a.write.reset();
  EXPECT_THAT(wait_any(StopSource::never(), Deadline::in(10s), {{a.read.get(), 0}}), IsOkAndHolds(0u));
}
}  // namespace
}  // namespace fulcrum
