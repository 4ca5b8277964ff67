#include <algorithm>
#include <boost/json.hpp>

#include "api/workload/codec.h"
#include "api/workload/spec_schema.h"
#include "topology/topology.h"

namespace fulcrum::topology {

namespace json = boost::json;
using Kind = api::Topology;
using enum Support;

namespace {

constexpr std::array kKinds = {Kind::vm, Kind::thin_vm, Kind::vm_container, Kind::container, Kind::caas, Kind::on_demand, Kind::serverless};

struct Row {
  std::string_view field;
  Capability container;
};

// What a container does with each field. A field that is in no row works.
constexpr std::array kContainerRows = {
    Row{"disk", {refused, "a container has no disk of its own", Kind::vm}},
    Row{"code", {refused, "a container runs an image; code is packaged by the function topology", Kind::serverless}},
    Row{"runtime", {refused, "belongs to code", Kind::serverless}},
    Row{"handler", {refused, "belongs to code", Kind::serverless}},
    Row{"replicas", {refused, "a container is one; copies are kept by a cluster or a fleet", Kind::caas}},
    Row{"dependsOn",
        {degrades, "kept by the client that applies a file: the engine starts a single workload when told so", Kind::container}},
};

template <class F>
void for_each_field(F&& f) {
  std::apply([&](const auto&... field) { (f(field.name), ...); }, schema::Schema<api::WorkloadSpec>::fields);
}

std::string cell(const Capability& capability) {
  if (capability.support == works) return "works";
  std::string text = std::string(to_string(capability.support)) + ": " + std::string(capability.reason);
  if (capability.support == refused) text += " (nearest: " + std::string(api::to_string(capability.nearest)) + ")";
  return text;
}

/// The fields that a spec sets, as they are written.
std::vector<std::string> fields_set(const api::WorkloadSpec& spec) {
  std::vector<std::string> names;
  const auto encoded = json::parse(api::to_json(spec));
  for (const auto& [name, value] : encoded.get_object()) {
    if (name == "replicas" && spec.replicas == 1) continue;
    if (value.is_string() && value.get_string().empty()) continue;
    names.emplace_back(name);
  }
  return names;
}

}  // namespace

std::string_view to_string(Support support) {
  switch (support) {
    case works: return "works";
    case degrades: return "degrades";
    case refused: return "refused";
  }
  return "unknown";
}

Capability capability(std::string_view field, Kind topology) {
  if (topology != Kind::container) return {refused, "this topology is not available in this build", Kind::container};
  const auto row = std::find_if(kContainerRows.begin(), kContainerRows.end(), [&](const Row& r) { return r.field == field; });
  return row == kContainerRows.end() ? Capability{} : row->container;
}

Topologies::Topologies(sandbox::Sandbox& namespaces)
    : all_{make_vm(), make_thin_vm(), make_vm_container(), make_container(namespaces), make_caas(), make_on_demand(), make_serverless()} {
  for (const auto kind : kKinds) FULCRUM_ASSERT(of(kind).kind() == kind);
}

Result<> Topologies::check(const api::WorkloadSpec& spec) const {
  const auto& topology = of(spec.topology);
  TRY(topology.available());
  std::string lines;
  const auto add = [&](std::string_view path, std::string_view message) {
    lines += fmt::format("{}{}: {}", lines.empty() ? "" : "\n", path, message);
  };
  for (const auto& field : fields_set(spec)) {
    const auto found = capability(field, spec.topology);
    if (found.support == refused) add(field, fmt::format("{}; nearest: {}", found.reason, api::to_string(found.nearest)));
  }
  for (const auto& violation : topology.sandbox().unsupported(spec)) add(violation.path, violation.message);
  if (!lines.empty()) return std::unexpected(Error{Code::unimplemented, lines});
  return {};
}

std::string Topologies::capabilities_json() const {
  json::array topologies;
  for (const auto kind : kKinds) {
    const auto& topology = of(kind);
    const auto available = topology.available();
    json::object fields;
    const auto degraded = available ? topology.sandbox().degraded() : std::map<std::string, std::string>();
    for_each_field([&](std::string_view name) {
      auto found = capability(name, kind);
      const auto less = degraded.find(std::string(name));
      if (found.support == works && less != degraded.end()) found = {degrades, less->second};
      json::object entry{{"support", std::string(to_string(found.support))}};
      if (found.support != works) entry["reason"] = std::string(found.reason);
      if (found.support == refused) entry["nearest"] = std::string(api::to_string(found.nearest));
      fields[std::string(name)] = std::move(entry);
    });
    json::object one{{"name", std::string(api::to_string(kind))},
                     {"available", available.has_value()},
                     {"isolation", std::string(topology.isolation())},
                     {"fields", std::move(fields)}};
    if (!available) one["reason"] = available.error().message;
    topologies.push_back(std::move(one));
  }
  return json::serialize(json::object{{"topologies", std::move(topologies)}});
}

std::string capabilities_page() {
  std::string page =
      "# What each field of a workload does at each topology\n\nPrinted from `src/topology/capabilities.cc`; do not edit. The table is "
      "asked before "
      "anything starts: a field that is\nrefused is an error that names it, never ignored. What this machine's kernel cannot do comes on "
      "top "
      "(`GET /v1/capabilities`, `fulcrum info`).\n\nTopologies other than `container` are not available in this build.\n\n| field | "
      "container |\n|---|---|\n";
  for_each_field([&](std::string_view name) { page += fmt::format("| `{}` | {} |\n", name, cell(capability(name, Kind::container))); });
  return page;
}

}  // namespace fulcrum::topology
