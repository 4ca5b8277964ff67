#include "control/event_stream.h"

#include <poll.h>

#include "api/workload/codec.h"

namespace fulcrum::control {

Result<EventStream> EventStream::open(Objects& objects) {
  auto past = TRY(objects.events());
  auto watch = TRY(objects.store().watch(kEvents, past.revision + 1));
  return EventStream(objects, std::move(past.items), std::move(watch));
}

Result<> EventStream::follow(const StopSource& stop, Interest client, std::optional<Time> until,
                             const std::function<Result<>(const api::Event&)>& tell) {
  for (;;) {
    const auto deadline = until ? Deadline::in(*until - objects_.clock().now()) : Deadline::never();
    const auto ready = wait_any(stop, deadline, {{watch_->fd(), POLLIN}, client});
    if (!ready || *ready == 1) return {};
    for (const auto& change : TRY(watch_->next())) {
      if (change.type != store::Event::Type::put) continue;  // the ring forgets its oldest
      auto event = TRY(api::from_stored<api::Event>(change.record.value));
      event.revision = change.record.revision;
      TRY(tell(event));
    }
  }
}

}  // namespace fulcrum::control
