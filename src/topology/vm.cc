#include "topology/absent.h"

namespace fulcrum::topology {

std::unique_ptr<Topology> make_vm() {
  return std::make_unique<Absent>(api::Topology::vm, "machine", "a machine sandbox with firmware and a disk of its own");
}

}  // namespace fulcrum::topology
