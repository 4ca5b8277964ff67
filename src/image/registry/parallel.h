// A few threads working through a list until it is done or one of them fails.
#pragma once

#include <cstddef>
#include <functional>

#include "base/error.h"
#include "image/registry/bounds.h"
#include "image/registry/session.h"

namespace fulcrum::image::registry {

/// Calls `job` for 0 … count-1, each once, in order of start, from up to `connections` threads that each have their own session. The first
/// failure stops the others (through Bounds::group) and is returned; all threads have ended when this returns.
[[nodiscard]] Result<> in_parallel(Shared& shared, unsigned connections, std::size_t count, const Bounds& bounds,
                                   const std::function<Result<>(Session&, std::size_t, const Bounds&)>& job);

}  // namespace fulcrum::image::registry
