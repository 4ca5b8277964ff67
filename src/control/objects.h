// Typed access to the store: where each kind of object lies, how it is changed (compare-and-swap, always), and the events that go with it
// in the same transaction.
//
//   /workloads/<project>/<uid>            Workload          /names/workload/<project>/<name>    uid
//   /endpoints/<project>/<uid>/<network>  network endpoint  /networks/<project>/<name>          Network
//   /volumes/<project>/<name>             Volume            /secrets|configs/<project>/<name>   StoredFile
//   /events/<20 digits>                   Event (a ring)    /engine/<word>                      the engine's own memory
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/workload/workload.h"
#include "base/clock.h"
#include "base/error.h"
#include "store/store.h"

namespace fulcrum::control {

/// The only tenant for now; part of every key, so that others can come.
inline constexpr std::string_view kProject = "default";
/// How many events are kept.
inline constexpr std::int64_t kEventRing = 4096;
inline constexpr std::string_view kWorkloads = "/workloads/default/";
inline constexpr std::string_view kEndpoints = "/endpoints/default/";
inline constexpr std::string_view kVolumes = "/volumes/default/";
inline constexpr std::string_view kNetworks = "/networks/default/";
inline constexpr std::string_view kEvents = "/events/";

/// Where a workload with this uid lies; also its key in work queues.
std::string workload_key(std::string_view uid);
std::string name_key(std::string_view name);
std::string endpoint_key(std::string_view uid, std::string_view network);
/// 64 random hex digits.
std::string new_uid();
/// The first 12 digits, as people read it.
std::string short_id(std::string_view uid);

/// A stored object with the revision that a change must expect.
template <class T>
struct Stored {
  T object;
  store::Revision revision = 0;
};

template <class T>
struct Listed {
  std::vector<T> items;
  store::Revision revision = 0;  ///< watch from the next one
};

/// One change of a workload being put together: what the callback of Objects::edit() fills in.
struct Edit {
  api::Workload workload;
  std::vector<api::Event> events;            ///< recorded in the same transaction
  std::vector<store::Compare> compares;      ///< further conditions
  std::vector<store::Operation> operations;  ///< further changes
  bool remove = false;                       ///< the workload and its name go away
};

/// Thread-safe. Errors of all calls: those of the store.
class Objects {
 public:
  Objects(store::Store& store, const Clock& clock);
  /// Reads where the ring of events ends. Call once before anything else.
  [[nodiscard]] Result<> open();

  store::Store& store() { return store_; }
  const Clock& clock() const { return clock_; }

  /// Errors: already_exists when the name is taken (names the holder).
  [[nodiscard]] Result<api::Workload> create(const api::Workload& workload, std::vector<api::Event> events);
  [[nodiscard]] Result<std::optional<api::Workload>> workload(std::string_view uid);
  [[nodiscard]] Result<Listed<api::Workload>> workloads();
  /// By name, uid, or unique prefix of a uid (at least one digit). Errors: not_found "no such workload: x"; invalid_argument (ambiguous).
  [[nodiscard]] Result<api::Workload> find(std::string_view reference);
  /// Reads, lets `change` change it, writes; again when somebody else was quicker. `change` returns false when nothing is to be written.
  /// Returns the workload as it is now; nothing when it does not exist (any more).
  [[nodiscard]] Result<std::optional<api::Workload>> edit(std::string_view uid, const std::function<Result<bool>(Edit&)>& change);

  /// Records events on their own.
  [[nodiscard]] Result<> record(std::vector<api::Event> events);
  /// The ring, oldest first, and the revision from which to watch kEvents for more.
  [[nodiscard]] Result<Listed<api::Event>> events();

  template <class T>
  [[nodiscard]] Result<std::optional<Stored<T>>> get(std::string_view key);
  template <class T>
  [[nodiscard]] Result<Listed<T>> list(std::string_view prefix);

  /// An event about a workload, with what every one of them says.
  api::Event event(const api::Workload& workload, std::string action, std::map<std::string, std::string> attributes = {}) const;
  api::Event event(std::string type, std::string action, std::string id, std::string name,
                   std::map<std::string, std::string> attributes = {}) const;
  /// Adds the operations that record events to a transaction.
  void append(store::Transaction& transaction, const std::vector<api::Event>& events);

 private:
  store::Store& store_;
  const Clock& clock_;
  std::atomic<std::int64_t> next_event_{1};
};

/// A stored record as an object; metadata.revision is filled in.
[[nodiscard]] Result<api::Workload> decode_workload(const store::Record& record);

}  // namespace fulcrum::control
