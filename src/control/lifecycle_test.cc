#include "control/lifecycle.h"

#include <cstdlib>

#include "base/sys.h"
#include "base/testing.h"

namespace fulcrum::control {
namespace {

using testing::ErrorIs;
using testing::IsOkAndHolds;

TEST(Lifecycle, EveryPairIsAnEdgeOrAnError) {
  for (const auto phase : kPhases)
    for (const auto trigger : kTriggers) {
      api::Workload w{.spec = {.name = "w"}, .status = {.phase = phase}};
      const auto to = next(phase, trigger);
      const auto moved = advance(w, trigger);
      EXPECT_EQ(moved.has_value(), to.has_value());
      EXPECT_EQ(w.status.phase, to.value_or(phase));
      if (!to) {
        EXPECT_THAT(moved, ErrorIs(Code::internal, "no edge"));
      }
    }
}

TEST(Lifecycle, WhatIsActiveHasAnExit) {
  for (const auto phase : kPhases)
    if (is_active(phase)) {
      EXPECT_EQ(next(phase, Trigger::exited), Phase::stopped);
    }
}

/// The page in docs/ is what the table says. FULCRUM_WRITE_DOCS=1 writes it.
TEST(LifecyclePage, IsUpToDate) {
  const std::string path = std::string(FULCRUM_SOURCE_DIR) + "/docs/lifecycle.md";
  if (std::getenv("FULCRUM_WRITE_DOCS") != nullptr) {
    ASSERT_OK(sys::write_file_atomic(path, lifecycle_page()));
  }
  EXPECT_THAT(sys::read_file(path), IsOkAndHolds(lifecycle_page()));
}

}  // namespace
}  // namespace fulcrum::control
