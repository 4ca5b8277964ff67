#include "base/tree.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/sys.h"
#include "base/testing.h"

namespace fulcrum::sys {
namespace {

TEST(TreeUsage, CountsEachFileOnceAndNoFolders) {
  std::string top = ::testing::TempDir() + "/tree-usage-XXXXXX";
  ASSERT_NE(::mkdtemp(top.data()), nullptr);
  ASSERT_TRUE(make_directories(top + "/a/b"));
  std::ofstream(top + "/a/one") << std::string(1000, 'x');
  std::ofstream(top + "/a/b/two") << std::string(500, 'x');
  ASSERT_EQ(::link((top + "/a/one").c_str(), (top + "/a/b/again").c_str()), 0);
  ASSERT_EQ(::symlink("one", (top + "/a/link").c_str()), 0);
  const auto usage = tree_usage(top);
  ASSERT_TRUE(usage);
  EXPECT_EQ(usage->bytes, 1000u + 500u + 3u);
  EXPECT_GE(usage->disk, 1500u);
  std::filesystem::remove_all(top);
}

TEST(TreeUsage, NamesWhatIsNotThere) {
  const auto usage = tree_usage("/no/such/folder");
  ASSERT_FALSE(usage);
  EXPECT_EQ(usage.error().code, Code::not_found);
}

}  // namespace
}  // namespace fulcrum::sys
