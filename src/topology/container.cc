// container = an OCI image + a set of namespaces on this host.
#include "topology/topology.h"

namespace fulcrum::topology {

namespace {

class Container final : public Topology {
 public:
  explicit Container(sandbox::Sandbox& namespaces) : namespaces_(namespaces) {}
  api::Topology kind() const override { return api::Topology::container; }
  Result<> available() const override { return {}; }
  sandbox::Sandbox& sandbox() const override { return namespaces_; }
  std::string_view isolation() const override { return "namespaces"; }

 private:
  sandbox::Sandbox& namespaces_;
};

}  // namespace

std::unique_ptr<Topology> make_container(sandbox::Sandbox& namespaces) { return std::make_unique<Container>(namespaces); }

}  // namespace fulcrum::topology
