#include "os/user_namespace.h"

#include <gtest/gtest.h>

namespace fulcrum::os {
namespace {

TEST(UserNamespace, TheFirstMapsEverythingToItself) {
  EXPECT_TRUE(is_first_user_namespace("         0          0 4294967295\n"));
  EXPECT_FALSE(is_first_user_namespace("         0       1000          1\n         1     100000      65536\n"));
  EXPECT_FALSE(is_first_user_namespace("         0     100000 4294000000\n"));
  EXPECT_FALSE(is_first_user_namespace(""));
}

TEST(UserNamespace, IdsAreCounted) {
  EXPECT_EQ(count_ids("         0       1000          1\n         1     100000      65536\n"), 65537u);
  EXPECT_EQ(count_ids("0 1000 1\n"), 1u);
  EXPECT_EQ(count_ids(""), 0u);
}

}  // namespace
}  // namespace fulcrum::os
