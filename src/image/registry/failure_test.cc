#include "image/registry/failure.h"

#include "base/testing.h"

namespace fulcrum::image::registry {
namespace {

using std::chrono::seconds;
using testing::ErrorIs;

Response answer(int status, std::string body = {}) { return {.status = status, .body = std::move(body)}; }

TEST(Failure, ShowsTheErrorsOfTheSpecification) {
  const auto error = error_from(answer(404, R"({"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":{"Tag":"x"}},
                                              {"code":"OTHER"}, 7]})"),
                                "manifest x");
  EXPECT_EQ(error.code, Code::not_found);
  EXPECT_EQ(error.message, R"(manifest x: the registry answered 404: MANIFEST_UNKNOWN: manifest unknown ({"Tag":"x"}); OTHER)");
}

TEST(Failure, ShowsOtherBodiesSparingly) {
  EXPECT_EQ(error_from(answer(500, "<html>…"), "x").message, "x: the registry answered 500");
  EXPECT_EQ(error_from(answer(500, "first\nsecond"), "x").message, "x: the registry answered 500: first");
  EXPECT_EQ(error_from(answer(401, R"({"details":"wrong"})"), "x").message, "x: the registry answered 401: wrong");
  EXPECT_EQ(error_from(answer(400, "\x1b[31m"), "x").message, "x: the registry answered 400: \\x1b[31m");
  EXPECT_LT(error_from(answer(400, std::string(60'000, 'x')), "x").message.size(), 1100U);
}

TEST(Failure, MapsStatuses) {
  const std::pair<int, Code> kCases[] = {{400, Code::invalid_argument},
                                         {401, Code::unauthenticated},
                                         {403, Code::permission_denied},
                                         {404, Code::not_found},
                                         {405, Code::unimplemented},
                                         {413, Code::resource_exhausted},
                                         {416, Code::out_of_range},
                                         {429, Code::resource_exhausted},
                                         {500, Code::unavailable},
                                         {503, Code::unavailable},
                                         {302, Code::unknown}};
  for (const auto& [status, code] : kCases) EXPECT_EQ(error_from(answer(status), "x").code, code) << status;
  for (const int status : {408, 429, 500, 502, 503, 504}) EXPECT_TRUE(failure_from(answer(status), "x").retriable) << status;
  for (const int status : {400, 401, 403, 404, 413, 501, 505}) EXPECT_FALSE(failure_from(answer(status), "x").retriable) << status;
}

TEST(Failure, AHostThatNeverAnsweredIsNotTriedAgain) {
  EXPECT_FALSE(failure_from(Error{Code::unavailable, "x", ECONNREFUSED}, false).retriable);
  EXPECT_TRUE(failure_from(Error{Code::unavailable, "x", ECONNREFUSED}, true).retriable);
  EXPECT_TRUE(failure_from(Error{Code::unavailable, "x", ECONNRESET}, false).retriable);
  EXPECT_FALSE(failure_from(Error{Code::failed_precondition, "TLS"}, true).retriable);
}

TEST(Failure, RetryAfterIsSecondsOrADate) {
  const Time now{seconds(1'700'000'000)};  // 2023-11-14T22:13:20Z
  EXPECT_EQ(parse_retry_after("7", now), seconds(7));
  EXPECT_EQ(parse_retry_after("Tue, 14 Nov 2023 22:14:20 GMT", now), seconds(60));
  EXPECT_EQ(parse_retry_after("Tue, 14 Nov 2022 22:14:20 GMT", now), seconds(0));
  EXPECT_EQ(parse_retry_after("", now), std::nullopt);
  EXPECT_EQ(parse_retry_after("soon", now), std::nullopt);
  EXPECT_GT(parse_retry_after("99999999999999", now), std::chrono::hours(1));
}

class RetryTest : public ::testing::Test {
 protected:
  RetryPolicy policy{.tries = 3, .base = std::chrono::milliseconds(1), .cap = std::chrono::milliseconds(2)};
  Failure failure{.error = {Code::unavailable, "busy"}, .retriable = true};
  Bounds bounds{.stop = StopSource::never(), .deadline = Deadline::in(seconds(10))};
};

TEST_F(RetryTest, GivesUpAfterTheTriesOfThePolicy) {
  Retry retry(policy);
  EXPECT_OK(retry.again(failure, bounds));
  EXPECT_OK(retry.again(failure, bounds));
  EXPECT_THAT(retry.again(failure, bounds), ErrorIs(Code::unavailable, "gave up after 3 tries"));
}

TEST_F(RetryTest, ProgressStartsTheCountAnew) {
  Retry retry(policy);
  for (int i = 0; i < 10; ++i) {
    EXPECT_OK(retry.again(failure, bounds));
    retry.progressed();
  }
}

TEST_F(RetryTest, IsEndedByStopSiblingAndDeadline) {
  policy.base = policy.cap = std::chrono::hours(1);
  const StopSource fired;
  fired.request_stop();
  EXPECT_THAT(Retry(policy).again(failure, {.stop = fired}), ErrorIs(Code::cancelled));
  EXPECT_THAT(Retry(policy).again(failure, {.stop = StopSource::never(), .group = fired}), ErrorIs(Code::cancelled));
  EXPECT_THAT(Retry(policy).again(failure, bounds), ErrorIs(Code::deadline_exceeded, "busy"));
}

TEST_F(RetryTest, TooLongAWaitIsAnError) {
  failure.retry_after = std::chrono::hours(1);
  EXPECT_THAT(Retry(policy).again(failure, bounds), ErrorIs(Code::unavailable, "asks to wait 3600 s"));
}

}  // namespace
}  // namespace fulcrum::image::registry
