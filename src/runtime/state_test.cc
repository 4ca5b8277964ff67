#include "runtime/state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/testing.h"
#include "os/namespaces.h"

namespace fulcrum::runtime {
namespace {

using fulcrum::testing::ErrorIs;
using fulcrum::testing::TemporaryDirectory;

TEST(CheckId, TakesWhatRuncTakes) {
  for (const char* good : {"a", "A-b_c+d.e", "0", "..."}) EXPECT_OK(check_id(good)) << good;
  for (const char* bad : {"", ".", "..", "a/b", "a b", "\x01", "ä", "~seccomp"})
    EXPECT_THAT(check_id(bad), ErrorIs(Code::invalid_argument)) << bad;
  EXPECT_THAT(check_id(std::string(1025, 'a')), ErrorIs(Code::invalid_argument));
}

TEST(StateDirectory, AnIdIsClaimedOnce) {
  const TemporaryDirectory dir;
  const auto root = dir / "not/yet/there";
  ASSERT_OK(StateDirectory::create(root, "c"));
  EXPECT_THAT(StateDirectory::create(root, "c"), ErrorIs(Code::already_exists, "container with given ID already exists"));
  EXPECT_THAT(StateDirectory::open(root, "d"), ErrorIs(Code::not_found, "container does not exist"));
}

TEST(StateDirectory, RemembersAndForgets) {
  const TemporaryDirectory dir;
  auto directory = StateDirectory::create(dir.path(), "c").value();
  EXPECT_THAT(directory.load(), ErrorIs(Code::not_found));
  const SavedState state{.oci_version = "1.0.2",
                         .id = "c",
                         .bundle = "/b",
                         .rootfs = "/b/r",
                         .created = "now",
                         .annotations = {{"k", "v"}},
                         .cgroup_path = "/g",
                         .pid = 7,
                         .start_time = 99,
                         .namespaces = {"pid"},
                         .own_pid_namespace = true};
  ASSERT_OK(directory.save(state));
  const auto loaded = directory.load().value();
  EXPECT_EQ(loaded.start_time, 99U);
  EXPECT_EQ(loaded.annotations.at("k"), "v");
  EXPECT_EQ(loaded.namespaces, state.namespaces);
  EXPECT_TRUE(loaded.own_pid_namespace);
  ASSERT_OK(directory.remove());
  ASSERT_OK(directory.remove());
  EXPECT_THAT(StateDirectory::open(dir.path(), "c"), ErrorIs(Code::not_found));
}

TEST(StateDirectory, DamagedStateIsNamed) {
  const TemporaryDirectory dir;
  auto directory = StateDirectory::create(dir.path(), "c").value();
  ASSERT_OK(directory.write("state.json", "{\"id\": 5"));
  EXPECT_THAT(directory.load(), ErrorIs(Code::data_loss, "state.json"));
}

TEST(StateDirectory, TheFifoTellsWhetherSomebodyWaits) {
  const TemporaryDirectory dir;
  auto directory = StateDirectory::create(dir.path(), "c").value();
  EXPECT_FALSE(directory.open_start_fifo().value().has_value());
  {
    auto waiting = directory.make_start_fifo().value();
    EXPECT_TRUE(directory.open_start_fifo().value().has_value());
  }
  EXPECT_FALSE(directory.open_start_fifo().value().has_value());
}

TEST(IsAlive, ComparesStartTimes) {
  const auto self = os::process_stat(::getpid());
  ASSERT_TRUE(self.has_value());
  EXPECT_TRUE(is_alive(::getpid(), self->start_time));
  EXPECT_FALSE(is_alive(::getpid(), self->start_time + 1));
  EXPECT_FALSE(is_alive(0, 0));
}

TEST(ProcessStat, SurvivesHostileNames) {
  const auto stat = os::parse_process_stat("7 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4242 20 21");
  ASSERT_TRUE(stat.has_value());
  EXPECT_EQ(stat->state, 'S');
  EXPECT_EQ(stat->start_time, 4242U);
  for (const char* bad : {"", "7", "7 (x)", "7 (x) S 1 2", "7 (x) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 x"}) {
    EXPECT_FALSE(os::parse_process_stat(bad).has_value()) << bad;
  }
}

}  // namespace
}  // namespace fulcrum::runtime
