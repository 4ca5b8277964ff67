// What happened and what happens, as one stream without a gap.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/wait.h"
#include "control/objects.h"

namespace fulcrum::control {

/// The events that are kept, and those that come after them. One thread at a time.
class EventStream {
 public:
  /// From here on nothing is missed, however late follow() is called.
  [[nodiscard]] static Result<EventStream> open(Objects& objects);

  /// What was recorded before open(), oldest first.
  const std::vector<api::Event>& past() const { return past_; }
  /// Tells each event that was recorded after open(), until `tell` fails, `stop` fires, the client is ready (it left), or `until` is over.
  /// Only a failure of `tell` or of the store is an error.
  [[nodiscard]] Result<> follow(const StopSource& stop, Interest client, std::optional<Time> until,
                                const std::function<Result<>(const api::Event&)>& tell);

 private:
  EventStream(Objects& objects, std::vector<api::Event> past, std::unique_ptr<store::Watch> watch)
      : objects_(objects), past_(std::move(past)), watch_(std::move(watch)) {}
  Objects& objects_;
  std::vector<api::Event> past_;
  std::unique_ptr<store::Watch> watch_;
};

}  // namespace fulcrum::control
