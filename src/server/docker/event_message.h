// The engine's events in Docker's words.
#pragma once

#include <string>
#include <vector>

#include "api/docker/event.h"
#include "api/workload/workload.h"
#include "server/docker/support.h"

namespace fulcrum::server::docker {

/// One event as clients of this API are told it.
api::docker::EventMessage event_message(const api::Event& event);

/// Whether a stream with these filters tells it: each key must be met by one of its values. `event`, `type` and `scope` are compared;
/// `container`, `volume`, `network` … match the beginning of an ID or name; `image` an ID, a name, or a name without its tag.
bool wanted(const Filters& filters, const api::docker::EventMessage& message);

}  // namespace fulcrum::server::docker
