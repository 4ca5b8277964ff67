// What a run takes of volumes and gives back, as events.
#pragma once

#include <vector>

#include "control/objects.h"

namespace fulcrum::control {

/// One event for each volume of a workload: mounted when it begins to run, unmounted when it has ended.
std::vector<api::Event> volume_events(const Objects& objects, const api::Workload& workload, bool begins);

}  // namespace fulcrum::control
