#include "server/docker/path_stat.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

namespace fulcrum::server::docker {
namespace {

TEST(GoFileMode, PutsTypeAndSpecialBitsAtTheTop) {
  EXPECT_EQ(go_file_mode(S_IFREG | 0644), 0644U);
  EXPECT_EQ(go_file_mode(S_IFDIR | 0755), 0x80000000U | 0755U);
  EXPECT_EQ(go_file_mode(S_IFDIR | 01777), 0x80100000U | 0777U);
  EXPECT_EQ(go_file_mode(S_IFLNK | 0777), 0x08000000U | 0777U);
  EXPECT_EQ(go_file_mode(S_IFBLK | 0660), 0x04000000U | 0660U);
  EXPECT_EQ(go_file_mode(S_IFCHR | 0666), 0x04200000U | 0666U);
  EXPECT_EQ(go_file_mode(S_IFIFO | 0600), 0x02000000U | 0600U);
  EXPECT_EQ(go_file_mode(S_IFSOCK | 0600), 0x01000000U | 0600U);
  EXPECT_EQ(go_file_mode(S_IFREG | 06755), 0x00c00000U | 0755U);
}

TEST(PathStat, TheTopIsCalledSlash) {
  const native::PathStat info{.name = ".", .mode = S_IFDIR | 0755};
  EXPECT_EQ(path_stat(info, "/", "").name, "/");
  EXPECT_EQ(path_stat(info, "/a/.", "").name, ".");
}

TEST(FilesystemChange, CountsTheKinds) {
  EXPECT_EQ(filesystem_change({image::Change::Kind::changed, "/a"}).kind, 0);
  EXPECT_EQ(filesystem_change({image::Change::Kind::added, "/a"}).kind, 1);
  EXPECT_EQ(filesystem_change({image::Change::Kind::deleted, "/a"}).kind, 2);
}

}  // namespace
}  // namespace fulcrum::server::docker
