#include "sandbox/namespace/spec.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/testing.h"
#include "sandbox/namespace/record.h"

namespace fulcrum::sandbox {
namespace {

using fulcrum::testing::ErrorIs;
using fulcrum::testing::IsOkAndHolds;
using fulcrum::testing::TemporaryDirectory;
using ::testing::ElementsAre;

const UserFiles kFiles{.passwd = "root:x:0:0:root:/root:/bin/sh\n# note\nbroken\nweb:x:1000:1001::/home/web:\n7:x:1007:1007::/:\n",
                       .group = "root:x:0:\nweb:x:1001:\nwheel:x:10:root,web\nvideo:x:44:web\n"};

TEST(FindUser, ByNameAndNumber) {
  EXPECT_THAT(find_user("", {}, kFiles), IsOkAndHolds(UserIds{.uid = 0, .gid = 0, .groups = {10}, .home = "/root"}));
  EXPECT_THAT(find_user("web", {}, kFiles), IsOkAndHolds(UserIds{.uid = 1000, .gid = 1001, .groups = {10, 44}, .home = "/home/web"}));
  EXPECT_THAT(find_user("1000", {}, kFiles), IsOkAndHolds(UserIds{.uid = 1000, .gid = 1001, .groups = {10, 44}, .home = "/home/web"}));
  EXPECT_THAT(find_user("web:video", {"wheel", "5"}, kFiles),
              IsOkAndHolds(UserIds{.uid = 1000, .gid = 44, .groups = {5, 10}, .home = "/home/web"}));
  EXPECT_THAT(find_user("4242:77", {}, kFiles), IsOkAndHolds(UserIds{.uid = 4242, .gid = 77}));
  EXPECT_THAT(find_user("4242", {}, {}), IsOkAndHolds(UserIds{.uid = 4242}));
}

TEST(FindUser, RefusesWhoIsNotThere) {
  EXPECT_THAT(find_user("nobody", {}, kFiles), ErrorIs(Code::invalid_argument, "nobody"));
  EXPECT_THAT(find_user("web:nogroup", {}, kFiles), ErrorIs(Code::invalid_argument, "nogroup"));
  EXPECT_THAT(find_user("99999999999", {}, kFiles), ErrorIs(Code::invalid_argument));
}

TEST(ReadThroughLayers, TheTopmostCounts) {
  TemporaryDirectory folder;
  for (const char* name : {"top", "middle", "bottom"}) ASSERT_OK(sys::make_directories(folder / name));
  const std::vector<std::string> layers{folder / "top", folder / "middle", folder / "bottom"};
  EXPECT_THAT(read_through_layers(layers, "etc", "passwd"), IsOkAndHolds(std::optional<std::string>()));
  ASSERT_OK(sys::make_directories(folder / "bottom/etc"));
  ASSERT_OK(sys::write_file_atomic(folder / "bottom/etc/passwd", "b"));
  ASSERT_OK(sys::make_directories(folder / "top/etc"));
  EXPECT_THAT(read_through_layers(layers, "etc", "passwd"), IsOkAndHolds(std::optional<std::string>("b")));
  ASSERT_OK(sys::make_directories(folder / "middle/etc"));
  ASSERT_EQ(::symlink("/nowhere", (folder / "middle/etc/passwd").c_str()), 0);
  EXPECT_THAT(read_through_layers(layers, "etc", "passwd"), ErrorIs(Code::failed_precondition)) << "only a mount can follow links";
  ASSERT_OK(sys::write_file_atomic(folder / "top/etc/passwd", "t"));
  EXPECT_THAT(read_through_layers(layers, "etc", "passwd"), IsOkAndHolds(std::optional<std::string>("t")));
}

TEST(MakeArguments, FollowsDockersRules) {
  const oci::ImageRunConfig image{.entrypoint = {"/entry"}, .cmd = {"default"}};
  api::WorkloadSpec spec;
  EXPECT_THAT(make_arguments(spec, image), IsOkAndHolds(ElementsAre("/entry", "default")));
  spec.command.words = {"mine"};
  EXPECT_THAT(make_arguments(spec, image), IsOkAndHolds(ElementsAre("/entry", "mine")));
  spec.entrypoint = api::Command{{"/other"}};
  EXPECT_THAT(make_arguments(spec, image), IsOkAndHolds(ElementsAre("/other", "mine")));
  spec.command.words.clear();
  EXPECT_THAT(make_arguments(spec, image), IsOkAndHolds(ElementsAre("/other"))) << "the image's command goes with its entrypoint";
  spec.entrypoint = api::Command{};
  EXPECT_THAT(make_arguments(spec, image), ErrorIs(Code::invalid_argument, "command"));
}

TEST(MakeEnvironment, LaterOnesWinAndUnsetRemoves) {
  api::Environment given;
  given.variables = {{"A", "mine"}, {"B", std::nullopt}, {"C", ""}};
  EXPECT_THAT(make_environment({"PATH=/bin", "A=image", "B=image", "BROKEN"}, given, "host", true),
              ElementsAre("PATH=/bin", "HOSTNAME=host", "TERM=xterm", "A=mine", "C="));
}

TEST(MakeCapabilities, AddDropAll) {
  const std::vector<std::string> bounding{"CAP_CHOWN", "CAP_KILL", "CAP_SYS_ADMIN"};
  EXPECT_THAT(make_capabilities({}, bounding), IsOkAndHolds(ElementsAre("CAP_CHOWN", "CAP_KILL")));
  EXPECT_THAT(make_capabilities({.cap_add = {"ALL"}, .cap_drop = {"kill"}}, bounding),
              IsOkAndHolds(ElementsAre("CAP_CHOWN", "CAP_SYS_ADMIN")));
  EXPECT_THAT(make_capabilities({.cap_add = {"cap_sys_admin"}, .cap_drop = {"all"}}, bounding), IsOkAndHolds(ElementsAre("CAP_SYS_ADMIN")));
  EXPECT_THAT(make_capabilities({.privileged = true}, bounding), IsOkAndHolds(bounding));
  EXPECT_THAT(make_capabilities({.cap_add = {"nosuch"}}, bounding), ErrorIs(Code::invalid_argument, "nosuch"));
}

TEST(MakeResources, CpusSwapAndContradictions) {
  const MachineFacts swap{.swap_accounting = true};
  api::Resources r;
  r.cpus = 1.5;
  r.memory = Size{64 << 20};
  auto made = make_resources(r, swap);
  ASSERT_OK(made);
  EXPECT_EQ(made->cpu->quota, 150'000);
  EXPECT_EQ(made->memory->swap, 128 << 20);
  EXPECT_FALSE(make_resources(r, {})->memory->swap.has_value()) << "the default is not forced on a kernel without it";
  r.memory_swap = "-1";
  EXPECT_EQ(make_resources(r, swap)->memory->swap, -1);
  r.memory_swap = "32Mi";
  EXPECT_THAT(make_resources(r, swap), ErrorIs(Code::invalid_argument, "memorySwap"));
  r.memory_swap.reset();
  r.cpu_quota = 5;
  EXPECT_THAT(make_resources(r, swap), ErrorIs(Code::invalid_argument, "cpus"));
}

TEST(MakeRlimits, KnowsNamesAndUnlimited) {
  const auto made = make_rlimits({{"nofile", {.soft = 10, .hard = -1}}});
  ASSERT_OK(made);
  EXPECT_EQ(made->front().type, "RLIMIT_NOFILE");
  EXPECT_EQ(made->front().hard, ~std::uint64_t{0});
  EXPECT_THAT(make_rlimits({{"nosuch", {}}}), ErrorIs(Code::invalid_argument, "nosuch"));
  EXPECT_THAT(make_rlimits({{"core", {.soft = 2, .hard = 1}}}), ErrorIs(Code::invalid_argument, "core"));
}

TEST(ParseDeviceRule, TakesDockersForm) {
  const auto rule = parse_device_rule("c 1:* rw");
  ASSERT_OK(rule);
  EXPECT_EQ(rule->major, 1);
  EXPECT_FALSE(rule->minor.has_value());
  for (const char* text : {"", "c", "c 1:3", "x 1:3 rwm", "c 1:3 q", "c 1 rwm", "c -1:3 r"})
    EXPECT_THAT(parse_device_rule(text), ErrorIs(Code::invalid_argument)) << text;
}

TEST(MakeMounts, UserMountsReplaceOursAndParentsComeFirst) {
  Plan plan;
  plan.mounts = {{.type = "bind", .source = "/a/b", .target = "/x/y/z"},
                 {.type = "bind", .source = "/a", .target = "/x"},
                 {.type = "tmpfs", .target = "/dev/shm"}};
  const auto mounts = make_mounts({.plan = &plan});
  ASSERT_OK(mounts);
  std::vector<std::string> targets;
  for (const auto& mount : *mounts) targets.push_back(mount.destination);
  EXPECT_EQ(std::ranges::count(targets, "/dev/shm"), 1);
  EXPECT_LT(std::ranges::find(targets, "/x"), std::ranges::find(targets, "/x/y/z"));
  plan.mounts = {{.type = "bind", .source = "relative", .target = "/x"}};
  EXPECT_THAT(make_mounts({.plan = &plan}), ErrorIs(Code::invalid_argument));
}

TEST(Record, SurvivesTheDisk) {
  const Record record{.run = 3, .layers = {"/a", "/b"}, .cgroup = "/c", .subid = 5, .subid_size = 6, .tty = true, .own_network = false};
  EXPECT_THAT(parse_record(to_json(record)), IsOkAndHolds(record));
  EXPECT_THAT(parse_record(""), ErrorIs(Code::invalid_argument));
  std::optional<Time> started;
  const auto exit = parse_exit(
      R"({"run":1,"code":137,"signal":9,"oomKilled":true,"started":"2024-05-01T10:00:00Z","finished":"2024-05-01T10:00:01Z","error":"x"})",
      &started);
  ASSERT_OK(exit);
  EXPECT_TRUE(exit->oom_killed);
  EXPECT_TRUE(started.has_value());
}

}  // namespace
}  // namespace fulcrum::sandbox
