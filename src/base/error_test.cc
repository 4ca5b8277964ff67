#include "base/error.h"

#include "base/testing.h"

namespace fulcrum {
namespace {
using testing::ErrorIs;
using testing::IsOkAndHolds;

Result<int> half(int n) {
  if (n % 2 != 0) return fail(Code::invalid_argument, "{} is odd", n);
  return n / 2;
}
Result<int> quarter(int n) { return TRY(half(TRY(half(n), "quarter of {}", n))); }

TEST(Error, TryReturnsTheValue) { EXPECT_THAT(quarter(8), IsOkAndHolds(2)); }
TEST(Error, ContextIsPutBeforeTheMessage) { EXPECT_THAT(quarter(7), ErrorIs(Code::invalid_argument, "quarter of 7: 7 is odd")); }
TEST(Error, ErrnoTextComesLast) {
  Result<> r = fail_errno(EACCES, "open {}", "/x");
  EXPECT_EQ(r.error(), (Error{Code::permission_denied, "open /x: Permission denied", EACCES}));
}
TEST(Error, TryWorksOnMoveOnlyValues) {
  auto make = []() -> Result<UniqueFd> { return UniqueFd(-1); };
  auto use = [&]() -> Result<bool> {
    auto fd = TRY(make());
    return fd.valid();
  };
  EXPECT_THAT(use(), IsOkAndHolds(false));
}
}  // namespace
}  // namespace fulcrum
