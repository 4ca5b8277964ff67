#include "topology/absent.h"

namespace fulcrum::topology {

std::unique_ptr<Topology> make_serverless() {
  return std::make_unique<Absent>(api::Topology::serverless, "machine", "a packager, an invoker and a machine sandbox");
}

}  // namespace fulcrum::topology
