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
TEST(Words, Utf8) {
  for (const auto* good : {"", "plain", "\u00fc", "\u20ac", "\U0001F600", "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf"})
    EXPECT_TRUE(is_utf8(good)) << good;
  for (const auto* bad : {"\xf8", "\x80", "\xc3", "\xc0\xaf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "a\xff"})
    EXPECT_FALSE(is_utf8(bad));
}
TEST(Words, SplitAtSeparator) {
  EXPECT_EQ(split("a::b", ':'), (Words{"a", "", "b"}));
  EXPECT_EQ(split("", ':'), (Words{""}));
}
}  // namespace
}  // namespace fulcrum
