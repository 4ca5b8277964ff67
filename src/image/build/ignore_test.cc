#include "image/build/ignore.h"

#include <gmock/gmock.h>

#include "base/testing.h"

namespace fulcrum::image::build {
namespace {

using fulcrum::testing::ErrorIs;
using ::testing::ElementsAre;

bool excludes(const std::vector<std::string>& patterns, std::string_view path) {
  return IgnoreRules::create(patterns).value().excludes(path);
}

TEST(IgnoreTest, NamesMatchAsGoDoes) {
  const std::tuple<const char*, const char*, bool> cases[] = {
      {"abc", "abc", true},     {"*", "abc", true},      {"*c", "abc", true},
      {"a*", "ab/c", false},    {"a*/b", "abc/b", true}, {"a*/b", "a/c/b", false},
      {"a?b", "a☺b", true},     {"a?b", "a/b", false},   {"[a-c]x", "bx", true},
      {"[^a-c]x", "bx", false}, {"[^a]", "☺", true},     {"a\\*b", "a*b", true},
      {"[\\-x]", "-", true},    {"*x*y", "axbxy", true}, {"a*b?c*x", "abxbbxdbxebxczzx", true},
      {"[a-b-c]", "a", false},  {"", "", true},          {"", "a", false},
  };
  for (const auto& [pattern, name, expected] : cases) {
    if (std::string_view(pattern) == "[a-b-c]") continue;
    EXPECT_EQ(match_name(pattern, name).value_or(!expected), expected) << pattern << " " << name;
  }
  for (const char* bad : {"[", "[]a]", "[-]", "[x-]", "[-x]", "[a-b-c]", "a[", "[^", "[^bc", "\\", "a\\"})
    EXPECT_THAT(match_name(bad, "a"), ErrorIs(Code::invalid_argument, "syntax error in pattern")) << bad;
}

TEST(IgnoreTest, Rules) {
  const std::tuple<const char*, const char*, bool> cases[] = {
      {"**", "a/b", true},
      {"**/", "a", true},
      {"dir/**", "dir/a/b", true},
      {"dir/**", "dir", false},
      {"**/dir2/*", "dir/dir2/x", true},
      {"**/dir2/*", "dir2/x/y", true},
      {"**/x", "x", true},
      {"**/x", "a/b/x", true},
      {"**/x", "ax", false},
      {"a/**/z", "a/z", true},
      {"a/**/z", "a/b/c/z", true},
      {"a/**/z", "az", false},
      {"**.go", "a/b.go", true},
      {"**.go", "b.go.x", false},
      {"*.go", "a/b.go", false},
      {"a", "a/b/c", true},
      {"a.b", "axb", false},
      {"a(b)|c", "a(b)|c", true},
      {"/a", "a", false},
      {"a\\*", "a*", true},
      {"a\\*", "ab", false},
      {"**/*.md", "x.md/y", true},
      {"?", "a", true},
      {"[ab]c", "bc/d", true},
      {"a**b", "ab", true},
      {"a**b", "ax/b", true},
      {"a**", "a/b", true},
      {" a/./b/../c ", "a/c", true},
  };
  for (const auto& [pattern, path, expected] : cases) EXPECT_EQ(excludes({pattern}, path), expected) << pattern << " " << path;
}

TEST(IgnoreTest, ExceptionsTurnTheLastMatchRound) {
  const std::vector<std::string> rules = {"*", "!src", "src/*.o", "!src/keep.o", "src/private"};
  EXPECT_TRUE(excludes(rules, "README"));
  EXPECT_FALSE(excludes(rules, "src"));
  EXPECT_FALSE(excludes(rules, "src/a.c"));
  EXPECT_TRUE(excludes(rules, "src/a.o"));
  EXPECT_FALSE(excludes(rules, "src/keep.o"));
  EXPECT_TRUE(excludes(rules, "src/private/x"));
  EXPECT_FALSE(excludes({"*"}, "."));
  EXPECT_TRUE(IgnoreRules::create(rules)->has_exceptions());
  EXPECT_FALSE(IgnoreRules::create({"a"})->has_exceptions());
  EXPECT_THAT(IgnoreRules::create({"!"}), ErrorIs(Code::invalid_argument, "illegal exclusion pattern: \"!\""));
  EXPECT_THAT(IgnoreRules::create({"a["}), ErrorIs(Code::invalid_argument, "syntax error in pattern"));
}

TEST(IgnoreTest, Files) {
  EXPECT_THAT(read_ignore_file("\xef\xbb\xbf# c\n\n  a/ \n/b\n ! /c/../d\r\n#x\n!\n #y\n"), ElementsAre("a", "b", "!d", "!", "#y"));
  EXPECT_THAT(ignore_file_names("sub/Dockerfile"), ElementsAre("sub/Dockerfile.dockerignore", ".dockerignore"));
}

}  // namespace
}  // namespace fulcrum::image::build
