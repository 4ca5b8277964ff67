#include "base/units.h"

#include "base/testing.h"

namespace fulcrum {
namespace {
using namespace std::chrono_literals;
using testing::ErrorIs;
using testing::IsOkAndHolds;

TEST(Units, Sizes) {
  EXPECT_THAT(parse_size("128Mi"), IsOkAndHolds(128ll << 20));
  EXPECT_THAT(parse_size("128m"), IsOkAndHolds(128ll << 20));
  EXPECT_THAT(parse_size("1.5GB"), IsOkAndHolds(3ll << 29));
  EXPECT_THAT(parse_size("42"), IsOkAndHolds(42));
  for (const auto* bad : {"12Q", "", "-1", "Mi", "1 Mi", "0x10", "1e3", "99999P"})
    EXPECT_THAT(parse_size(bad), ErrorIs(Code::invalid_argument)) << bad;
  EXPECT_EQ(format_size(128ll << 20), "128Mi");
  EXPECT_EQ(format_size(1536), "1.5Ki");
}
TEST(Units, Durations) {
  EXPECT_THAT(parse_duration("1m30s"), IsOkAndHolds(90s));
  EXPECT_THAT(parse_duration("250ms"), IsOkAndHolds(250ms));
  EXPECT_THAT(parse_duration("1.5h"), IsOkAndHolds(90min));
  EXPECT_THAT(parse_duration("-2s"), IsOkAndHolds(-2s));
  for (const auto* bad : {"", "5", "s", "1x", "-", "1s "}) EXPECT_THAT(parse_duration(bad), ErrorIs(Code::invalid_argument)) << bad;
  EXPECT_EQ(format_duration(90s), "1m30s");
  EXPECT_EQ(format_duration(1500ms), "1.5s");
  EXPECT_EQ(format_duration(0s), "0s");
}
TEST(Units, Times) {
  const Time t{1'714'557'600'000'000'001ns};
  EXPECT_EQ(format_time(t), "2024-05-01T10:00:00.000000001Z");
  EXPECT_THAT(parse_time("2024-05-01T10:00:00.000000001Z"), IsOkAndHolds(t));
  EXPECT_THAT(parse_time("2024-05-01T12:00:00.000000001+02:00"), IsOkAndHolds(t));
  for (const auto* bad : {"", "2024", "2024-13-01T00:00:00Z", "2024-05-01T10:00:00", "2024-05-01T10:00:00.Z"})
    EXPECT_THAT(parse_time(bad), ErrorIs(Code::invalid_argument)) << bad;
}
}  // namespace
}  // namespace fulcrum
