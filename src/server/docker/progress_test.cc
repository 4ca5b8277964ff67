#include "server/docker/progress.h"

#include <gtest/gtest.h>

#include "api/docker/progress_schema.h"
#include "server/docker/registry_errors.h"

namespace fulcrum::server::docker {
namespace {

TEST(Progress, TheBarIsFiftyWide) {
  EXPECT_EQ(progress_bar(0, 0), "");
  EXPECT_EQ(progress_bar(1234, 0), " 1.234kB");
  EXPECT_EQ(progress_bar(0, 1000), "[>" + std::string(50, ' ') + "]       0B/1kB");
  EXPECT_EQ(progress_bar(500, 1000), "[" + std::string(25, '=') + ">" + std::string(25, ' ') + "]     500B/1kB");
  EXPECT_EQ(progress_bar(1'500'000, 1'500'000), "[" + std::string(50, '=') + ">]    1.5MB/1.5MB");
  EXPECT_EQ(progress_bar(3000, 2000), "[" + std::string(50, '=') + ">]      3kB");
}

TEST(Progress, OnlyWhatIsSetIsWritten) {
  EXPECT_EQ(
      schema::encode_text(api::docker::ProgressMessage{.status = "Waiting", .progress_detail = api::docker::ProgressDetail{}, .id = "x"}),
      R"({"status":"Waiting","progressDetail":{},"id":"x"})");
  EXPECT_EQ(schema::encode_text(api::docker::ProgressMessage{.error_detail = api::docker::ErrorDetail{.message = "no"}, .error = "no"}),
            R"({"errorDetail":{"message":"no"},"error":"no"})");
}

http::Headers with_auth(const std::string& text) { return {{"X-Registry-Auth", text}}; }

TEST(RegistryAuth, BothAlphabetsWithAndWithoutPadding) {
  EXPECT_TRUE(credential_of(http::Headers())->empty());
  EXPECT_TRUE(credential_of(with_auth("e30="))->empty());
  EXPECT_TRUE(credential_of(with_auth("e30"))->empty());
  EXPECT_TRUE(credential_of(with_auth("bnVsbA=="))->empty());
  // {"username":"ü?","password":"~~~"}
  const auto given = credential_of(with_auth("eyJ1c2VybmFtZSI6IsO8PyIsInBhc3N3b3JkIjoifn5-In0"));
  ASSERT_TRUE(given) << given.error().message;
  EXPECT_EQ(given->username, "ü?");
  EXPECT_EQ(given->password, "~~~");
  // {"auth":"YTpiOmM="} is a:b:c
  const auto pair = credential_of(with_auth("eyJhdXRoIjoiWVRwaU9tTT0ifQ=="));
  ASSERT_TRUE(pair) << pair.error().message;
  EXPECT_EQ(pair->username, "a");
  EXPECT_EQ(pair->password, "b:c");
  EXPECT_EQ(credential_of(with_auth("???")).error().code, Code::invalid_argument);
  EXPECT_EQ(credential_of(with_auth("W10=")).error().code, Code::invalid_argument);
}

TEST(RegistryErrors, AreThoseThatClientsKnow) {
  const auto reference = image::Reference::parse("team/app:1").value();
  const auto of = [&](Code code, const char* text, const char* verb = "pull", bool known = true) {
    return registry_error({code, text}, reference, verb, known);
  };
  EXPECT_EQ(of(Code::not_found, "404: MANIFEST_UNKNOWN").message, "manifest for team/app:1 not found: 404: MANIFEST_UNKNOWN");
  EXPECT_EQ(of(Code::not_found, "NAME_UNKNOWN").message, "repository team/app not found: NAME_UNKNOWN");
  const auto denied = of(Code::permission_denied, "no");
  EXPECT_EQ(denied.code, Code::not_found);
  EXPECT_EQ(denied.message, "pull access denied for team/app, repository does not exist or may require 'docker login': no");
  EXPECT_EQ(of(Code::unauthenticated, "no").code, Code::unauthenticated);
  EXPECT_EQ(of(Code::unauthenticated, "no", "pull", false).code, Code::not_found);
  EXPECT_EQ(of(Code::unavailable, "cut").code, Code::internal);
  EXPECT_EQ(of(Code::permission_denied, "no", "push").code, Code::permission_denied);
}

}  // namespace
}  // namespace fulcrum::server::docker
