// What every Store must do, whatever it keeps its records in. Each implementation is one fixture.
#include <atomic>
#include <map>
#include <thread>

#include "base/testing.h"
#include "store/memory/memory_store.h"
#include "store/sqlite/sqlite_store.h"

namespace fulcrum::store {
namespace {

using ::testing::ElementsAre;
using testing::ErrorIs;
using ::testing::IsEmpty;
using testing::IsOkAndHolds;
using ::testing::SizeIs;
using namespace std::chrono_literals;

struct MemoryFixture {
  FakeClock clock;
  std::unique_ptr<Store> make(const RetentionPolicy& retention) { return make_memory_store({.clock = &clock, .retention = retention}); }
};

struct SqliteFixture {
  FakeClock clock;
  testing::TemporaryDirectory directory;
  std::unique_ptr<Store> make(const RetentionPolicy& retention) {
    return open_sqlite_store(directory / "store.db", {.clock = &clock, .retention = retention}).value();
  }
};

template <class Fixture>
class StoreSuite : public ::testing::Test, public Fixture {
 protected:
  Store& store(const RetentionPolicy& retention = {}) {
    if (store_ == nullptr) store_ = this->make(retention);
    return *store_;
  }
  void TearDown() override { store_.reset(); }
  std::unique_ptr<Store> store_;
};

using Implementations = ::testing::Types<MemoryFixture, SqliteFixture>;
struct Names {
  template <class T>
  static std::string GetName(int) {
    return std::is_same_v<T, MemoryFixture> ? "memory" : "sqlite";
  }
};
TYPED_TEST_SUITE(StoreSuite, Implementations, Names);

std::vector<std::string> keys_of(const Listing& listing) {
  std::vector<std::string> keys;
  for (const auto& record : listing.records) keys.push_back(record.key);
  return keys;
}

/// Events until everything up to the revision has come.
std::vector<Event> collect(Watch& watch, Revision upto) {
  std::vector<Event> all;
  while (watch.position() < upto) {
    auto events = watch.next();
    EXPECT_OK(events);
    if (!events) break;
    if (events->empty() && watch.position() < upto) {
      if (const auto ready = wait_any(StopSource::never(), Deadline::in(10s), {{watch.fd(), POLLIN}}); !ready) {
        ADD_FAILURE() << ready.error().message;
        break;
      }
    }
    all.insert(all.end(), events->begin(), events->end());
  }
  return all;
}

TYPED_TEST(StoreSuite, CreatedRecordIsThere) {
  auto& store = this->store();
  const auto r = store.create("k", "v").value();
  EXPECT_GT(r, 1);
  EXPECT_THAT(store.get("k"), IsOkAndHolds(std::optional(Record{"k", "v", r, r, kNoLease})));
  EXPECT_THAT(store.get("other"), IsOkAndHolds(std::optional<Record>()));
  EXPECT_THAT(store.create("k", "w"), ErrorIs(Code::already_exists, "k"));
  EXPECT_EQ(store.revision().value(), r);
}

TYPED_TEST(StoreSuite, BytesAreBytes) {
  auto& store = this->store();
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  ASSERT_OK(store.create(all, all));
  EXPECT_EQ(store.get(all).value()->value, all);
  ASSERT_OK(store.create("empty", ""));
  EXPECT_EQ(store.get("empty").value()->value, "");
  EXPECT_EQ(store.list("").value().records.size(), 2u);
}

TYPED_TEST(StoreSuite, StaleUpdateIsAborted) {
  auto& store = this->store();
  const auto v1 = store.create("k", "a").value();
  const auto v2 = store.update("k", "b", v1).value();
  EXPECT_THAT(store.update("k", "c", v1), ErrorIs(Code::aborted, "k is at revision"));
  EXPECT_EQ(store.get("k").value(), std::optional(Record{"k", "b", v1, v2, kNoLease}));
  EXPECT_THAT(store.update("none", "c", v1), ErrorIs(Code::not_found));
  EXPECT_THAT(store.update("k", "c", kAbsent), ErrorIs(Code::invalid_argument));
  EXPECT_OK(store.update("k", "c", kAnyRevision));
}

TYPED_TEST(StoreSuite, StaleRemoveIsAborted) {
  auto& store = this->store();
  const auto v1 = store.create("k", "a").value();
  const auto v2 = store.update("k", "b", v1).value();
  EXPECT_THAT(store.remove("k", v1), ErrorIs(Code::aborted));
  EXPECT_OK(store.remove("k", v2));
  EXPECT_THAT(store.remove("k", v2), ErrorIs(Code::not_found));
  const auto again = store.create("k", "c").value();
  EXPECT_EQ(store.get("k").value()->created, again);
}

TYPED_TEST(StoreSuite, LimitsAreEnforced) {
  auto& store = this->store();
  EXPECT_THAT(store.create("", "v"), ErrorIs(Code::invalid_argument));
  EXPECT_THAT(store.create(std::string(kMaxKeySize + 1, 'k'), "v"), ErrorIs(Code::invalid_argument));
  EXPECT_THAT(store.create("k", std::string(kMaxValueSize + 1, 'v')), ErrorIs(Code::invalid_argument));
  EXPECT_OK(store.create(std::string(kMaxKeySize, '\xff'), std::string(kMaxValueSize, 'v')));
  EXPECT_EQ(store.list("").value().records.size(), 1u);
  Transaction many;
  for (std::size_t i = 0; i <= kMaxTransactionOps; ++i) many.operations.push_back(Put{std::to_string(i), ""});
  EXPECT_THAT(store.commit(many), ErrorIs(Code::invalid_argument));
  EXPECT_THAT(store.commit({.operations = {Put{"a", ""}, Remove{"a"}}}), ErrorIs(Code::invalid_argument, "twice"));
}

TYPED_TEST(StoreSuite, PrefixesAreBytewise) {
  auto& store = this->store();
  for (const auto* key : {"a", "a/1", "a/2", "a/2/x", "a0", "b", "\xff", "\xff\xff"}) ASSERT_OK(store.create(key, key));
  EXPECT_THAT(keys_of(store.list("a/").value()), ElementsAre("a/1", "a/2", "a/2/x"));
  EXPECT_THAT(keys_of(store.list("a").value()), ElementsAre("a", "a/1", "a/2", "a/2/x", "a0"));
  EXPECT_THAT(keys_of(store.list("\xff").value()), ElementsAre("\xff", "\xff\xff"));
  EXPECT_THAT(keys_of(store.list("c").value()), IsEmpty());
  EXPECT_THAT(store.list("").value().records, SizeIs(8));
}

TYPED_TEST(StoreSuite, PagesCoverEverythingOnce) {
  auto& store = this->store();
  for (int i = 0; i < 25; ++i) ASSERT_OK(store.create(fmt::format("p/{:02}", i), "v"));
  ASSERT_OK(store.create("q", "v"));
  std::vector<std::string> seen;
  ListOptions options{.limit = 10};
  for (int pages = 1;; ++pages) {
    const auto page = store.list("p/", options).value();
    for (const auto& key : keys_of(page)) seen.push_back(key);
    if (page.next.empty()) {
      EXPECT_EQ(pages, 3);
      break;
    }
    options.from = page.next;
  }
  EXPECT_EQ(seen.size(), 25u);
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
  EXPECT_EQ(keys_of(list_all(store, "p/").value()), seen);
  EXPECT_THAT(list_all(store, "p/", 24), ErrorIs(Code::resource_exhausted));
  EXPECT_THAT(store.list("p/", {.limit = 25}).value().next, "");
}

TYPED_TEST(StoreSuite, TransactionsAreAllOrNothing) {
  auto& store = this->store();
  const auto r = store.create("a", "1").value();
  EXPECT_THAT(store.commit({.compares = {{"a", r}, {"b", r}}, .operations = {Put{"a", "2"}, Put{"b", "2"}}}),
              ErrorIs(Code::aborted, "b is at"));
  EXPECT_EQ(store.get("a").value()->value, "1");
  EXPECT_THAT(store.commit({.operations = {Put{"a", "2"}, Put{"b", "2", 12345}}}), ErrorIs(Code::not_found, "lease"));
  EXPECT_EQ(store.get("a").value()->value, "1");
  EXPECT_EQ(store.revision().value(), r);
  const auto r2 =
      store.commit({.compares = {{"a", r}, {"b", kAbsent}, {"a", kAnyRevision}}, .operations = {Put{"b", "2"}, Remove{"a"}}}).value();
  EXPECT_EQ(r2, r + 1);
  EXPECT_EQ(store.get("a").value(), std::nullopt);
  EXPECT_EQ(store.get("b").value()->revision, r2);
  EXPECT_THAT(store.commit({.compares = {{"a", kAnyRevision}}, .operations = {Put{"b", "3"}}}), ErrorIs(Code::aborted));
  EXPECT_THAT(store.commit({.operations = {Remove{"none"}}}), IsOkAndHolds(r2));  // nothing changed
}

TYPED_TEST(StoreSuite, WatchGivesTheHistoryAndThenTheFuture) {
  auto& store = this->store();
  const auto r1 = store.create("p/a", "1").value();
  const auto r2 = store.update("p/a", "2", r1).value();
  ASSERT_OK(store.create("q", "x"));
  auto watch = store.watch("p/", r1).value();
  EXPECT_THAT(watch->next(), IsOkAndHolds(ElementsAre(Event{Event::Type::put, {"p/a", "1", r1, r1, kNoLease}, kAbsent},
                                                      Event{Event::Type::put, {"p/a", "2", r1, r2, kNoLease}, r1})));
  EXPECT_THAT(watch->next(), IsOkAndHolds(IsEmpty()));
  const auto r3 = store.remove("p/a", r2).value();
  ASSERT_OK(wait_any(StopSource::never(), Deadline::in(10s), {{watch->fd(), POLLIN}}));
  EXPECT_THAT(watch->next(), IsOkAndHolds(ElementsAre(Event{Event::Type::removed, {"p/a", "2", r1, r3, kNoLease}, r2})));
  EXPECT_EQ(watch->position(), r3);
  EXPECT_THAT(wait_any(StopSource::never(), Deadline::in(0s), {{watch->fd(), POLLIN}}), ErrorIs(Code::deadline_exceeded));
}

TYPED_TEST(StoreSuite, WatchFromNowAndFromTheFuture) {
  auto& store = this->store();
  const auto r = store.create("a", "1").value();
  auto now = store.watch("", 0).value();
  auto future = store.watch("", r + 2).value();
  ASSERT_OK(store.create("b", "1"));
  ASSERT_OK(store.create("c", "1"));
  EXPECT_THAT(now->next(), IsOkAndHolds(SizeIs(2)));
  const auto events = future->next().value();
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_EQ(events[0].record.key, "c");
}

TYPED_TEST(StoreSuite, ATransactionIsNeverSplitOverBatches) {
  auto& store = this->store();
  auto watch = store.watch("", 0).value();
  for (int i = 0; i < 10; ++i) {
    Transaction transaction;
    for (int k = 0; k < 100; ++k) transaction.operations.push_back(Put{fmt::format("{:03}", k), std::to_string(i)});
    ASSERT_OK(store.commit(transaction));
  }
  std::map<Revision, int> counts;
  for (;;) {
    const auto events = watch->next().value();
    if (events.empty()) break;
    EXPECT_LE(events.size(), 356u);
    std::map<Revision, int> batch;
    for (const auto& event : events) ++batch[event.record.revision];
    for (const auto& [revision, count] : batch) EXPECT_EQ(counts[revision] += count, 100);
  }
  EXPECT_EQ(counts.size(), 10u);
}

TYPED_TEST(StoreSuite, ConcurrentWritersMissNothingAndRepeatNothing) {
  auto& store = this->store();
  constexpr int kWriters = 4, kWrites = 150;
  ASSERT_OK(store.create("p/counter", "0"));
  const auto start = store.revision().value();
  std::vector<std::thread> threads;
  for (int w = 0; w < kWriters; ++w) {
    threads.emplace_back([&store] {
      for (int i = 0; i < kWrites;) {
        const auto record = store.get("p/counter").value();
        const auto next = std::to_string(std::stoi(record->value) + 1);
        const auto written = store.update("p/counter", next, record->revision);
        if (!written) {
          EXPECT_THAT(written, ErrorIs(Code::aborted));
        }
        i += written ? 1 : 0;
      }
    });
  }
  const Revision end = start + kWriters * kWrites;
  std::vector<std::vector<Event>> seen(3);
  for (auto& events : seen) {
    threads.emplace_back([&store, &events, start, end] {
      auto watch = store.watch("p/", start + 1).value();
      events = collect(*watch, end);
    });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& events : seen) {
    ASSERT_EQ(events.size(), static_cast<std::size_t>(kWriters * kWrites));
    for (std::size_t i = 0; i < events.size(); ++i) {
      ASSERT_EQ(events[i].record.revision, start + 1 + static_cast<Revision>(i));
      ASSERT_EQ(events[i].previous, events[i].record.revision - 1);
      ASSERT_EQ(events[i].record.value, std::to_string(i + 1));
    }
  }
  EXPECT_EQ(store.get("p/counter").value()->value, std::to_string(kWriters * kWrites));
}

TYPED_TEST(StoreSuite, ListThenWatchIsComplete) {
  auto& store = this->store();
  std::atomic<bool> go = true;
  std::thread writer([&] {
    for (int i = 0; go; ++i) ASSERT_OK(store.commit({.operations = {Put{fmt::format("p/{}", i % 50), std::to_string(i)}}}));
  });
  while (store.revision().value() < 100) std::this_thread::yield();
  const auto listing = store.list("p/").value();
  auto watch = store.watch("p/", listing.revision + 1).value();
  while (store.revision().value() < listing.revision + 100) std::this_thread::yield();
  go = false;
  writer.join();
  std::map<std::string, std::string> state;
  for (const auto& record : listing.records) state[record.key] = record.value;
  for (const auto& event : collect(*watch, store.revision().value())) state[event.record.key] = event.record.value;
  std::map<std::string, std::string> truth;
  const auto final_listing = store.list("p/").value();
  for (const auto& record : final_listing.records) truth[record.key] = record.value;
  EXPECT_EQ(state, truth);
}

TYPED_TEST(StoreSuite, CompactedHistoryIsOutOfRange) {
  auto& store = this->store();
  const auto r1 = store.create("a", "1").value();
  auto slow = store.watch("a", r1).value();
  auto idle = store.watch("other", 0).value();
  const auto r2 = store.update("a", "2", r1).value();
  ASSERT_OK(store.compact(r1));
  EXPECT_THAT(store.watch("", r1), ErrorIs(Code::out_of_range));
  EXPECT_OK(store.watch("", r2));
  EXPECT_THAT(slow->next(), ErrorIs(Code::out_of_range, "compacted"));
  EXPECT_THAT(slow->next(), ErrorIs(Code::out_of_range));
  EXPECT_EQ(store.get("a").value()->value, "2");
  EXPECT_OK(store.compact(r1));
  EXPECT_THAT(store.compact(r2 + 1), ErrorIs(Code::out_of_range));
  ASSERT_OK(store.compact(r2));
  ASSERT_OK(store.create("other", "1"));
  EXPECT_THAT(idle->next(), IsOkAndHolds(SizeIs(1)));  // it missed nothing, so compaction does not hurt it
}

TYPED_TEST(StoreSuite, TheLogIsBoundedWithoutAnybodyCallingMaintain) {
  auto& store = this->store({.events = 10});
  auto idle = store.watch("zzz", 0).value();
  auto slow = store.watch("k", 0).value();
  ASSERT_OK(store.create("k", "0"));
  for (int i = 0; i < 100; ++i) ASSERT_OK(store.update("k", std::to_string(i), kAnyRevision));
  const auto now = store.revision().value();
  EXPECT_THAT(store.watch("", now - 50), ErrorIs(Code::out_of_range));
  EXPECT_THAT(slow->next(), ErrorIs(Code::out_of_range));
  EXPECT_THAT(store.watch("", now - 9).value()->next(), IsOkAndHolds(SizeIs(10)));
  ASSERT_OK(store.maintain());
  EXPECT_OK(store.watch("", now - 9));
  EXPECT_THAT(store.watch("", now - 20), ErrorIs(Code::out_of_range));
  EXPECT_THAT(idle->next(), IsOkAndHolds(IsEmpty()));
}

TYPED_TEST(StoreSuite, TheLogIsBoundedInBytes) {
  auto& store = this->store({.events = 10'000, .bytes = 1 << 20});
  const std::string value(100'000, 'v');
  ASSERT_OK(store.create("k", value));
  const auto start = store.revision().value();
  for (int i = 0; i < 30; ++i) ASSERT_OK(store.update("k", value, kAnyRevision));
  EXPECT_THAT(store.watch("", start + 1), ErrorIs(Code::out_of_range));
}

TYPED_TEST(StoreSuite, LeasesEndAndTakeTheirKeysAlong) {
  auto& store = this->store();
  const auto lease = store.grant(10s).value();
  const auto other = store.grant(1h).value();
  ASSERT_OK(store.create("l/a", "1", lease));
  ASSERT_OK(store.create("l/b", "1", lease));
  ASSERT_OK(store.create("l/c", "1", other));
  ASSERT_OK(store.create("l/d", "1", lease));
  ASSERT_OK(store.update("l/d", "2", kAnyRevision));  // detached by the write
  EXPECT_EQ(store.get("l/a").value()->lease, lease);
  auto watch = store.watch("l/", 0).value();
  this->clock.advance(9s);
  ASSERT_OK(store.maintain());
  EXPECT_OK(store.get("l/a"));
  EXPECT_OK(store.keepalive(lease));
  this->clock.advance(9s);
  ASSERT_OK(store.maintain());
  EXPECT_THAT(watch->next(), IsOkAndHolds(IsEmpty()));
  this->clock.advance(1s);
  const auto next = store.maintain().value();
  EXPECT_EQ(next, this->clock.now() + 1h - 19s);
  const auto events = watch->next().value();
  ASSERT_THAT(events, SizeIs(2));
  EXPECT_EQ(events[0].type, Event::Type::removed);
  EXPECT_EQ(events[0].record.key, "l/a");
  EXPECT_EQ(events[1].record.key, "l/b");
  EXPECT_EQ(events[0].record.revision, events[1].record.revision);
  EXPECT_THAT(keys_of(store.list("l/").value()), ElementsAre("l/c", "l/d"));
  EXPECT_THAT(store.keepalive(lease), ErrorIs(Code::not_found));
  EXPECT_THAT(store.create("l/e", "1", lease), ErrorIs(Code::not_found, "lease"));
}

TYPED_TEST(StoreSuite, RevokedLeasesAreGoneAtOnce) {
  auto& store = this->store();
  const auto lease = store.grant(1s).value();
  ASSERT_OK(store.create("a", "1", lease));
  ASSERT_OK(store.revoke(lease));
  EXPECT_EQ(store.get("a").value(), std::nullopt);
  EXPECT_THAT(store.revoke(lease), ErrorIs(Code::not_found));
  EXPECT_THAT(store.grant(1ms), ErrorIs(Code::invalid_argument));
  EXPECT_THAT(store.maintain(), IsOkAndHolds(std::optional<Time>()));
}

TYPED_TEST(StoreSuite, AWatchOutlivesItsStore) {
  auto watch = this->store().watch("", 0).value();
  this->store_.reset();
  ASSERT_OK(wait_any(StopSource::never(), Deadline::in(10s), {{watch->fd(), POLLIN}}));
  EXPECT_THAT(watch->next(), ErrorIs(Code::cancelled));
}

}  // namespace
}  // namespace fulcrum::store
