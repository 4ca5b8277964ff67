// Signals by name.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace fulcrum {

/// "TERM", "SIGTERM", "15", "RTMIN+3". Errors: invalid_argument.
[[nodiscard]] Result<int> parse_signal(std::string_view text);
/// "SIGTERM"; a number for those that have no name.
std::string signal_name(int signo);

}  // namespace fulcrum
