#include "topology/absent.h"

namespace fulcrum::topology {

std::unique_ptr<Topology> make_vm_container() {
  return std::make_unique<Absent>(api::Topology::vm_container, "machine", "a machine sandbox with the guest agent");
}

}  // namespace fulcrum::topology
