#include "os/rootless.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/sys.h"
#include "base/testing.h"
#include "os/rootless_files.h"

namespace fulcrum::os {
namespace {

using namespace fulcrum::testing;

TEST(Pin, RoundTrip) {
  const PinnedProcess pin{.pid = 42, .start_time = 123456789, .boot_id = "5c3b-1"};
  EXPECT_EQ(parse_pin(format_pin(pin)), pin);
}

TEST(Pin, HalfWrittenOrForeignTextIsNoPin) {
  for (const char* text : {"", "\n", "42", "42 1\n", "42 1 boot", "0 1 b\n", "-1 1 b\n", "x 1 b\n", "42 x b\n", "42 1 b c\n", "42 1 \n"})
    EXPECT_EQ(parse_pin(text), std::nullopt) << text;
}

TEST(Pin, NamesTheLivingProcessOnly) {
  const TemporaryDirectory folder;
  const auto path = folder.path() + "/pin";
  EXPECT_EQ(rootless::read_pin(path), std::nullopt);
  ASSERT_THAT(rootless::write_pin(path, ::getpid()), IsOk());
  EXPECT_EQ(rootless::read_pin(path), ::getpid());
  // The same number, another process.
  auto pin = parse_pin(*sys::read_file(path)).value();
  pin.start_time += 1;
  ASSERT_THAT(sys::write_file_atomic(path, format_pin(pin)), IsOk());
  EXPECT_EQ(rootless::read_pin(path), std::nullopt);
  // The same of another boot.
  pin.start_time -= 1;
  pin.boot_id = "another";
  ASSERT_THAT(sys::write_file_atomic(path, format_pin(pin)), IsOk());
  EXPECT_EQ(rootless::read_pin(path), std::nullopt);
}

TEST(Pin, AZombieIsGone) {
  const TemporaryDirectory folder;
  const auto path = folder.path() + "/pin";
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  siginfo_t info;
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  ASSERT_THAT(rootless::write_pin(path, child), IsOk());
  EXPECT_EQ(rootless::read_pin(path), std::nullopt);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_THAT(rootless::write_pin(path, child), ErrorIs(Code::not_found));
}

/// A cgroup v2 tree of ordinary files.
CgroupLayout fake_v2(const TemporaryDirectory& folder, const std::string& own) {
  return CgroupLayout::parse("30 23 0:26 / " + folder.path() + " rw - cgroup2 cgroup rw\n", "0::" + own + "\n").value();
}

TEST(DelegatedCgroup, TheEngineMovesIntoAChildAndWorkloadsStandBesideIt) {
  const TemporaryDirectory folder;
  ASSERT_THAT(sys::make_directories(folder / "user/unit/engine"), IsOk());
  ASSERT_THAT(sys::write_file_atomic(folder / "user/unit/cgroup.procs", ""), IsOk());
  ASSERT_THAT(sys::write_file_atomic(folder / "user/unit/engine/cgroup.procs", ""), IsOk());
  EXPECT_EQ(settle_in_delegated_cgroup(fake_v2(folder, "/user/unit")), "/user/unit");
  EXPECT_EQ(sys::read_file(folder / "user/unit/engine/cgroup.procs").value(), "0");
  EXPECT_EQ(settle_in_delegated_cgroup(fake_v2(folder, "/user/unit/engine")), "/user/unit");
}

TEST(DelegatedCgroup, NothingWithoutDelegation) {
  const TemporaryDirectory folder;
  ASSERT_THAT(sys::make_directories(folder / "user/unit"), IsOk());
  EXPECT_EQ(settle_in_delegated_cgroup(fake_v2(folder, "/user/unit")), std::nullopt) << "cgroup.procs may not be written";
  EXPECT_EQ(settle_in_delegated_cgroup(fake_v2(folder, "/")), std::nullopt) << "the top is nobody's";
  EXPECT_EQ(settle_in_delegated_cgroup(fake_v2(folder, "/engine")), std::nullopt);
}

TEST(Rootless, NothingToJoinAndNothingToEnd) {
  const TemporaryDirectory folder;
  EXPECT_THAT(join_rootless(folder.path()), ErrorIs(Code::not_found));
  EXPECT_THAT(end_rootless(folder.path()), IsOk());
}

TEST(Rootless, AnUnknownNetworkIsRefusedBeforeAnythingIsMade) {
  const TemporaryDirectory folder;
  EXPECT_THAT(enter_rootless({.run_dir = folder.path(), .network = "pigeons"}), ErrorIs(Code::invalid_argument));
  EXPECT_FALSE(sys::exists(folder.path() + "/rootless/holder"));
}

}  // namespace
}  // namespace fulcrum::os
