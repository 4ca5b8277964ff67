// What only a store in a file must do: survive kill -9, a full disk, a corrupt file, a second process.
#include "store/sqlite/sqlite_store.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "base/process.h"
#include "base/testing.h"

namespace fulcrum::store {
namespace {

using testing::ErrorIs;
using ::testing::HasSubstr;
using testing::IsOkAndHolds;
using namespace std::chrono_literals;

/// Child: writes for ever, and says each revision after its commit.
Result<> write_forever(const std::string& path) {
  auto store = TRY(open_sqlite_store(path));
  for (;;) {
    const auto next = TRY(store->revision()) + 1;
    const auto value = std::to_string(next);
    const auto committed =
        TRY(store->commit({.operations = {Put{"twin/a", value}, Put{"twin/b", value}, Put{fmt::format("k/{}", next % 97), value}}}));
    TRY(sys::write_all(STDOUT_FILENO, fmt::format("{}\n", committed)));
  }
}

Result<std::size_t> count_events(Watch& watch) {
  std::size_t events = 0;
  for (;;) {
    const auto batch = TRY(watch.next());
    if (batch.empty()) return events;
    events += batch.size();
  }
}

/// Child in a mount namespace of its own: a disk of 2 MiB fills up, then gets room again.
Result<> fill_disk(const std::string& directory) {
  if (::mount("store", directory.c_str(), "tmpfs", 0, "size=2m") < 0) return fail_errno(errno, "mount");
  auto store = TRY(open_sqlite_store(directory + "/store.db"));
  TRY(store->create("first", "1"));
  auto watch = TRY(store->watch("", 0));
  const std::string value(50'000, 'v');
  std::size_t written = 0;
  for (; written < 1000; ++written) {
    const auto put = store->create(fmt::format("k/{}", written), value);
    if (put) continue;
    if (put.error().code != Code::resource_exhausted) return std::unexpected(put.error());
    break;
  }
  if (written == 0 || written == 1000) return fail(Code::internal, "the disk was full after {} writes", written);
  const auto revision = TRY(store->revision());
  if (TRY(store->list("k/")).records.size() != written) return fail(Code::internal, "a failed write is visible");
  if (TRY(store->get("first"))->value != "1") return fail(Code::internal, "lost");
  if (const auto events = TRY(count_events(*watch)); events != written)
    return fail(Code::internal, "{} events for {} writes", events, written);
  if (::mount("store", directory.c_str(), "tmpfs", MS_REMOUNT, "size=16m") < 0) return fail_errno(errno, "remount");
  if (TRY(store->create("after", "1")) != revision + 1) return fail(Code::internal, "the failed write left a hole");
  store.reset();
  store = TRY(open_sqlite_store(directory + "/store.db"));
  if (TRY(store->list("k/")).records.size() != written) return fail(Code::internal, "lost after reopening");
  return {};
}

std::string self() { return sys::read_link("/proc/self/exe").value(); }

/// Starts a writer, kills it after `lines` commits, and returns the last revision that it had said.
Revision write_and_kill(const std::string& path, std::ptrdiff_t lines) {
  auto pipe = sys::pipe().value();
  auto child = Process::spawn({.argv = {self(), "--write-forever", path}, .fds = {{1, pipe.write.get()}}}).value();
  pipe.write.reset();
  std::string said;
  while (std::count(said.begin(), said.end(), '\n') < lines) {
    char data[64];
    const auto n = ::read(pipe.read.get(), data, sizeof data);
    if (n <= 0) break;
    said.append(data, static_cast<std::size_t>(n));
  }
  EXPECT_OK(child.signal(SIGKILL));
  EXPECT_OK(child.wait(StopSource::never(), Deadline::in(10s)));
  said += sys::read_all(pipe.read.get(), 1 << 20).value();
  said.resize(said.rfind('\n'));
  Revision last = 0;
  std::from_chars(said.data() + said.rfind('\n') + 1, said.data() + said.size(), last);
  return last;
}

TEST(SqliteStore, LosesNoCommittedWriteWhenKilled) {
  testing::TemporaryDirectory directory;
  const auto path = directory / "store.db";
  Revision last = 1;
  for (int round = 0; round < 10; ++round) {
    const auto acknowledged = write_and_kill(path, 20 + 37 * round);
    ASSERT_GT(acknowledged, last);
    auto store = open_sqlite_store(path);
    ASSERT_OK(store);
    const auto revision = (*store)->revision().value();
    EXPECT_GE(revision, acknowledged);
    EXPECT_LE(revision, acknowledged + 1);  // it may have committed one more without having said so
    EXPECT_EQ((*store)->get("twin/a").value()->value, std::to_string(revision));
    EXPECT_EQ((*store)->get("twin/b").value()->value, std::to_string(revision));
    for (Revision r = std::max(last + 1, revision - 96); r <= revision; ++r)
      EXPECT_EQ((*store)->get(fmt::format("k/{}", r % 97)).value()->value, std::to_string(r));
    auto watch = (*store)->watch("twin/a", last + 1).value();
    Revision expected = last;
    for (;;) {
      const auto events = watch->next().value();
      if (events.empty()) break;
      for (const auto& event : events) ASSERT_EQ(event.record.revision, ++expected);
    }
    EXPECT_EQ(expected, revision);
    last = revision;
  }
}

TEST(SqliteStore, SurvivesAFullDisk) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to mount a small tmpfs";
  testing::TemporaryDirectory directory;
  const auto output =
      run({.argv = {"unshare", "--mount", self(), "--fill-disk", directory.path()}}, "", StopSource::never(), Deadline::in(60s));
  ASSERT_OK(output);
  EXPECT_TRUE(output->status.ok()) << output->err;
}

TEST(SqliteStore, StopsAtItsOwnLimit) {
  testing::TemporaryDirectory directory;
  auto store = open_sqlite_store(directory / "store.db", {.max_size = 1 << 20}).value();
  const std::string value(100'000, 'v');
  Result<Revision> put = 0;
  for (int i = 0; i < 100 && put; ++i) put = store->create(fmt::format("k/{}", i), value);
  EXPECT_THAT(put, ErrorIs(Code::resource_exhausted, "full"));
  // Forgetting history makes room again.
  ASSERT_OK(store->compact(store->revision().value()));
  EXPECT_OK(store->create("again", value));
}

TEST(SqliteStore, KeepsLeasesAndRevisionsOverARestart) {
  testing::TemporaryDirectory directory;
  FakeClock clock;
  const SqliteOptions options{.clock = &clock};
  auto store = open_sqlite_store(directory / "store.db", options).value();
  const auto lease = store->grant(10s).value();
  const auto r = store->create("a", "1", lease).value();
  clock.advance(9s);
  store.reset();
  clock.advance(1h);
  store = open_sqlite_store(directory / "store.db", options).value();
  ASSERT_OK(store->maintain());
  EXPECT_EQ(store->get("a").value(), std::optional(Record{"a", "1", r, r, lease}));  // the full time again
  clock.advance(10s);
  ASSERT_OK(store->maintain());
  EXPECT_EQ(store->get("a").value(), std::nullopt);
  ASSERT_OK(store->compact(r));
  store.reset();
  store = open_sqlite_store(directory / "store.db", options).value();
  EXPECT_EQ(store->revision().value(), r + 1);
  EXPECT_THAT(store->watch("", r), ErrorIs(Code::out_of_range));
  EXPECT_THAT(store->keepalive(lease), ErrorIs(Code::not_found));
}

TEST(SqliteStore, ARestartOfTheMachineMakesOldRevisionsVisiblyOld) {
  testing::TemporaryDirectory directory;
  auto store = open_sqlite_store(directory / "store.db", {.boot_id = "first"}).value();
  const auto r = store->create("a", "1").value();
  store.reset();
  store = open_sqlite_store(directory / "store.db", {.boot_id = "first"}).value();
  EXPECT_EQ(store->revision().value(), r);
  store.reset();
  store = open_sqlite_store(directory / "store.db", {.boot_id = "second"}).value();
  EXPECT_GT(store->revision().value(), r + 1000);
  EXPECT_EQ(store->get("a").value()->revision, r);
  EXPECT_THAT(store->watch("", r + 5), ErrorIs(Code::out_of_range));  // r + 5 may have been seen, and lost
  EXPECT_OK(store->update("a", "2", r));
  EXPECT_OK(store->maintain());
}

TEST(SqliteStore, LetsNoSecondProcessIn) {
  testing::TemporaryDirectory directory;
  auto store = open_sqlite_store(directory / "store.db").value();
  EXPECT_THAT(open_sqlite_store(directory / "store.db"), ErrorIs(Code::failed_precondition, "in use"));
  store.reset();
  EXPECT_OK(open_sqlite_store(directory / "store.db"));
}

TEST(SqliteStore, IsPrivate) {
  testing::TemporaryDirectory directory;
  auto store = open_sqlite_store(directory / "store.db").value();
  ASSERT_OK(store->create("secret", "1"));
  const auto names = sys::list_directory(directory.path()).value();
  EXPECT_EQ(names.size(), 4u);
  for (const auto& name : names) EXPECT_EQ(sys::lstat(directory / name).value()->st_mode & 0777, 0600u) << name;
}

TEST(SqliteStore, RefusesACorruptFileAndLeavesItAlone) {
  testing::TemporaryDirectory directory;
  const auto path = directory / "store.db";
  {
    auto store = open_sqlite_store(path).value();
    for (int i = 0; i < 200; ++i) ASSERT_OK(store->create(fmt::format("k/{}", i), std::string(1000, 'v')));
  }
  const auto good = sys::read_file(path).value();
  const auto refuse = [&](const std::string& bytes, const char* what) {
    ASSERT_OK(sys::write_file_atomic(path, bytes, 0600));
    const auto opened = open_sqlite_store(path);
    ASSERT_FALSE(opened) << what;
    EXPECT_THAT(opened.error().message, HasSubstr(path)) << what;
    EXPECT_EQ(sys::read_file(path).value(), bytes) << what;
  };
  auto header = good;
  header.replace(0, 16, 16, 'x');
  refuse(header, "header");
  auto page = good;
  page.replace(4096 * 5, 4096, 4096, '\x5a');
  refuse(page, "page");
  refuse(good.substr(0, good.size() / 2), "truncated");
  refuse(std::string(100'000, 'z'), "something else");
  ASSERT_OK(sys::write_file_atomic(path, good, 0600));
  EXPECT_OK(open_sqlite_store(path));
}

TEST(SqliteStore, SaysWhatIsWrongWithThePath) {
  EXPECT_THAT(open_sqlite_store("/nonexistent/folder/store.db"), ErrorIs(Code::not_found, "/nonexistent/folder/store.db"));
  testing::TemporaryDirectory directory;
  ASSERT_OK(sys::make_directories(directory / "store.db"));
  EXPECT_FALSE(open_sqlite_store(directory / "store.db"));
}

}  // namespace
}  // namespace fulcrum::store

int main(int argc, char** argv) {
  const std::string_view mode = argc == 3 ? argv[1] : "";
  if (mode == "--write-forever" || mode == "--fill-disk") {
    const auto done = mode == "--fill-disk" ? fulcrum::store::fill_disk(argv[2]) : fulcrum::store::write_forever(argv[2]);
    if (!done) std::fprintf(stderr, "%s\n", done.error().message.c_str());
    return done ? 0 : 1;
  }
  ::testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
