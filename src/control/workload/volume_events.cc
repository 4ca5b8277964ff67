#include "control/workload/volume_events.h"

namespace fulcrum::control {

std::vector<api::Event> volume_events(const Objects& objects, const api::Workload& workload, bool begins) {
  std::vector<api::Event> events;
  for (const auto& mount : workload.status.mounts) {
    if (mount.type != "volume") continue;
    std::map<std::string, std::string> attributes{
        {"workload", workload.spec.name}, {"workloadId", workload.metadata.uid}, {"driver", mount.driver.empty() ? "local" : mount.driver}};
    if (begins) {
      attributes["destination"] = mount.target;
      attributes["propagation"] = mount.propagation;
      attributes["read/write"] = mount.read_only ? "false" : "true";
    }
    events.push_back(objects.event("volume", begins ? "mount" : "unmount", mount.name, mount.name, std::move(attributes)));
  }
  return events;
}

}  // namespace fulcrum::control
