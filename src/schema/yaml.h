// YAML is read into the JSON document model, so that there is one decoder.
#pragma once

#include <boost/json/value.hpp>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace fulcrum::schema {

/// Reads every document of a YAML (or JSON) stream. Plain scalars follow the YAML 1.2 core schema (true, 12, 0x1f, 1.5, null, ~; `yes` and
/// `on` are strings). Errors: invalid_argument with line and column; resource_exhausted past 8 MiB of text, 64 levels or 100,000 nodes
/// after aliases.
[[nodiscard]] Result<std::vector<boost::json::value>> parse_yaml(std::string_view text);

}  // namespace fulcrum::schema
