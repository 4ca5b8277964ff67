#include "topology/absent.h"

namespace fulcrum::topology {

std::unique_ptr<Topology> make_on_demand() {
  return std::make_unique<Absent>(api::Topology::on_demand, "machine", "a machine sandbox, a placement service and a meter");
}

}  // namespace fulcrum::topology
