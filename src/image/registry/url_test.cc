#include "image/registry/url.h"

#include "base/testing.h"

namespace fulcrum::image::registry {
namespace {

using testing::ErrorIs;

TEST(Url, IsTakenApart) {
  const auto url = Url::parse("HTTPS://Host.Example/v2/?a=b#c").value();
  EXPECT_EQ(url.scheme, "https");
  EXPECT_EQ(url.authority(), "host.example:443");
  EXPECT_EQ(Url::parse("http://[::1]:5000").value().authority(), "[::1]:5000");
  EXPECT_EQ(Url::parse("http://h").value().port, 80);
}

TEST(Url, RefusesWhatIsNoRegistryAddress) {
  for (const char* text :
       {"", "h", "/x", "ftp://h/", "file:///etc/passwd", "http://user@h/", "http://u:p@h/", "http://", "http://[", "http://h:99999/"}) {
    EXPECT_THAT(Url::parse(text), ErrorIs(Code::invalid_argument)) << text;
  }
  EXPECT_THAT(Url::parse("http://h/" + std::string(20'000, 'x')), ErrorIs(Code::invalid_argument));
  EXPECT_THAT(Url::parse(std::string("http://h/\0x", 11)), ErrorIs(Code::invalid_argument));
}

TEST(Url, ResolvesReferences) {
  const auto base = Url::parse("https://h:5000/v2/a/blobs/x").value();
  EXPECT_EQ(base.resolve("/y?q").value().text, "https://h:5000/y?q");
  EXPECT_EQ(base.resolve("//other/z").value().authority(), "other:443");
  EXPECT_TRUE(base.resolve("z").value().same_origin(base));
  EXPECT_FALSE(base.resolve("https://h:5001/").value().same_origin(base));
  EXPECT_FALSE(base.resolve("http://h:5000/").value().same_origin(base));
  EXPECT_THAT(base.resolve("gopher://h/"), ErrorIs(Code::invalid_argument));
}

TEST(Url, QueriesAreEscaped) {
  EXPECT_EQ(with_query("http://h/t", "scope", "repository:a/b:pull,push x"), "http://h/t?scope=repository%3Aa%2Fb%3Apull%2Cpush%20x");
  EXPECT_EQ(with_query("http://h/t?x=1", "a", "b"), "http://h/t?x=1&a=b");
}

TEST(Url, KnowsLoopback) {
  for (const char* host : {"localhost", "127.0.0.1", "127.255.0.3", "[::1]"}) EXPECT_TRUE(is_loopback_host(host)) << host;
  for (const char* host : {"localhost.example", "128.0.0.1", "127.0.0.1.example", "127.1", "[::2]", ""})
    EXPECT_FALSE(is_loopback_host(host)) << host;
}

}  // namespace
}  // namespace fulcrum::image::registry
