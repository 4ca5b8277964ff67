#include "base/pattern.h"

#include <gtest/gtest.h>

#include <regex>
#include <string>

namespace fulcrum {
namespace {

bool found(std::string_view pattern, std::string_view text) {
  const auto parsed = Pattern::parse(pattern);
  EXPECT_TRUE(parsed) << pattern;
  return parsed && parsed->found_in(text);
}

TEST(Pattern, AgreesWithTheStandardLibrary) {
  constexpr const char* kPatterns[] = {
      "",        "a",        "^a",           "a$",     "^a$",      "ab|cd", "^(ab|cd)+$", "a.c",    "[a-c]x",  "[^a-c]x",        "a*b",
      "^a?b$",   "(a|b)*c",  "^a{2,3}$",     "^a{2}$", "^a{2,}b$", "\\.x",  "\\d+",       "^\\w+$", "\\s",     "[\\d-]+$",       "(?:x|y)z",
      "^[]a]+$", "web[0-9]", "^web-[0-9]+$", "(a*)*b", "(|a)b",    "a|",    "^$",         "x+?y",   "[a\\-z]", "^(a|ab)(c|bcd)$"};
  constexpr const char* kTexts[] = {"",   "a", "b",   "ab", "ba", "abc", "abcd", "aab",    "aaab", "cd", "cdab", "axc",      "a.x", "12",
                                    "a1", "-", "a b", "xz", "yz", "]a",  "web1", "web-12", "dx",   "ax", "xxy",  "my-web-7", "\n",  "aa"};
  for (const auto* pattern : kPatterns)
    for (const std::string text : kTexts) {
      // ECMAScript reads "[]" as an empty set; everybody else as a set with a bracket.
      const std::regex reference(std::string_view(pattern) == "^[]a]+$" ? "^[\\]a]+$" : pattern);
      EXPECT_EQ(found(pattern, text), std::regex_search(text, reference)) << pattern << " in " << text;
    }
}

TEST(Pattern, FoldsCaseWhenAsked) {
  EXPECT_TRUE(found("(?i)^WEB$", "web"));
  EXPECT_TRUE(found("(?i)[a-c]x", "BX"));
  EXPECT_FALSE(found("WEB", "web"));
}

TEST(Pattern, RefusesWhatItDoesNotKnow) {
  for (const auto* text :
       {"(", ")", "a)", "[a", "*", "a**{", "a{1", "a{2,1}", "a{1,99999}", "\\", "\\1", "\\b", "(?=a)", "(?P<n>a)", "[[:alpha:]]", "[b-a]"})
    EXPECT_FALSE(Pattern::parse(text)) << text;
}

TEST(Pattern, StaysSmallAndQuickWhateverIsAsked) {
  EXPECT_FALSE(Pattern::parse("((((a{1000}){1000}){1000}){1000})"));
  EXPECT_FALSE(Pattern::parse(std::string(100'000, '(')));
  EXPECT_FALSE(Pattern::parse(std::string(100'000, 'a')));
  const auto hostile = Pattern::parse("^(a+)+(a+)+(a+)+$");
  ASSERT_TRUE(hostile);
  EXPECT_FALSE(hostile->found_in(std::string(2000, 'a') + "b"));
}

}  // namespace
}  // namespace fulcrum
