// Nodes made into typed instructions.
#pragma once

#include "base/error.h"
#include "image/build/dockerfile.h"
#include "image/build/nodes.h"

namespace fulcrum::image::build {

/// Any instruction but FROM. Errors: invalid_argument, without the line.
[[nodiscard]] Result<Instruction> make_instruction(const Node& node);
/// FROM.
[[nodiscard]] Result<Stage> make_stage(const Node& node);

}  // namespace fulcrum::image::build
