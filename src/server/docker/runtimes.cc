#include "server/docker/runtimes.h"

#include <array>

namespace fulcrum::server::docker {

namespace {

constexpr std::array kPoints{std::pair{api::Topology::vm, "fulcrum-vm"},
                             std::pair{api::Topology::thin_vm, "fulcrum-thin-vm"},
                             std::pair{api::Topology::vm_container, "fulcrum-vm-container"},
                             std::pair{api::Topology::container, "fulcrum"},
                             std::pair{api::Topology::container, "runc"},
                             std::pair{api::Topology::container, "io.containerd.runc.v2"}};

}  // namespace

std::map<std::string, api::Topology> runtimes(const topology::Topologies& topologies) {
  std::map<std::string, api::Topology> names;
  for (const auto& [kind, name] : kPoints)
    if (topologies.of(kind).available()) names.emplace(name, kind);
  return names;
}

Result<api::Topology> runtime_topology(const topology::Topologies& topologies, std::string_view name) {
  const auto known = runtimes(topologies);
  const auto found = known.find(std::string(name.empty() ? kDefaultRuntime : name));
  if (found == known.end()) return fail(Code::invalid_argument, "unknown or invalid runtime name: {}", name);
  return found->second;
}

std::string_view runtime_name(api::Topology topology) {
  if (topology == api::Topology::container) return kDefaultRuntime;
  for (const auto& [kind, name] : kPoints)
    if (kind == topology) return name;
  return "";  // the rest of the continuum comes with functions and fleets, never through this API
}

}  // namespace fulcrum::server::docker
