#include "os/cgroup_layout.h"

#include "base/testing.h"
#include "os/cgroup.h"

namespace fulcrum {
namespace {

using fulcrum::testing::ErrorIs;

constexpr std::string_view kHybridMounts =
    "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
    "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n"
    "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate\n";

TEST(CgroupLayout, ReadsHybrid) {
  const auto layout = CgroupLayout::parse(kHybridMounts, "9:name=systemd:/init.scope\n4:memory:/a/b\n1:cpu,cpuacct:/\n3:cpuset:/\n0::/u\n");
  ASSERT_OK(layout);
  EXPECT_EQ(layout->mode(), CgroupMode::hybrid);
  EXPECT_EQ(layout->hierarchies().size(), 4U) << "cpuset is mounted nowhere";
  ASSERT_NE(layout->find("memory"), nullptr);
  EXPECT_EQ(layout->find("memory")->own_path, "/a/b");
  EXPECT_EQ(layout->find("memory")->directory("/x"), "/sys/fs/cgroup/memory/x");
  EXPECT_EQ(layout->find("cpu"), layout->find("cpuacct"));
  EXPECT_EQ(layout->find("cpuset"), nullptr);
  EXPECT_EQ(layout->find("devices"), nullptr);
  ASSERT_NE(layout->unified(), nullptr);
  EXPECT_EQ(layout->unified()->mount_point, "/sys/fs/cgroup/unified");
}

TEST(CgroupLayout, ReadsPureV2InsideACgroupNamespace) {
  const auto layout = CgroupLayout::parse("30 23 0:26 /../../c /sys/fs/cgroup rw - cgroup2 cgroup rw\n", "0::/\n");
  ASSERT_OK(layout);
  EXPECT_EQ(layout->mode(), CgroupMode::v2);
  EXPECT_EQ(layout->find("devices"), layout->unified());
  EXPECT_EQ(layout->find("freezer"), layout->unified());
  EXPECT_EQ(layout->find("memory"), layout->unified());
}

TEST(CgroupLayout, ReadsPureV1AndEscapedMountPoints) {
  const auto layout =
      CgroupLayout::parse("35 31 0:32 /docker/x /cg\\040roup/memory rw - cgroup cgroup rw,memory\n", "4:memory:/docker/x\n");
  ASSERT_OK(layout);
  EXPECT_EQ(layout->mode(), CgroupMode::v1);
  EXPECT_EQ(layout->find("memory")->mount_point, "/cg roup/memory");
  EXPECT_EQ(layout->find("memory")->directory("/docker/x/y"), "/cg roup/memory/y") << "below what the mount shows";
  EXPECT_EQ(layout->find("memory")->directory("/other"), "/cg roup/memory/other");
}

TEST(CgroupLayout, NothingMountedIsNamed) {
  EXPECT_THAT(CgroupLayout::parse("22 1 8:1 / / rw - ext4 /dev/sda rw\n", "0::/\n"), ErrorIs(Code::unimplemented));
}

TEST(Cgroup, RefusesPathsThatLeadElsewhere) {
  const auto layout = CgroupLayout::parse(kHybridMounts, "0::/\n");
  ASSERT_OK(layout);
  for (const auto* path : {"", "/", "a", "/a/../b", "/./", "/a\nb"}) {
    EXPECT_THAT(Cgroup::open(*layout, path), ErrorIs(Code::invalid_argument)) << path;
  }
  EXPECT_THAT(Cgroup::open(*layout, "/" + std::string(300, 'x')), ErrorIs(Code::invalid_argument));
  EXPECT_EQ(Cgroup::open(*layout, "/a//b/./c/")->path(), "/a/b/c");
}

TEST(CgroupLayout, UsableIsWhatMayBeWritten) {
  testing::TemporaryDirectory dir;
  ASSERT_OK(sys::make_directories(dir / "memory/mine"));
  ASSERT_OK(sys::make_directories(dir / "pids"));
  ASSERT_OK(sys::make_directories(dir / "unified/mine/daemon"));
  const auto mounts = fmt::format(
      "35 31 0:32 / {0}/memory rw - cgroup cgroup rw,memory\n36 31 0:33 / {0}/gone rw - cgroup cgroup rw,cpu\n"
      "41 31 0:38 / {0}/unified rw - cgroup2 cgroup2 rw\n",
      dir.path());
  const auto layout = CgroupLayout::parse(mounts, "4:memory:/\n3:cpu:/\n0::/mine/daemon\n");
  ASSERT_OK(layout);
  EXPECT_EQ(layout->mode(), CgroupMode::hybrid);
  auto usable = layout->usable_for("/mine/one");
  EXPECT_EQ(usable.hierarchies().size(), 1U) << "the hierarchy cpu is not there, and processes may not be moved below /mine in the v2 tree";
  EXPECT_NE(usable.find("memory"), nullptr);
  EXPECT_EQ(usable.mode(), CgroupMode::v1);
  ASSERT_OK(sys::write_file_atomic(dir / "unified/mine/cgroup.procs", ""));
  usable = layout->usable_for("/mine/one");
  EXPECT_EQ(usable.mode(), CgroupMode::hybrid);
  EXPECT_EQ(layout->usable_for("/minor/one").mode(), CgroupMode::v1) << "/min is no folder above both";
}

TEST(Cgroup, ReadsStatisticsOfAV2Folder) {
  testing::TemporaryDirectory dir;
  ASSERT_OK(sys::make_directories(dir / "c"));
  const auto put = [&](const std::string& file, std::string_view text) { ASSERT_OK(sys::write_file_atomic(dir / ("c/" + file), text)); };
  ASSERT_OK(sys::write_file_atomic(dir / "cgroup.controllers", "memory cpu pids io hugetlb"));
  put("cgroup.controllers", "memory cpu pids io hugetlb\n");
  put("memory.current", "4096\n");
  put("memory.max", "max\n");
  put("memory.events", "low 0\nhigh 0\nmax 7\noom 1\noom_kill 2\noom_group_kill 0\n");
  put("memory.stat", "anon 100\nfile 200\ninactive_file 50\n");
  put("memory.pressure", "some avg10=1.50 avg60=0.00 avg300=0.00 total=1234\nfull avg10=0.25 avg60=0.00 avg300=0.00 total=5\n");
  put("cpu.stat", "usage_usec 10\nuser_usec 6\nsystem_usec 4\nnr_periods 3\nnr_throttled 2\nthrottled_usec 9\n");
  put("pids.current", "3\n");
  put("pids.max", "64\n");
  put("io.stat", "8:16 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6\n");
  put("hugetlb.2MB.current", "2097152\n");
  put("hugetlb.2MB.rsvd.current", "1\n");
  put("hugetlb.2MB.events", "max 4\n");
  auto layout = CgroupLayout::parse("30 23 0:26 / " + dir.path() + " rw - cgroup2 cgroup rw\n", "0::/\n");
  ASSERT_OK(layout);
  const auto cgroup = Cgroup::open(*layout, "/c");
  ASSERT_OK(cgroup);
  const auto stats = cgroup->stats();
  ASSERT_OK(stats);
  ASSERT_TRUE(stats->cpu);
  EXPECT_EQ(stats->cpu->usage_ns, 10000U);
  EXPECT_EQ(stats->cpu->throttled_ns, 9000U);
  ASSERT_TRUE(stats->memory);
  EXPECT_EQ(stats->memory->usage, 4096U);
  EXPECT_FALSE(stats->memory->limit);
  EXPECT_EQ(stats->memory->oom_kills, 2U);
  EXPECT_EQ(stats->memory->failures, 7U);
  EXPECT_EQ(stats->memory->rss, 100U);
  EXPECT_EQ(cgroup->oom_kills().value(), 2U);
  ASSERT_TRUE(stats->pids);
  EXPECT_EQ(stats->pids->limit, 64U);
  ASSERT_EQ(stats->io.size(), 1U);
  EXPECT_EQ(stats->io[0].write_ops, 4U);
  ASSERT_EQ(stats->hugetlb.size(), 1U);
  EXPECT_EQ(stats->hugetlb.at("2MB").failures, 4U);
  ASSERT_TRUE(stats->memory_pressure);
  EXPECT_DOUBLE_EQ(stats->memory_pressure->some.avg10, 1.5);
  EXPECT_EQ(stats->memory_pressure->full.total_usec, 5U);
}

}  // namespace
}  // namespace fulcrum
