#include "api/workload/codec.h"
#include "api/workload/spec_schema.h"
#include "schema/yaml.h"

namespace fulcrum::api {
namespace {

namespace json = boost::json;

/// A document may be one workload, a list of them, or a map with `workloads`.
Result<std::vector<json::value>> flatten(const std::vector<json::value>& documents) {
  std::vector<json::value> out;
  const auto add_list = [&](const json::array& list) { out.insert(out.end(), list.begin(), list.end()); };
  for (const auto& document : documents) {
    if (document.is_null()) continue;
    if (const auto* list = document.if_array()) {
      add_list(*list);
      continue;
    }
    const auto* object = document.if_object();
    const auto* list = object == nullptr ? nullptr : object->if_contains("workloads");
    if (list == nullptr) {
      out.push_back(document);
    } else if (object->size() > 1 || !list->is_array()) {
      return fail(Code::invalid_argument, "workloads: must be a list and stand alone");
    } else {
      add_list(list->get_array());
    }
  }
  return out;
}

std::string title(const json::value& document, std::size_t number) {
  const auto* object = document.if_object();
  const auto* name = object == nullptr ? nullptr : object->if_contains("name");
  const auto* text = name == nullptr ? nullptr : name->if_string();
  return text == nullptr ? fmt::format("workload {}", number)
                         : fmt::format("workload {} ({})", number, std::string_view(text->data(), text->size()));
}

}  // namespace

Result<std::vector<WorkloadSpec>> parse_workload_file(std::string_view text) {
  const auto documents = TRY(flatten(TRY(schema::parse_yaml(text))));
  if (documents.empty()) return fail(Code::invalid_argument, "the file holds no workload");
  std::vector<WorkloadSpec> out;
  std::string problems;
  for (std::size_t i = 0; i < documents.size(); ++i) {
    auto spec = schema::decode<WorkloadSpec>(documents[i]);
    if (spec) {
      out.push_back(std::move(*spec));
      continue;
    }
    for (const auto& v : spec.error()) {
      if (!problems.empty()) problems += '\n';
      if (documents.size() > 1) problems += title(documents[i], i + 1) + ": ";
      problems += v.path.empty() ? v.message : v.path + ": " + v.message;
    }
  }
  if (!problems.empty()) return std::unexpected(Error{Code::invalid_argument, std::move(problems)});
  return out;
}

}  // namespace fulcrum::api
