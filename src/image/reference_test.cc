#include "image/reference.h"

#include "base/testing.h"

namespace fulcrum::image {
namespace {

using testing::ErrorIs;

const std::string kHex(64, 'a');

struct Good {
  std::string text, canonical, familiar;
};

class GoodReference : public ::testing::TestWithParam<Good> {};

TEST_P(GoodReference, IsNormalised) {
  const auto parsed = Reference::parse(GetParam().text);
  ASSERT_OK(parsed);
  EXPECT_EQ(parsed->str(), GetParam().canonical);
  EXPECT_EQ(parsed->familiar(), GetParam().familiar);
  EXPECT_EQ(Reference::parse(parsed->str()).value(), *parsed);
  EXPECT_EQ(Reference::parse(parsed->familiar()).value(), *parsed);
}

INSTANTIATE_TEST_SUITE_P(
    Docker, GoodReference,
    ::testing::Values(
        Good{"nginx", "docker.io/library/nginx:latest", "nginx:latest"}, Good{"nginx:1.22", "docker.io/library/nginx:1.22", "nginx:1.22"},
        Good{"library/nginx", "docker.io/library/nginx:latest", "nginx:latest"},
        Good{"docker.io/nginx", "docker.io/library/nginx:latest", "nginx:latest"},
        Good{"index.docker.io/a/b", "docker.io/a/b:latest", "a/b:latest"}, Good{"localhost/x", "localhost/x:latest", "localhost/x:latest"},
        Good{"localhost:5000/x", "localhost:5000/x:latest", "localhost:5000/x:latest"},
        Good{"docker.io/localhost/x", "docker.io/localhost/x:latest", "docker.io/localhost/x:latest"},
        Good{"localhost:5000", "docker.io/library/localhost:5000", "localhost:5000"},
        Good{"localhost:5000/x@sha256:" + kHex, "localhost:5000/x@sha256:" + kHex, "localhost:5000/x@sha256:" + kHex},
        Good{"nginx:1@sha256:" + kHex, "docker.io/library/nginx:1@sha256:" + kHex, "nginx:1@sha256:" + kHex},
        Good{"Foo/bar", "Foo/bar:latest", "Foo/bar:latest"}, Good{"[::1]:5000/a/b:t", "[::1]:5000/a/b:t", "[::1]:5000/a/b:t"},
        Good{"127.0.0.1:80/a__b/c---d.e_f", "127.0.0.1:80/a__b/c---d.e_f:latest", "127.0.0.1:80/a__b/c---d.e_f:latest"},
        Good{"a.b/c:_x.Y-z", "a.b/c:_x.Y-z", "a.b/c:_x.Y-z"}, Good{"sha256:abc", "docker.io/library/sha256:abc", "sha256:abc"}));

struct Bad {
  std::string text, why;
};

class BadReference : public ::testing::TestWithParam<Bad> {};

TEST_P(BadReference, IsRefused) { EXPECT_THAT(Reference::parse(GetParam().text), ErrorIs(Code::invalid_argument, GetParam().why)); }

INSTANTIATE_TEST_SUITE_P(Docker, BadReference,
                         ::testing::Values(Bad{"", "empty"}, Bad{"/", "not a repository name"}, Bad{":tag", "empty"},
                                           Bad{"localhost:5000/", "empty"}, Bad{"Nginx", "lower case"}, Bad{"a/Nginx", "lower case"},
                                           Bad{"a//b", "not a repository name"}, Bad{"a..b", "not a repository name"},
                                           Bad{"a___b", "not a repository name"}, Bad{"-a", "not a repository name"},
                                           Bad{"a-", "not a repository name"}, Bad{"a/../b", "not a repository name"},
                                           Bad{"../b", "not a registry host"}, Bad{"a b", "not a repository name"}, Bad{"a:", "not a tag"},
                                           Bad{"a:.x", "not a tag"}, Bad{"a:" + std::string(129, 'x'), "not a tag"},
                                           Bad{"a@sha256:abc", "not a digest"}, Bad{"a@sha256:" + std::string(64, 'A'), "not a digest"},
                                           Bad{"a@md5:" + std::string(32, 'a'), "not a digest"}, Bad{"a@", "not a digest"},
                                           Bad{kHex, "image ID"}, Bad{"host:0/x", "registry host"}, Bad{"host:70000/x", "registry host"},
                                           Bad{"-h.x/x", "registry host"}, Bad{"h..x/x", "registry host"}, Bad{"[zz:1]/x", "registry host"},
                                           Bad{"https://h/x", "registry host"}, Bad{"user@h.x/x", "registry host"},
                                           Bad{"h.x:80:90/x", "registry host"}, Bad{std::string(256, 'a'), "longer than 255"},
                                           Bad{std::string(250, 'a'), "longer than 255"}, Bad{std::string(2000, 'a'), "longer than 1024"},
                                           Bad{"a\nb", "\\x0a"}, Bad{"a\x1b[31m", "\\x1b"}));

TEST(Reference, AsksForTheDigestWhenThereIsOne) {
  EXPECT_EQ(Reference::parse("a:b").value().selector(), "b");
  EXPECT_EQ(Reference::parse("a:b@sha256:" + kHex).value().selector(), "sha256:" + kHex);
}

TEST(Reference, AllowsLongestTagAndName) {
  EXPECT_OK(Reference::parse("a:" + std::string(128, 'x')));
  EXPECT_OK(Reference::parse("h.x/" + std::string(255, 'a')));
}

}  // namespace
}  // namespace fulcrum::image
