#include "os/subid.h"

#include <gmock/gmock.h>

namespace fulcrum::os {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Subid, RangesAreFoundByNameAndByNumber) {
  EXPECT_THAT(parse_subids("bob:5:5\nann:100000:65536\n1000:300000:10\n", "ann", 1000),
              ElementsAre(SubidRange{100000, 65536}, SubidRange{300000, 10}));
}

TEST(Subid, ALineOfAnotherUserWhoseNameBeginsAlikeIsNotOurs) {
  EXPECT_THAT(parse_subids("anna:100000:65536\nan:1:2\n10000:7:7\n", "ann", 1000), IsEmpty());
}

TEST(Subid, MalformedLinesArePassedOver) {
  const char* text = "ann\nann:\nann:1\nann:x:5\nann:5:x\nann:5:5 \nann:-1:5\nann:5:0\nann:4294967290:100\n:5:5\n\nann:70000:5";
  EXPECT_THAT(parse_subids(text, "ann", 1000), ElementsAre(SubidRange{70000, 5}));
  EXPECT_THAT(parse_subids(":5:5\n", "", 1000), IsEmpty());
}

TEST(Subid, NoMoreRangesThanTheLimit) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "ann:" + std::to_string(100000 + i) + ":1\n";
  EXPECT_EQ(parse_subids(text, "ann", 1).size(), kMaxSubidRanges);
}

TEST(Subid, UserNameByNumber) {
  const char* passwd = "root:x:0:0:root:/root:/bin/sh\nbroken\nann:x:1000:1000::/home/ann:/bin/sh\n";
  EXPECT_EQ(user_name(passwd, 1000), "ann");
  EXPECT_EQ(user_name(passwd, 100), std::nullopt);
}

TEST(Subid, TheUserIsRootAndTheRangesFollow) {
  const auto map = map_for_user(1000, {{100000, 65536}, {300000, 10}});
  EXPECT_EQ(format_id_map(map), "0 1000 1\n1 100000 65536\n65537 300000 10\n");
  EXPECT_EQ(mapped_ids(map), 65547u);
}

TEST(Subid, ARangeThatContainsTheUserIsLeftOut) { EXPECT_EQ(format_id_map(map_for_user(1000, {{500, 1000}})), "0 1000 1\n"); }

TEST(Subid, NothingGoesPastTheLastId) {
  const auto map = map_for_user(1, {{2, 4294967293u}, {2, 4294967293u}, {7, 1}});
  EXPECT_LE(mapped_ids(map), 4294967295u);
}

}  // namespace
}  // namespace fulcrum::os
