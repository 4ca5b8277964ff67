#include "image/build/expand.h"

#include <gmock/gmock.h>

#include "base/testing.h"

namespace fulcrum::image::build {
namespace {

using fulcrum::testing::ErrorIs;

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::vector<std::string> kEnvironment = {"PWD=/home", "NULL=", "FILE=a.tar.gz", "SPACES= a  b ", "STARS=a*b*c", "VÄR=x"};

std::string expand(std::string_view word) {
  auto out = expand_word(word, lookup_in(kEnvironment));
  return out ? *out : "error: " + out.error().message;
}

TEST(ExpandTest, Variables) {
  const std::pair<const char*, const char*> cases[] = {
      {"plain", "plain"},
      {"$PWD", "/home"},
      {"${PWD}x", "/homex"},
      {"$PWDx.", "."},
      {"$", "$"},
      {"a$.b", "a$.b"},
      {"$12a", "a"},
      {"$?a$$b$#", "ab"},
      {"${UNSET:-d}${UNSET-d}${NULL:-d}${NULL-d}", "ddd"},
      {"${PWD:+y}${PWD+y}${NULL:+y}${NULL+y}${UNSET:+y}${UNSET+y}", "yyy"},
      {"${UNSET:-${NULL:-$PWD}}", "/home"},
      {"${PWD:?no}${NULL?no}", "/home"},
      {"${UNSET:-a\\}b}", "a}b"},
      {"\\$PWD \\\\$PWD", "$PWD \\/home"},
      {"$VÄR", "x"},
  };
  for (const auto& [word, expected] : cases) EXPECT_EQ(expand(word), expected) << word;
}

TEST(ExpandTest, Patterns) {
  const std::pair<const char*, const char*> cases[] = {
      {"${FILE#*.}", "tar.gz"},     {"${FILE##*.}", "gz"},     {"${FILE%.*}", "a.tar"},     {"${FILE%%.*}", "a"},
      {"${FILE#?.}", "tar.gz"},     {"${FILE#x}", "a.tar.gz"}, {"${FILE%}", "a.tar.gz"},    {"${STARS#a\\*}", "b*c"},
      {"${STARS%\\**}", "a*b"},     {"${STARS%%\\**}", "a"},   {"${FILE/./_}", "a_tar.gz"}, {"${FILE//./_}", "a_tar_gz"},
      {"${PWD//\\//:}", ":home"},   {"${FILE/a*./x}", "xgz"},  {"${FILE/z/}", "a.tar.g"},   {"${UNSET/a/b}", ""},
      {"${FILE//?/x}", "xxxxxxxx"}, {"${NULL/#/x}", ""},
  };
  for (const auto& [word, expected] : cases) EXPECT_EQ(expand(word), expected) << word;
}

TEST(ExpandTest, QuotesAndEscapes) {
  const std::pair<const char*, const char*> cases[] = {
      {R"("$PWD")", "/home"}, {"'$PWD'", "$PWD"},    {R"("a'b")", "a'b"},        {R"('a"b')", "a\"b"},    {R"("a\tb")", R"(a\tb)"},
      {R"(a\tb)", "atb"},     {R"("a\"b")", "a\"b"}, {R"("a\$b")", "a$b"},       {R"("a\\b")", R"(a\b)"}, {R"('a\')", R"(a\)"},
      {"end\\", "end"},       {R"(a\ b)", "a b"},    {R"("'$PWD'")", "'/home'"},
  };
  for (const auto& [word, expected] : cases) EXPECT_EQ(expand(word), expected) << word;
}

TEST(ExpandTest, Errors) {
  const std::pair<const char*, const char*> cases[] = {
      {"'a", "looking for matching single-quote"},
      {"\"a", "looking for matching double-quote"},
      {"${", "missing '}'"},
      {"${PWD", "unsupported modifier"},
      {"${PWD:-a", "missing '}'"},
      {"${}", "bad substitution"},
      {"${:x}", "bad substitution"},
      {"${{x}", "bad substitution"},
      {"${PWD:x}", "unsupported modifier (:x)"},
      {"${PWD=x}", "unsupported modifier (=)"},
      {"${PWD:#x}", "unsupported modifier (:#)"},
      {"${UNSET?gone}", "UNSET: gone"},
      {"${UNSET?}", "UNSET: is not allowed to be unset"},
      {"${NULL:?}", "NULL: is not allowed to be empty"},
      {"${PWD/x}", "missing '/'"},
      {"${PWD#\\x}", "invalid escape"},
  };
  for (const auto& [word, message] : cases)
    EXPECT_THAT(expand(word), ::testing::AllOf(HasSubstr("error: failed to process"), HasSubstr(message))) << word;
  std::string deep = "x";
  for (int i = 0; i < 5000; ++i) deep = "${UNSET:-" + deep + "}";
  EXPECT_THAT(expand_word(deep, {}), ErrorIs(Code::invalid_argument, "nested"));
  EXPECT_THAT(expand_word("$PWD$PWD$PWD", lookup_in(kEnvironment), {.max = 10}), ErrorIs(Code::resource_exhausted));
}

TEST(ExpandTest, PatternsThatTakeLongAreRefused) {
  const auto lookup = [](std::string_view) { return std::optional(std::string(60000, 'a')); };
  EXPECT_THAT(expand_word("${x//" + std::string(1000, '*') + "b/}", lookup), ErrorIs(Code::resource_exhausted));
}

TEST(ExpandTest, Words) {
  const auto words = [](std::string_view text) { return expand_words(text, lookup_in(kEnvironment)).value(); };
  EXPECT_THAT(words("a  b"), ElementsAre("a", "b"));
  EXPECT_THAT(words("x${SPACES}y"), ElementsAre("x", "a", "b", "y"));
  EXPECT_THAT(words("x\"${SPACES}\"y"), ElementsAre("x a  b y"));
  EXPECT_THAT(words("a\\ b 'c d'"), ElementsAre("a b", "c d"));
  EXPECT_THAT(words("$UNSET \"\""), ElementsAre());
  EXPECT_THAT(words("cat << EOF"), ElementsAre("cat", "<< EOF"));
}

TEST(ExpandTest, Options) {
  EXPECT_EQ(expand_word("\"$x\" ${x:-y} ${x} $PWD", lookup_in(kEnvironment), {.raw_quotes = true, .keep_unset = true}).value(),
            "\"$x\" ${x:-y} ${x} /home");
  EXPECT_EQ(expand_word("'$PWD' \\$PWD", lookup_in(kEnvironment), {.keep_quotes = true}).value(), "'/home' $PWD");
  EXPECT_EQ(expand_word("`$PWD C:\\x", lookup_in(kEnvironment), {.escape = '`'}).value(), "$PWD C:\\x");
  std::set<std::string> unset;
  EXPECT_TRUE(expand_word("$a ${b:-$c} $PWD", lookup_in(kEnvironment), {}, &unset));
  EXPECT_THAT(unset, ElementsAre("a", "b", "c"));
  EXPECT_EQ(lookup_in(std::vector<std::string>{"a=1", "a=2", "b"})("a"), "2");
}

}  // namespace
}  // namespace fulcrum::image::build
