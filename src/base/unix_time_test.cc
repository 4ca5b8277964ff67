#include "base/unix_time.h"

#include <gtest/gtest.h>

#include "base/testing.h"

namespace fulcrum {
namespace {
using testing::ErrorIs;
using testing::IsOkAndHolds;

TEST(UnixTime, IsExactToTheNanosecond) {
  const auto at = [](std::int64_t ns) { return Time{std::chrono::nanoseconds(ns)}; };
  EXPECT_THAT(parse_unix_time("0"), IsOkAndHolds(at(0)));
  EXPECT_THAT(parse_unix_time("1700000000.123456789"), IsOkAndHolds(at(1'700'000'000'123'456'789)));
  EXPECT_THAT(parse_unix_time("1700000000.5"), IsOkAndHolds(at(1'700'000'000'500'000'000)));
  EXPECT_THAT(parse_unix_time("1.00000000199"), IsOkAndHolds(at(1'000'000'001)));
  for (const auto* bad : {"", ".", "-1", "1.-5", "1.5.5", "1x", "99999999999", "1e3"})
    EXPECT_THAT(parse_unix_time(bad), ErrorIs(Code::invalid_argument)) << bad;
}

}  // namespace
}  // namespace fulcrum
