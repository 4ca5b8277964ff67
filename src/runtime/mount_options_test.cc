#include "runtime/mount_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/mount.h>

#include <algorithm>

namespace fulcrum::runtime {
namespace {

using testing::ElementsAre;

TEST(MountOptions, SortsFlagsDataAndPropagation) {
  const auto o = parse_mount_options({"rbind", "ro", "nosuid", "rslave", "size=64m", "mode=755", "tmpcopyup"});
  EXPECT_TRUE(o.is_bind());
  EXPECT_EQ(o.flags, static_cast<unsigned long>(MS_BIND | MS_REC | MS_RDONLY | MS_NOSUID));
  EXPECT_THAT(o.propagation, ElementsAre(static_cast<unsigned long>(MS_SLAVE | MS_REC)));
  EXPECT_EQ(o.data, "size=64m,mode=755");
  EXPECT_TRUE(o.copy_up);
}

TEST(MountOptions, LaterOptionsWin) {
  const auto o = parse_mount_options({"ro", "rw", "nodev", "dev", "suid", "nosuid"});
  EXPECT_EQ(o.flags, static_cast<unsigned long>(MS_NOSUID));
  EXPECT_EQ(o.cleared, static_cast<unsigned long>(MS_RDONLY | MS_NODEV));
}

TEST(MountOptions, RecursiveAttributes) {
  const auto o = parse_mount_options({"rro", "rnosuid", "rdev", "rnoatime"});
  EXPECT_EQ(o.recursive_set, static_cast<std::uint64_t>(MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOATIME));
  EXPECT_EQ(o.recursive_clear, static_cast<std::uint64_t>(MOUNT_ATTR_NODEV | MOUNT_ATTR__ATIME));
  EXPECT_EQ(o.flags, 0UL);
}

TEST(MountOptions, IdmapWords) {
  EXPECT_TRUE(parse_mount_options({"idmap"}).idmap);
  const auto recursive = parse_mount_options({"ridmap"});
  EXPECT_TRUE(recursive.idmap && recursive.idmap_recursive);
}

TEST(MountOptions, UnknownWordsGoToTheFileSystem) { EXPECT_EQ(parse_mount_options({"uid=5", "", "whatever"}).data, "uid=5,,whatever"); }

TEST(MountOptions, PropagationWords) {
  EXPECT_EQ(propagation_flags("rshared"), static_cast<unsigned long>(MS_SHARED | MS_REC));
  EXPECT_EQ(propagation_flags("sideways"), 0UL);
}

TEST(MountOptions, KnownOptionsAreSorted) {
  const auto names = known_mount_options();
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
  EXPECT_TRUE(std::binary_search(names.begin(), names.end(), "rro"));
}

}  // namespace
}  // namespace fulcrum::runtime
