#include "control/work_queue.h"

#include <atomic>
#include <set>

#include "base/testing.h"

namespace fulcrum::control {
namespace {

using namespace std::chrono_literals;

TEST(WorkQueue, GivesAKeyOnceHoweverOftenItWasAdded) {
  FakeClock clock;
  WorkQueue queue(clock);
  queue.add("a");
  queue.add("a");
  EXPECT_EQ(queue.try_take(), "a");
  EXPECT_EQ(queue.try_take(), std::nullopt);
}

TEST(WorkQueue, AKeyAddedWhileHandledComesAgainAfterwards) {
  FakeClock clock;
  WorkQueue queue(clock);
  queue.add("a");
  ASSERT_EQ(queue.try_take(), "a");
  queue.add("a");
  EXPECT_EQ(queue.try_take(), std::nullopt) << "two workers would have one key";
  queue.done("a");
  EXPECT_EQ(queue.try_take(), "a");
}

TEST(WorkQueue, TheEarlierOfTwoTimesCounts) {
  FakeClock clock;
  WorkQueue queue(clock);
  queue.add_after("a", 10s);
  queue.add_after("a", 1s);
  queue.add_after("a", 5s);
  EXPECT_EQ(queue.next_due(), clock.now() + 1s);
  EXPECT_EQ(queue.try_take(), std::nullopt);
  clock.advance(1s);
  EXPECT_EQ(queue.try_take(), "a");
}

TEST(WorkQueue, BacksOffFrom10MillisecondsTo60Seconds) {
  EXPECT_EQ(failure_backoff(1), 10ms);
  EXPECT_EQ(failure_backoff(2), 20ms);
  EXPECT_EQ(failure_backoff(13), 40'960ms);
  EXPECT_EQ(failure_backoff(14), 60s);
  EXPECT_EQ(failure_backoff(4'000'000'000U), 60s);
  FakeClock clock;
  WorkQueue queue(clock);
  queue.add("a");
  ASSERT_EQ(queue.try_take(), "a");
  queue.fail("a");
  queue.done("a");
  EXPECT_EQ(queue.failures("a"), 1U);
  EXPECT_EQ(queue.next_due(), clock.now() + 10ms);
  queue.forget("a");
  EXPECT_EQ(queue.failures("a"), 0U);
}

TEST(WorkQueue, TakeWakesUpForWhatIsAddedLater) {
  WorkQueue queue(Clock::system());
  std::thread later([&] { queue.add_after("a", 5ms); });
  EXPECT_THAT(queue.take(StopSource::never()), testing::IsOkAndHolds(std::string("a")));
  later.join();
  StopSource stop;
  stop.request_stop();
  EXPECT_THAT(queue.take(stop), testing::ErrorIs(Code::cancelled));
}

/// Two threads in one key at once would be seen.
class Exclusive final : public Reconciler {
 public:
  Result<Outcome> reconcile(const std::string& key) override {
    {
      const std::lock_guard lock(mutex_);
      overlap_ = overlap_ || !inside_.insert(key).second;
    }
    ++count_;
    const std::lock_guard lock(mutex_);
    inside_.erase(key);
    return Outcome{};
  }
  std::string_view name() const override { return "exclusive"; }
  bool overlap() const { return overlap_; }
  int count() const { return count_; }

 private:
  std::mutex mutex_;
  std::set<std::string> inside_;
  bool overlap_ = false;
  std::atomic<int> count_{0};
};

TEST(WorkerPool, OneThreadForEachKeyAtATime) {
  WorkQueue queue(Clock::system());
  Exclusive reconciler;
  {
    WorkerPool pool(queue, reconciler, 4);
    for (int i = 0; i < 2000; ++i) queue.add("key" + std::to_string(i % 3));
    while (queue.has_due()) std::this_thread::yield();
  }
  EXPECT_FALSE(reconciler.overlap());
  EXPECT_GE(reconciler.count(), 3);
}

}  // namespace
}  // namespace fulcrum::control
