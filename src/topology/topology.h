// A topology is a composition of mechanisms: which sandbox holds the workload, and what stands around it. Seven small files make them.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "api/workload/spec.h"
#include "base/error.h"
#include "sandbox/sandbox.h"

namespace fulcrum::topology {

class Topology {
 public:
  virtual ~Topology() = default;
  virtual api::Topology kind() const = 0;
  /// Whether workloads can be run at this point here. Error: unimplemented, saying what is missing and which topology is nearest.
  [[nodiscard]] virtual Result<> available() const = 0;
  /// What holds one workload. Only of an available topology.
  virtual sandbox::Sandbox& sandbox() const = 0;
  /// What separates a workload from the host, in one word.
  virtual std::string_view isolation() const = 0;
};

/// How a field of the workload fares at a topology.
enum class Support { works, degrades, refused };
std::string_view to_string(Support support);

struct Capability {
  Support support = Support::works;
  std::string_view reason;                           ///< of what does not simply work
  api::Topology nearest = api::Topology::container;  ///< of what is refused: where it can be had
};

/// The static part of the capability table: a field of WorkloadSpec ("resources", "disk", …) at a topology.
Capability capability(std::string_view field, api::Topology topology);

/// All seven. Sandboxes that are handed in must outlive it.
class Topologies {
 public:
  explicit Topologies(sandbox::Sandbox& namespaces);
  const Topology& of(api::Topology kind) const { return *all_[static_cast<std::size_t>(kind)]; }

  /// Nothing is accepted and ignored: checks every field that is set against the table, and against what the sandbox can do on this
  /// machine. Error: unimplemented with one `field: reason; nearest: topology` a line.
  [[nodiscard]] Result<> check(const api::WorkloadSpec& spec) const;
  /// `{"topologies":[{"name","available","reason","isolation","fields":{"disk":{"support","reason","nearest"}}}]}`
  std::string capabilities_json() const;

 private:
  std::array<std::unique_ptr<Topology>, 7> all_;
};

/// The text of docs/generated/capabilities.md.
std::string capabilities_page();

std::unique_ptr<Topology> make_container(sandbox::Sandbox& namespaces);
std::unique_ptr<Topology> make_vm();
std::unique_ptr<Topology> make_thin_vm();
std::unique_ptr<Topology> make_vm_container();
std::unique_ptr<Topology> make_caas();
std::unique_ptr<Topology> make_on_demand();
std::unique_ptr<Topology> make_serverless();

}  // namespace fulcrum::topology
