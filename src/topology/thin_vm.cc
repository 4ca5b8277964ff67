#include "topology/absent.h"

namespace fulcrum::topology {

std::unique_ptr<Topology> make_thin_vm() {
  return std::make_unique<Absent>(api::Topology::thin_vm, "machine", "a machine sandbox, a fleet controller and seeds");
}

}  // namespace fulcrum::topology
