// Text in, text out, without Boost.JSON in the caller. Instantiated for every type of spec.h and workload.h that stands on its own.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/workload/workload.h"
#include "base/error.h"

namespace fulcrum::api {

/// Reads one JSON document; unknown fields are refused. Error: invalid_argument with every violation, `path: message` a line.
template <class T>
[[nodiscard]] Result<T> from_json(std::string_view text);
/// The same for what the store holds: unknown fields (a newer engine's) are ignored.
template <class T>
[[nodiscard]] Result<T> from_stored(std::string_view text);
/// Compact JSON.
template <class T>
std::string to_json(const T& value);
/// The JSON Schema of a type, indented.
template <class T>
std::string json_schema_text();

/// The reference page of a type and of all that stands in it, in Markdown.
template <class T>
std::string reference_page();

/// Reads the workloads of a YAML or JSON file: documents separated by ---, a list, or a map with `workloads:`.
/// Errors carry the document's number and name: `workload 2 (web): resources.memory: "12Q" is not a size`.
[[nodiscard]] Result<std::vector<WorkloadSpec>> parse_workload_file(std::string_view text);

std::string_view to_string(Topology topology);
std::string_view to_string(Phase phase);

}  // namespace fulcrum::api
