// Shell completion, made from the same declarations as the parser.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace fulcrum::cli {

/// A script for bash, zsh or fish. Verbs and flags stand in it; names of workloads and images are asked for while completing.
[[nodiscard]] Result<std::string> completion_script(std::string_view shell);

}  // namespace fulcrum::cli
