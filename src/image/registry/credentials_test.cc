#include "image/registry/credentials.h"

#include "base/testing.h"

namespace fulcrum::image::registry {
namespace {

using testing::ErrorIs;
using testing::IsOkAndHolds;

const Bounds& bounds() {
  static const Bounds made{.stop = StopSource::never(), .deadline = Deadline::in(std::chrono::seconds(60))};
  return made;
}

TEST(Base64, GoesBothWays) {
  for (const std::string text : {"", "f", "fo", "foo", "foob", "fooba", "foobar", "\xff\xfe:\x01"}) {
    EXPECT_THAT(decode_base64(encode_base64(text)), IsOkAndHolds(text));
  }
  EXPECT_EQ(encode_base64("foob"), "Zm9vYg==");
  EXPECT_THAT(decode_base64("Zm9vYg"), IsOkAndHolds("foob"));
  EXPECT_THAT(decode_base64("Zm9v Yg"), ErrorIs(Code::invalid_argument));
  EXPECT_THAT(decode_base64("Z"), ErrorIs(Code::invalid_argument));
}

TEST(Credentials, AreFoundByHostAndByOldAddresses) {
  const std::string config = R"({"auths": {"one:5000": {"auth": "YWxpY2U6cDpx"}, "https://two/v1/": {"username": "bob", "password": "x"},
    "https://index.docker.io/v1/": {"identitytoken": "refresh", "auth": "dG9rZW46"}, "three": {"registrytoken": "direct"}}})";
  EXPECT_THAT(find_credential(config, "one:5000", bounds()), IsOkAndHolds(Credential{.username = "alice", .password = "p:q"}));
  EXPECT_THAT(find_credential(config, "two", bounds()), IsOkAndHolds(Credential{.username = "bob", .password = "x"}));
  EXPECT_THAT(find_credential(config, "docker.io", bounds()), IsOkAndHolds(Credential{.username = "token", .identity_token = "refresh"}));
  EXPECT_THAT(find_credential(config, "three", bounds()), IsOkAndHolds(Credential{.registry_token = "direct"}));
  EXPECT_THAT(find_credential(config, "one", bounds()), IsOkAndHolds(Credential{}));
}

TEST(Credentials, OddFilesAreErrorsThatShowNoSecret) {
  EXPECT_THAT(find_credential("[]", "x", bounds()), ErrorIs(Code::invalid_argument));
  EXPECT_THAT(find_credential("{}", "x", bounds()), IsOkAndHolds(Credential{}));
  EXPECT_THAT(find_credential(R"({"auths": 7, "credHelpers": [], "credsStore": {}})", "x", bounds()), IsOkAndHolds(Credential{}));
  EXPECT_THAT(find_credential(R"({"auths": {"x": 7}})", "x", bounds()), IsOkAndHolds(Credential{}));
  const auto bad = find_credential(R"({"auths": {"x": {"auth": "c2VjcmV0"}}})", "x", bounds());
  ASSERT_THAT(bad, ErrorIs(Code::invalid_argument, "auths[x].auth"));
  EXPECT_EQ(bad.error().message.find("secret"), std::string::npos);
}

TEST(Credentials, HelpersArePlainNames) {
  EXPECT_THAT(find_credential(R"({"credsStore": "../../bin/sh"})", "x", bounds()), ErrorIs(Code::invalid_argument, "plain name"));
  EXPECT_THAT(find_credential(R"({"credHelpers": {"x": "a b"}})", "x", bounds()), ErrorIs(Code::invalid_argument, "plain name"));
  EXPECT_THAT(find_credential(R"({"credHelpers": {"x": "a b"}})", "y", bounds()), IsOkAndHolds(Credential{}));
}

TEST(Credentials, OptionsComeBeforeTheFile) {
  testing::TemporaryDirectory folder;
  ASSERT_OK(sys::write_file_atomic(folder / "config.json", R"({"auths": {"x": {"username": "file"}, "y": {"username": "file"}}})"));
  const Options options{.docker_config = folder / "config.json", .credentials = {{"x", {.username = "given"}}}};
  EXPECT_EQ(credential_for(options, "x", bounds()).value().username, "given");
  EXPECT_EQ(credential_for(options, "y", bounds()).value().username, "file");
  EXPECT_TRUE(credential_for({.docker_config = folder / "none"}, "x", bounds()).value().empty());
}

}  // namespace
}  // namespace fulcrum::image::registry
