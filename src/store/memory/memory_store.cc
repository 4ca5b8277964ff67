#include "store/memory/memory_store.h"

#include <algorithm>
#include <deque>
#include <map>
#include <mutex>

#include "store/lease_table.h"
#include "store/watch_hub.h"

namespace fulcrum::store {
namespace {

class MemoryStore final : public Store, public EventLog {
 public:
  explicit MemoryStore(const MemoryOptions& options) : retention_(options.retention), leases_(*options.clock) {}
  ~MemoryStore() override { hub_->close(); }

  Result<std::optional<Record>> get(std::string_view key) override {
    TRY(validate_key(key));
    std::lock_guard lock(mutex_);
    const auto found = records_.find(key);
    if (found == records_.end()) return std::nullopt;
    return found->second;
  }

  Result<Listing> list(std::string_view prefix, const ListOptions& options) override {
    const std::size_t limit = options.limit == 0 ? kMaxPageSize : std::min(options.limit, kMaxPageSize);
    std::lock_guard lock(mutex_);
    Listing page{.records = {}, .revision = revision_, .next = {}};
    for (auto it = records_.lower_bound(std::max(prefix, std::string_view(options.from))); it != records_.end(); ++it) {
      if (!it->first.starts_with(prefix)) break;
      if (page.records.size() == limit) {
        page.next = it->first;
        break;
      }
      page.records.push_back(it->second);
    }
    return page;
  }

  Result<Revision> commit(const Transaction& transaction) override {
    TRY(validate(transaction));
    std::lock_guard lock(mutex_);
    for (const auto& [key, expected] : transaction.compares) {
      const Revision actual = revision_of(key);
      const bool holds = expected == kAnyRevision ? actual != kAbsent : actual == expected;
      if (!holds) return fail(Code::aborted, "{} is at revision {}, not {}", key, actual, expected);
    }
    return run(transaction.operations);
  }

  Result<std::unique_ptr<Watch>> watch(std::string_view prefix, Revision from) override {
    std::lock_guard lock(mutex_);
    const Revision after = from <= 0 ? revision_ : from - 1;
    if (after < compacted_)
      return fail(Code::out_of_range, "watch {}: revision {} was compacted, the oldest is {}", prefix, from, compacted_ + 1);
    return hub_->add(prefix, after, after < revision_);
  }

  Result<Revision> revision() override {
    std::lock_guard lock(mutex_);
    return revision_;
  }

  Result<> compact(Revision revision) override {
    std::lock_guard lock(mutex_);
    if (revision > revision_) return fail(Code::out_of_range, "compact to {}: the store is at revision {}", revision, revision_);
    compact_locked(revision);
    return {};
  }

  Result<LeaseId> grant(std::chrono::nanoseconds ttl) override { return leases_.add(ttl); }

  Result<> keepalive(LeaseId lease) override {
    if (!leases_.keepalive(lease)) return fail(Code::not_found, "lease {}", lease);
    return {};
  }

  Result<> revoke(LeaseId lease) override {
    std::lock_guard lock(mutex_);
    if (!leases_.take(lease)) return fail(Code::not_found, "lease {}", lease);
    return end_lease(lease);
  }

  Result<std::optional<Time>> maintain() override {
    while (const auto lease = leases_.due()) {
      std::lock_guard lock(mutex_);
      if (leases_.take_due(*lease)) TRY(end_lease(*lease));
    }
    std::lock_guard lock(mutex_);
    enforce_retention(2);
    return leases_.next();
  }

  Result<LogPage> read_log(std::string_view prefix, Revision after, std::size_t limit) override {
    std::lock_guard lock(mutex_);
    LogPage page{.events = {}, .upto = revision_, .compacted = compacted_, .more = false};
    auto it = std::upper_bound(log_.begin(), log_.end(), after, [](Revision r, const Event& e) { return r < e.record.revision; });
    for (; it != log_.end(); ++it) {
      if (page.events.size() >= limit && it->record.revision != page.events.back().record.revision) {
        page.upto = it->record.revision - 1;
        page.more = true;
        break;
      }
      if (it->record.key.starts_with(prefix)) page.events.push_back(*it);
    }
    return page;
  }

