// Names for workloads that were given none.
#pragma once

#include <string>

namespace fulcrum::control {

/// "calm_heron": an adjective and a bird or beast.
std::string random_name();

}  // namespace fulcrum::control
