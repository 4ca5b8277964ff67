#include "store/store.h"

#include "base/testing.h"
#include "store/faulty.h"
#include "store/maintainer.h"
#include "store/memory/memory_store.h"

namespace fulcrum::store {
namespace {

using testing::ErrorIs;
using testing::IsOkAndHolds;
using namespace std::chrono_literals;

TEST(PrefixEnd, IsTheNextStringAfterAllWithThePrefix) {
  EXPECT_EQ(prefix_end("a"), "b");
  EXPECT_EQ(prefix_end("a/"), "a0");
  EXPECT_EQ(prefix_end("a\xff"), "b");
  EXPECT_EQ(prefix_end("\xff\xff"), "");
  EXPECT_EQ(prefix_end(""), "");
}

TEST(FaultyStore, FailsTheNthMatchingCall) {
  auto memory = make_memory_store();
  FaultyStore store(*memory, {{.op = "update", .key = "pods/a", .nth = 2, .error = Code::unavailable}});
  const auto r1 = store.create("pods/a", "1").value();
  const auto r2 = store.update("pods/a", "2", r1).value();
  EXPECT_THAT(store.update("pods/a", "3", r2), ErrorIs(Code::unavailable, "pods/a"));
  EXPECT_EQ(store.get("pods/a").value()->value, "2");
  EXPECT_OK(store.update("pods/a", "3", r2));
}

TEST(FaultyStore, CanLoseTheAnswerOfACommit) {
  auto memory = make_memory_store();
  FaultyStore store(*memory, {{.op = "commit", .error = Code::deadline_exceeded, .after = true}});
  EXPECT_THAT(store.commit({.compares = {}, .operations = {Put{"a", "1"}}}), ErrorIs(Code::deadline_exceeded));
  EXPECT_EQ(store.get("a").value()->value, "1");
}

TEST(FaultyStore, FailsAWatchInTheMiddle) {
  auto memory = make_memory_store();
  FaultyStore store(*memory, {{.op = "next", .key = "p/", .error = Code::unavailable}});
  auto watch = store.watch("p/", 0).value();
  ASSERT_OK(store.create("p/a", "1"));
  EXPECT_THAT(watch->next(), ErrorIs(Code::unavailable));
  EXPECT_THAT(watch->next(), IsOkAndHolds(::testing::SizeIs(1)));
}

TEST(Maintainer, EndsLeasesOnTime) {
  auto store = make_memory_store();
  auto watch = store->watch("k", 0).value();
  const auto lease = store->grant(1s).value();
  ASSERT_OK(store->create("k", "v", lease));
  Maintainer maintainer(*store, lease_clock(), [](const Error& error) { ADD_FAILURE() << error.message; });
  for (;;) {
    const auto events = next_events(*watch, StopSource::never(), Deadline::in(10s));
    ASSERT_OK(events);
    if (events->back().type == Event::Type::removed) break;
  }
  EXPECT_THAT(store->keepalive(lease), ErrorIs(Code::not_found));
}

}  // namespace
}  // namespace fulcrum::store
