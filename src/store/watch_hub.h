// Wakes watches up and keeps their positions. For implementations of Store that keep a log of events.
#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <string>
#include <vector>

#include "store/store.h"

namespace fulcrum::store {

/// What a store's log has behind a position.
struct LogPage {
  std::vector<Event> events;  ///< matching the prefix, in order, whole revisions
  Revision upto = 0;          ///< every matching event up to this revision is in `events`
  Revision compacted = 0;     ///< events up to this revision are gone
  bool more = false;          ///< the log goes on behind `upto`
};

/// The log of a store, as watches read it.
class EventLog {
 public:
  virtual ~EventLog() = default;
  /// Events of `prefix` with revision > `after`: whole revisions, stopping after the revision that brings the count to `limit`.
  [[nodiscard]] virtual Result<LogPage> read_log(std::string_view prefix, Revision after, std::size_t limit) = 0;
};

/// The watches of one store. Shared by the store and its watches: whichever ends last frees it.
class WatchHub : public std::enable_shared_from_this<WatchHub> {
 public:
  explicit WatchHub(EventLog& log) : log_(&log) {}

  /// A watch positioned after `position`, which looks into the log at once when `behind`.
  [[nodiscard]] Result<std::unique_ptr<Watch>> add(std::string_view prefix, Revision position, bool behind);
  /// A commit happened. Called under the store's writer lock, after the commit can be read.
  void notify(Revision revision, const std::vector<std::string>& keys);
  /// The store goes away: watches answer cancelled from now on.
  void close();

 private:
  class HubWatch;
  struct State {
    std::string prefix;
    UniqueFd event;
    Revision position = 0;
    bool behind = false;   ///< there may be matching events after `position`
    bool reading = false;  ///< next() is looking into the log right now
  };

  std::mutex mutex_;  ///< guards the states
  std::set<State*> states_;
  std::shared_mutex log_mutex_;  ///< held shared while a watch reads the log, alone by close()
  EventLog* log_;                ///< null when closed
};

}  // namespace fulcrum::store
