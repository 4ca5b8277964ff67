// Where desired and observed state lives: keys, values, revisions, watches and leases, in the shape of etcd.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/wait.h"

namespace fulcrum::store {

/// A point in the history of the whole store. Starts at 1 (the empty store); every commit that changes something adds one.
using Revision = std::int64_t;
/// Names a lease; kNoLease means none.
using LeaseId = std::int64_t;

inline constexpr Revision kAnyRevision = -1;  ///< as an expectation: whatever the revision is, but the key must exist
inline constexpr Revision kAbsent = 0;        ///< as an expectation: the key must not exist
inline constexpr LeaseId kNoLease = 0;

inline constexpr std::size_t kMaxKeySize = 1024;               ///< bytes in a key
inline constexpr std::size_t kMaxValueSize = 1 << 20;          ///< bytes in a value
inline constexpr std::size_t kMaxTransactionOps = 128;         ///< compares plus operations in one transaction
inline constexpr std::size_t kMaxTransactionSize = 1'400'000;  ///< bytes of all keys and values in one transaction
inline constexpr std::size_t kMaxPageSize = 10'000;            ///< records in one page of list()
inline constexpr std::size_t kMaxLeases = 100'000;             ///< leases alive at once

/// A key with its value as of some revision.
struct Record {
  std::string key;
  std::string value;
  Revision created = 0;   ///< revision of the create that began this life of the key
  Revision revision = 0;  ///< revision of the last change: what update() and remove() expect
  LeaseId lease = kNoLease;
  friend bool operator==(const Record&, const Record&) = default;
};

/// One page of list().
struct Listing {
  std::vector<Record> records;  ///< ascending by key (bytewise)
  /// The page shows the store exactly as of this revision. A reader of several pages watches from the revision of the first page + 1.
  Revision revision = 0;
  std::string next;  ///< where the next page starts (ListOptions::from); empty: this was the last
};

struct ListOptions {
  std::size_t limit = 0;  ///< records wanted; 0 means kMaxPageSize, which is also the most that one page has
  std::string from;       ///< Listing::next of the page before; empty: from the beginning
};

/// A change of one key. Changes of one transaction share a revision.
struct Event {
  enum class Type : std::uint8_t { put, removed };
  Type type = Type::put;
  /// put: the record as written. removed: the last value it had; `revision` is that of the removal.
  Record record;
  Revision previous = kAbsent;  ///< revision of the record before this change; kAbsent for a create
  bool is_create() const { return type == Type::put && previous == kAbsent; }
  friend bool operator==(const Event&, const Event&) = default;
};

/// Transaction parts. A compare holds when the key's revision is the expected one (kAbsent: no such key, kAnyRevision: any).
struct Compare {
  std::string key;
  Revision expected = kAbsent;
};
/// Creates or replaces; `lease` replaces whatever lease the key had.
struct Put {
  std::string key;
  std::string value;
  LeaseId lease = kNoLease;
};
/// Removes; nothing happens when the key is absent.
struct Remove {
  std::string key;
};
using Operation = std::variant<Put, Remove>;

/// Operations that happen together, at one revision, if all compares hold. A key may stand in one operation only.
struct Transaction {
  std::vector<Compare> compares;
  std::vector<Operation> operations;
};

/// A reader of the history of the keys under a prefix. It holds a position, not a buffer: events are read from the store's log,
/// so a slow watch costs nothing and falls out of range when its position is compacted. One thread at a time.
class Watch {
 public:
  virtual ~Watch() = default;
  /// Readable (POLLIN) when next() may have something. For wait_any.
  virtual int fd() const = 0;
  /// Does not block: the next events in order, whole revisions only (never part of a transaction), about 256 at most; empty when
  /// there is nothing new. Errors: out_of_range when the position was compacted (list again, then watch again), cancelled when
  /// the store is gone.
  [[nodiscard]] virtual Result<std::vector<Event>> next() = 0;
  /// All matching events up to and including this revision have been returned.
  virtual Revision position() const = 0;
};

/// The store. Thread-safe. No call waits for anything but the storage itself; a store across a network bounds each call
/// on its own and answers unavailable. Common errors: invalid_argument (limits above, empty key), resource_exhausted (disk full, quota),
/// data_loss (corrupt file), unavailable (try again).
class Store {
 public:
  virtual ~Store() = default;

