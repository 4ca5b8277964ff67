// When each lease ends. For implementations of Store.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <vector>

#include "store/store.h"

namespace fulcrum::store {

/// Which leases live, and until when, in memory. Thread-safe.
class LeaseTable {
 public:
  explicit LeaseTable(const Clock& clock) : clock_(clock) {}

  /// Checks a ttl: one second to about ten years.
  [[nodiscard]] static Result<> validate_ttl(std::chrono::nanoseconds ttl);
  /// Adds a lease with a fresh random ID. Errors: resource_exhausted.
  [[nodiscard]] Result<LeaseId> add(std::chrono::nanoseconds ttl);
  /// Adds a lease that was stored, or puts one back whose removal failed; its ttl starts anew unless `due`.
  void restore(LeaseId id, std::chrono::nanoseconds ttl, bool due);
  bool contains(LeaseId id) const;
  /// Starts the ttl anew; false when there is no such lease.
  bool keepalive(LeaseId id);
  /// Takes a lease out and returns its ttl.
  std::optional<std::chrono::nanoseconds> take(LeaseId id);
  /// A lease whose time is over, if any; it stays in the table.
  std::optional<LeaseId> due() const;
  /// As take(), but only when the lease is (still) due.
  std::optional<std::chrono::nanoseconds> take_due(LeaseId id);
  /// When the next lease ends.
  std::optional<Time> next() const;

 private:
  struct Lease {
    std::chrono::nanoseconds ttl;
    Time ends;
  };
  void insert(LeaseId id, std::chrono::nanoseconds ttl, Time ends);
  std::optional<std::chrono::nanoseconds> erase(LeaseId id);

  const Clock& clock_;
  mutable std::mutex mutex_;
  std::map<LeaseId, Lease> leases_;
  std::set<std::pair<Time, LeaseId>> by_end_;
};

}  // namespace fulcrum::store
