#include "api/workload/codec.h"

#include "api/workload/short_forms.h"
#include "api/workload/workload_schema.h"

namespace fulcrum::api {

template <class T>
Result<T> from_json(std::string_view text) {
  return schema::decode_text<T>(text, schema::UnknownFields::reject);
}
template <class T>
Result<T> from_stored(std::string_view text) {
  return schema::decode_text<T>(text, schema::UnknownFields::ignore);
}
template <class T>
std::string to_json(const T& value) {
  return schema::encode_text(value);
}
template <class T>
std::string json_schema_text() {
  return schema::pretty(schema::json_schema<T>());
}

template <class T>
std::string reference_page() {
  return schema::markdown(schema::json_schema<T>());
}

#define FULCRUM_INSTANTIATE(T)                         \
  template Result<T> from_json<T>(std::string_view);   \
  template Result<T> from_stored<T>(std::string_view); \
  template std::string to_json<T>(const T&);           \
  template std::string json_schema_text<T>();          \
  template std::string reference_page<T>();
FULCRUM_INSTANTIATE(WorkloadSpec)
FULCRUM_INSTANTIATE(Workload)
FULCRUM_INSTANTIATE(VolumeSpec)
FULCRUM_INSTANTIATE(Volume)
FULCRUM_INSTANTIATE(NetworkSpec)
FULCRUM_INSTANTIATE(Network)
FULCRUM_INSTANTIATE(NetworkAttachment)
FULCRUM_INSTANTIATE(FileSpec)
FULCRUM_INSTANTIATE(StoredFile)
FULCRUM_INSTANTIATE(Event)
FULCRUM_INSTANTIATE(ExecSpec)
FULCRUM_INSTANTIATE(Exec)
FULCRUM_INSTANTIATE(Resources)
#undef FULCRUM_INSTANTIATE

std::string_view to_string(Topology topology) {
  for (const auto& [value, name] : schema::EnumNames<Topology>::names)
    if (value == topology) return name;
  return "unknown";
}

Result<Topology> parse_topology(std::string_view text) {
  std::string list;
  for (const auto& [value, name] : schema::EnumNames<Topology>::names) {
    if (name == text) return value;
    list += (list.empty() ? "" : ", ") + std::string(name);
  }
  return fail(Code::invalid_argument, "\"{}\" is not one of {}", text, list);
}

std::string_view to_string(Phase phase) {
  for (const auto& [value, name] : schema::EnumNames<Phase>::names)
    if (value == phase) return name;
  return "unknown";
}

}  // namespace fulcrum::api
