#include "base/words.h"

#include "base/testing.h"

namespace fulcrum {
namespace {
using testing::ErrorIs;
using testing::IsOkAndHolds;
using Words = std::vector<std::string>;

TEST(Words, SplitAsAShellDoes) {
  EXPECT_THAT(split_words(R"(sh -c 'echo "a b"' x\ y "q\"\n" '')"), IsOkAndHolds(Words{"sh", "-c", "echo \"a b\"", "x y", "q\"\\n", ""}));
  EXPECT_THAT(split_words("  "), IsOkAndHolds(Words{}));
  EXPECT_THAT(split_words("a 'b"), ErrorIs(Code::invalid_argument));
  EXPECT_THAT(split_words("a\\"), ErrorIs(Code::invalid_argument));
}
TEST(Words, JoinedWordsSplitIntoTheSame) {
  const Words words{"a b", "", "it's", "plain", "$HOME", "\\", "\n"};
  EXPECT_THAT(split_words(join_words(words)), IsOkAndHolds(words));
}
TEST(Words, SplitAtSeparator) {
  EXPECT_EQ(split("a::b", ':'), (Words{"a", "", "b"}));
  EXPECT_EQ(split("", ':'), (Words{""}));
}
}  // namespace
}  // namespace fulcrum
