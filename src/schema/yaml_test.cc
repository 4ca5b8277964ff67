#include "schema/yaml.h"

#include <boost/json.hpp>

#include "base/testing.h"

namespace fulcrum::schema {
namespace {
using testing::ErrorIs;

std::string to_json(std::string_view yaml) { return boost::json::serialize(parse_yaml(yaml).value().at(0)); }

TEST(Yaml, ScalarsFollowTheCoreSchema) {
  EXPECT_EQ(to_json("{a: 1, b: 1.5, c: true, d: yes, e: \"1\", f: ~, g: 0x1f, h: -3, i: 1.2.3, j: 8080:80}"),
            R"({"a":1,"b":1.5E0,"c":true,"d":"yes","e":"1","f":null,"g":31,"h":-3,"i":"1.2.3","j":"8080:80"})");
}
TEST(Yaml, AnchorsAndMergeKeysWork) {
  EXPECT_EQ(to_json("base: &b {x: 1, y: 2}\nuse:\n  <<: *b\n  y: 3\n"), R"({"base":{"x":1,"y":2},"use":{"x":1,"y":3}})");
}
TEST(Yaml, SeveralDocuments) { EXPECT_EQ(parse_yaml("a: 1\n---\nb: 2\n").value().size(), 2u); }
TEST(Yaml, ErrorsNameLineAndColumn) {
  EXPECT_THAT(parse_yaml("a: [1\nb: 2"), ErrorIs(Code::invalid_argument, "line"));
  EXPECT_THAT(parse_yaml("a: \xf8"), ErrorIs(Code::invalid_argument, "not UTF-8"));
  EXPECT_THAT(parse_yaml("a: 1\na: 2"), ErrorIs(Code::invalid_argument, "line 2: a stands twice"));
}
TEST(Yaml, TextInWhichDocumentsNeverEndIsRefused) {
  EXPECT_THAT(parse_yaml("{resources\"entba},int\":[]}()"), ErrorIs(Code::invalid_argument, "documents"));
}
TEST(Yaml, BombsAreRefused) {
  std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 9; ++i) {
    bomb += fmt::format("a{0}: &a{0} [", i);
    for (int j = 0; j < 10; ++j) bomb += fmt::format("{}*a{}", j > 0 ? "," : "", i - 1);
    bomb += "]\n";
  }
  EXPECT_THAT(parse_yaml(bomb), ErrorIs(Code::resource_exhausted));
}
}  // namespace
}  // namespace fulcrum::schema
