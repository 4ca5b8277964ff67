#include "runtime/resources.h"

#include "base/testing.h"
#include "runtime/device_rules.h"

namespace fulcrum::runtime {
namespace {

using fulcrum::testing::ErrorIs;
using fulcrum::testing::IsOkAndHolds;
using ::testing::ElementsAre;

TEST(CpuWeight, KeepsEndsAndDefault) {
  EXPECT_EQ(cpu_weight_from_shares(0), 0U);
  EXPECT_EQ(cpu_weight_from_shares(1), 1U);
  EXPECT_EQ(cpu_weight_from_shares(2), 1U);
  EXPECT_EQ(cpu_weight_from_shares(1024), 100U);
  EXPECT_EQ(cpu_weight_from_shares(262144), 10000U);
  EXPECT_EQ(cpu_weight_from_shares(1'000'000), 10000U);
  for (std::uint64_t shares = 3, last = 1; shares < 262144; shares += 97) {
    const auto weight = cpu_weight_from_shares(shares);
    EXPECT_GE(weight, last);
    last = weight;
  }
}

TEST(IoWeight, IsLinear) {
  EXPECT_EQ(io_weight_from_blkio(0), 0U);
  EXPECT_EQ(io_weight_from_blkio(10), 1U);
  EXPECT_EQ(io_weight_from_blkio(1000), 10000U);
}

class CgroupPath : public ::testing::Test {
 protected:
  CgroupLayout v2 = CgroupLayout::parse("30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup rw\n", "0::/user.slice/session.scope\n").value();
  CgroupLayout v1 = CgroupLayout::parse("30 23 0:26 / /cg/devices rw - cgroup cgroup rw,devices\n", "5:devices:/mine\n").value();
};

TEST_F(CgroupPath, AbsoluteIsTaken) { EXPECT_THAT(cgroup_path(v2, "/a/b", "id"), IsOkAndHolds("/a/b")); }
TEST_F(CgroupPath, RelativeIsBesideOursOnV2) {
  EXPECT_THAT(cgroup_path(v2, "x", "id"), IsOkAndHolds("/user.slice/x"));
  EXPECT_THAT(cgroup_path(v2, "", "id"), IsOkAndHolds("/user.slice/id"));
}
TEST_F(CgroupPath, RelativeIsBelowOursOnV1) { EXPECT_THAT(cgroup_path(v1, "", "id"), IsOkAndHolds("/mine/id")); }
TEST_F(CgroupPath, SystemdTriple) {
  EXPECT_THAT(cgroup_path(v2, "user.slice:libpod:abc", "id"), IsOkAndHolds("/user.slice/libpod-abc.scope"));
  EXPECT_THAT(cgroup_path(v2, "user-1000.slice:crio:abc", "id"), IsOkAndHolds("/user.slice/user-1000.slice/crio-abc.scope"));
  EXPECT_THAT(cgroup_path(v2, "-.slice::abc", "id"), IsOkAndHolds("/abc.scope"));
  EXPECT_THAT(cgroup_path(v2, "a:b", "id"), ErrorIs(Code::invalid_argument, "slice:prefix:name"));
}

oci::DeviceRule rule(bool allow, const char* type, std::int64_t major, std::int64_t minor, const char* access) {
  return {.allow = allow, .type = type, .major = major, .minor = minor, .access = access};
}

TEST(DeviceWrites, StartFromDenyAll) {
  EXPECT_THAT(device_writes({rule(true, "c", 1, 3, "rwm"), rule(true, "b", 8, -1, "r")}),
              IsOkAndHolds(ElementsAre(DeviceWrite{false, "a"}, DeviceWrite{true, "c 1:3 rwm"}, DeviceWrite{true, "b 8:* r"})));
}
TEST(DeviceWrites, AllowAllLeavesOnlyDenials) {
  EXPECT_THAT(device_writes({rule(true, "c", 1, 3, "r"), rule(true, "a", -1, -1, ""), rule(false, "c", 1, 5, "w")}),
              IsOkAndHolds(ElementsAre(DeviceWrite{true, "a"}, DeviceWrite{false, "c 1:5 w"})));
}
TEST(DeviceWrites, WiderRuleTakesBack) {
  EXPECT_THAT(device_writes({rule(true, "c", 1, 3, "rwm"), rule(false, "c", 1, -1, "w")}),
              IsOkAndHolds(ElementsAre(DeviceWrite{false, "a"}, DeviceWrite{true, "c 1:3 rm"})));
  EXPECT_THAT(device_writes({rule(true, "c", 1, 3, "r"), rule(false, "c", 1, 3, "rwm")}),
              IsOkAndHolds(ElementsAre(DeviceWrite{false, "a"})));
}
TEST(DeviceWrites, NarrowerRuleCannot) {
  EXPECT_THAT(device_writes({rule(true, "c", 1, -1, "rwm"), rule(false, "c", 1, 3, "w")}), ErrorIs(Code::unimplemented, "c 1:3 w"));
}
TEST(DeviceWrites, ListIsWhatTheKernelShows) {
  EXPECT_EQ(device_list({{false, "a"}, {true, "c 5:0 rwm"}, {true, "b 8:* r"}}), "b 8:* r\nc 5:0 rwm\n");
  EXPECT_EQ(device_list({{true, "a"}}), "a *:* rwm\n");
}

/// Runs a device program as the kernel would; just the instructions that the assembler emits.
bool allowed(const std::vector<oci::DeviceRule>& rules, char type, std::uint32_t major, std::uint32_t minor, unsigned access) {
  const auto program = device_program(rules);
  const std::uint32_t context[] = {access << 16 | (type == 'b' ? 1U : 2U), major, minor};
  std::uint32_t r[11] = {};
  for (std::size_t pc = 0; pc < program.size(); ++pc) {
    const auto& i = program[pc];
    auto& to = r[i.registers & 0xf];
    const auto from = r[i.registers >> 4];
    const auto k = static_cast<std::uint32_t>(i.immediate);
    switch (i.code) {
      case 0x61: to = context[i.offset / 4]; break;
      case 0xb4: to = k; break;
      case 0xbc: to = from; break;
      case 0x54: to &= k; break;
      case 0x74: to >>= k; break;
      case 0x56: pc += to != k ? i.offset : 0; break;
      case 0x16: pc += to == k ? i.offset : 0; break;
      case 0x95: return r[0] == 1;
      default: ADD_FAILURE() << "unknown instruction " << int{i.code}; return false;
    }
  }
  ADD_FAILURE() << "ran past the end";
  return false;
}

constexpr unsigned kMknod = 1, kRead = 2, kWrite = 4;

TEST(DeviceProgram, DeniesByDefault) { EXPECT_FALSE(allowed({}, 'c', 1, 3, kRead)); }
TEST(DeviceProgram, LastRuleDecidesEachBit) {
  const std::vector<oci::DeviceRule> rules{rule(true, "c", 1, -1, "rwm"), rule(false, "c", 1, 3, "w"), rule(true, "b", 8, 0, "r"),
                                           rule(true, "b", -1, 0, "w")};
  EXPECT_TRUE(allowed(rules, 'c', 1, 5, kRead | kWrite | kMknod));
  EXPECT_TRUE(allowed(rules, 'c', 1, 3, kRead));
  EXPECT_FALSE(allowed(rules, 'c', 1, 3, kRead | kWrite));
  EXPECT_FALSE(allowed(rules, 'c', 2, 3, kRead));
  EXPECT_TRUE(allowed(rules, 'b', 8, 0, kRead | kWrite)) << "one bit from each of two rules";
  EXPECT_FALSE(allowed(rules, 'b', 8, 0, kRead | kMknod));
  EXPECT_FALSE(allowed(rules, 'b', 9, 0, kRead));
}
TEST(DeviceProgram, AllowAllAndItsExceptions) {
  const std::vector<oci::DeviceRule> rules{rule(false, "c", 9, 9, "rwm"), rule(true, "a", -1, -1, "rwm"), rule(false, "c", 1, 3, "rwm")};
  EXPECT_TRUE(allowed(rules, 'c', 9, 9, kRead));
  EXPECT_TRUE(allowed(rules, 'b', 7, 7, kWrite));
  EXPECT_FALSE(allowed(rules, 'c', 1, 3, kRead));
}
TEST(DeviceProgram, DefaultsSurviveADenyAll) {
  const auto rules = with_default_device_rules({rule(false, "a", -1, -1, "rwm")});
  EXPECT_TRUE(allowed(rules, 'c', 1, 3, kRead | kWrite));
  EXPECT_TRUE(allowed(rules, 'c', 136, 4, kRead | kWrite));
  EXPECT_TRUE(allowed(rules, 'b', 8, 0, kMknod));
  EXPECT_FALSE(allowed(rules, 'b', 8, 0, kRead));
}

TEST(MergeResources, ChangeWinsFieldByField) {
  oci::Resources base{.memory = oci::MemoryLimits{.limit = 10, .swap = 20}, .cpu = oci::CpuLimits{.shares = 5, .cpus = "0"}};
  oci::Resources change{.memory = oci::MemoryLimits{.limit = 15}, .pids = oci::PidsLimits{.limit = 7}, .unified = {{"memory.high", "1"}}};
  const auto merged = merge_resources(base, change);
  EXPECT_EQ(merged.memory->limit, 15);
  EXPECT_EQ(merged.memory->swap, 20);
  EXPECT_EQ(merged.cpu->cpus, "0");
  EXPECT_EQ(merged.pids->limit, 7);
  EXPECT_EQ(merged.unified.at("memory.high"), "1");
}

}  // namespace
}  // namespace fulcrum::runtime
