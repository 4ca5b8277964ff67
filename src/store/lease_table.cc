#include "store/lease_table.h"

#include <cstdlib>

#include "base/sys.h"

namespace fulcrum::store {

Result<> LeaseTable::validate_ttl(std::chrono::nanoseconds ttl) {
  if (ttl < std::chrono::seconds(1) || ttl > std::chrono::hours(24 * 3650))
    return fail(Code::invalid_argument, "lease of {}: from 1s to 3650 days are allowed", format_duration(ttl));
  return {};
}

Result<LeaseId> LeaseTable::add(std::chrono::nanoseconds ttl) {
  TRY(validate_ttl(ttl));
  std::lock_guard lock(mutex_);
  if (leases_.size() >= kMaxLeases) return fail(Code::resource_exhausted, "there are {} leases already", kMaxLeases);
  for (;;) {
    // 48 bits: fits a JSON number everywhere, and is not guessed or reused.
    const auto id = static_cast<LeaseId>(std::strtoull(sys::random_hex(6).c_str(), nullptr, 16));
    if (id == kNoLease || leases_.contains(id)) continue;
    insert(id, ttl, clock_.now() + ttl);
    return id;
  }
}

void LeaseTable::restore(LeaseId id, std::chrono::nanoseconds ttl, bool due) {
  std::lock_guard lock(mutex_);
  insert(id, ttl, due ? clock_.now() : clock_.now() + ttl);
}

bool LeaseTable::contains(LeaseId id) const {
  std::lock_guard lock(mutex_);
  return leases_.contains(id);
}

bool LeaseTable::keepalive(LeaseId id) {
  std::lock_guard lock(mutex_);
  const auto ttl = erase(id);
  if (!ttl) return false;
  insert(id, *ttl, clock_.now() + *ttl);
  return true;
}

std::optional<std::chrono::nanoseconds> LeaseTable::take(LeaseId id) {
  std::lock_guard lock(mutex_);
  return erase(id);
}

std::optional<LeaseId> LeaseTable::due() const {
  std::lock_guard lock(mutex_);
  if (by_end_.empty() || by_end_.begin()->first > clock_.now()) return std::nullopt;
  return by_end_.begin()->second;
}

std::optional<std::chrono::nanoseconds> LeaseTable::take_due(LeaseId id) {
  std::lock_guard lock(mutex_);
  const auto found = leases_.find(id);
  if (found == leases_.end() || found->second.ends > clock_.now()) return std::nullopt;
  return erase(id);
}

std::optional<Time> LeaseTable::next() const {
  std::lock_guard lock(mutex_);
  if (by_end_.empty()) return std::nullopt;
  return by_end_.begin()->first;
}

void LeaseTable::insert(LeaseId id, std::chrono::nanoseconds ttl, Time ends) {
  leases_[id] = {ttl, ends};
  by_end_.emplace(ends, id);
}

std::optional<std::chrono::nanoseconds> LeaseTable::erase(LeaseId id) {
  const auto found = leases_.find(id);
  if (found == leases_.end()) return std::nullopt;
  const auto ttl = found->second.ttl;
  by_end_.erase({found->second.ends, id});
  leases_.erase(found);
  return ttl;
}

}  // namespace fulcrum::store
