#include "topology/absent.h"

namespace fulcrum::topology {

std::unique_ptr<Topology> make_caas() { return std::make_unique<Absent>(api::Topology::caas, "node", "a cluster controller and nodes"); }

}  // namespace fulcrum::topology