  /// Makes a key. Errors: already_exists; not_found when the lease does not exist. Returns the revision of the change.
  [[nodiscard]] Result<Revision> create(std::string_view key, std::string_view value, LeaseId lease = kNoLease);
  /// Replaces the value. Errors: not_found (no such key, or no such lease), aborted when the revision is not the expected one.
  [[nodiscard]] Result<Revision> update(std::string_view key, std::string_view value, Revision expected, LeaseId lease = kNoLease);
  /// Removes a key. Errors: not_found, aborted.
  [[nodiscard]] Result<Revision> remove(std::string_view key, Revision expected);

  /// The record, or nothing.
  [[nodiscard]] virtual Result<std::optional<Record>> get(std::string_view key) = 0;
  /// Records whose key starts with `prefix` (bytewise; "pods/a" also finds "pods/ab", so end a folder's prefix with its slash).
  [[nodiscard]] virtual Result<Listing> list(std::string_view prefix, const ListOptions& options = {}) = 0;
  /// Commits all or nothing. Errors: aborted when a compare does not hold (the message names the key), not_found for an unknown
  /// lease. Returns the revision of the commit, or the current one when nothing changed.
  [[nodiscard]] virtual Result<Revision> commit(const Transaction& transaction) = 0;

  /// Events of keys under `prefix` with revision >= `from`. `from` may lie in the future. 0 means "from now on".
  /// Errors: out_of_range when `from` was compacted already.
  [[nodiscard]] virtual Result<std::unique_ptr<Watch>> watch(std::string_view prefix, Revision from) = 0;

  /// The revision of the last commit.
  [[nodiscard]] virtual Result<Revision> revision() = 0;
  /// Forgets events with revision <= `revision` (never records). Errors: out_of_range when it lies in the future.
  /// Compacting what is compacted already is success.
  [[nodiscard]] virtual Result<> compact(Revision revision) = 0;

  /// Makes a lease that ends `ttl` after its last keepalive (at least one second); its keys are removed with it. After a restart of the
  /// store every lease gets its full ttl again.
  [[nodiscard]] virtual Result<LeaseId> grant(std::chrono::nanoseconds ttl) = 0;
  /// Starts the ttl anew. Errors: not_found when it ended.
  [[nodiscard]] virtual Result<> keepalive(LeaseId lease) = 0;
  /// Ends a lease and removes its keys in one commit. Errors: not_found.
  [[nodiscard]] virtual Result<> revoke(LeaseId lease) = 0;

  /// Housekeeping: ends leases that are due and compacts by policy. Returns when it wants to be called next, by the store's clock;
  /// nothing: no lease is alive. Called by Maintainer, and by tests that move a FakeClock.
  [[nodiscard]] virtual Result<std::optional<Time>> maintain() = 0;

 protected:
  /// What create(), update() and remove() do: one operation under one expectation, with the error codes above.
  [[nodiscard]] virtual Result<Revision> apply(const Operation& operation, Revision expected) = 0;
};

/// What stores that keep their own log keep of it. maintain() compacts when the log has twice as many events, and a commit does when it
/// has four times as many, so the log is bounded also when nobody calls maintain().
struct RetentionPolicy {
  std::size_t events = 10'000;      ///< the newest events that always stay
  std::size_t bytes = 256ul << 20;  ///< of keys and values in the log; past it the older half of the events goes, whatever `events` says
};

/// A clock that runs on while the machine sleeps and never jumps when the time of day is set (CLOCK_BOOTTIME): what leases want.
const Clock& lease_clock();

/// Waits until the watch has events. Errors: those of Watch::next(), cancelled, deadline_exceeded.
[[nodiscard]] Result<std::vector<Event>> next_events(Watch& watch, const StopSource& stop, const Deadline& deadline);

/// Lists everything under `prefix`, page by page; resource_exhausted past `limit` records. The revision is that of the first page, so that
/// a watch from revision + 1 sees every change that a later page may have shown already.
[[nodiscard]] Result<Listing> list_all(Store& store, std::string_view prefix, std::size_t limit = 1'000'000);

/// Checks a transaction against the limits above. For implementations.
[[nodiscard]] Result<> validate(const Transaction& transaction);
[[nodiscard]] Result<> validate_key(std::string_view key);
/// The smallest string greater than every string with this prefix; empty: there is none (the prefix is empty or all 0xff).
std::string prefix_end(std::string_view prefix);

}  // namespace fulcrum::store
