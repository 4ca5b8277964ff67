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