 protected:
  Result<Revision> apply(const Operation& operation, Revision expected) override {
    std::lock_guard lock(mutex_);
    const std::string& key = std::holds_alternative<Put>(operation) ? std::get<Put>(operation).key : std::get<Remove>(operation).key;
    const Revision actual = revision_of(key);
    if (expected == kAbsent && actual != kAbsent) return fail(Code::already_exists, "{}", key);
    if (expected != kAbsent && actual == kAbsent) return fail(Code::not_found, "{}", key);
    if (expected > 0 && actual != expected) return fail(Code::aborted, "{} is at revision {}, not {}", key, actual, expected);
    return run({operation});
  }

 private:
  Revision revision_of(const std::string& key) const {
    const auto found = records_.find(key);
    return found == records_.end() ? kAbsent : found->second.revision;
  }

  Result<Revision> run(const std::vector<Operation>& operations) {
    for (const auto& operation : operations) {
      const auto* put = std::get_if<Put>(&operation);
      if (put != nullptr && put->lease != kNoLease && !leases_.contains(put->lease))
        return fail(Code::not_found, "lease {} of {}", put->lease, put->key);
    }
    const Revision revision = revision_ + 1;
    std::vector<std::string> keys;
    for (const auto& operation : operations) {
      if (const auto* put = std::get_if<Put>(&operation)) {
        auto& record = records_[put->key];
        const Revision previous = record.revision;
        record = {put->key, put->value, previous == kAbsent ? revision : record.created, revision, put->lease};
        append({Event::Type::put, record, previous});
        keys.push_back(put->key);
      } else if (const auto found = records_.find(std::get<Remove>(operation).key); found != records_.end()) {
        Event event{Event::Type::removed, std::move(found->second), found->second.revision};
        event.record.revision = revision;
        append(std::move(event));
        keys.push_back(found->first);
        records_.erase(found);
      }
    }
    if (keys.empty()) return revision_;
    revision_ = revision;
    hub_->notify(revision, keys);
    enforce_retention(4);
    return revision;
  }

  Result<> end_lease(LeaseId lease) {
    std::vector<Operation> removals;
    for (const auto& [key, record] : records_)
      if (record.lease == lease) removals.emplace_back(Remove{key});
    TRY(run(removals));
    return {};
  }

  void compact_locked(Revision revision) {
    while (!log_.empty() && log_.front().record.revision <= revision) {
      log_bytes_ -= size_of(log_.front());
      log_.pop_front();
    }
    compacted_ = std::max(compacted_, revision);
  }

  void enforce_retention(std::size_t slack) {
    const bool big = log_bytes_ > retention_.bytes;
    if (!big && log_.size() <= slack * retention_.events) return;
    const std::size_t keep = big ? std::min(retention_.events, log_.size() / 2) : retention_.events;
    compact_locked(keep == 0 ? revision_ : log_[log_.size() - keep].record.revision - 1);
  }

  static std::size_t size_of(const Event& event) { return event.record.key.size() + event.record.value.size(); }

  void append(Event event) {
    log_bytes_ += size_of(event);
    log_.push_back(std::move(event));
  }

  const RetentionPolicy retention_;
  LeaseTable leases_;
  std::mutex mutex_;
  Revision revision_ = 1;
  Revision compacted_ = 0;
  std::map<std::string, Record, std::less<>> records_;
  std::deque<Event> log_;
  std::size_t log_bytes_ = 0;
  std::shared_ptr<WatchHub> hub_ = std::make_shared<WatchHub>(*this);
};

}  // namespace

std::unique_ptr<Store> make_memory_store(const MemoryOptions& options) { return std::make_unique<MemoryStore>(options); }

}  // namespace fulcrum::store
