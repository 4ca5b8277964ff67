#include "store/store.h"

#include <ctime>
#include <set>

namespace fulcrum::store {
namespace {

class BootClock final : public Clock {
 public:
  Time now() const override {
    timespec ts{};
    ::clock_gettime(CLOCK_BOOTTIME, &ts);
    return Time{std::chrono::seconds(ts.tv_sec) + std::chrono::nanoseconds(ts.tv_nsec)};
  }
};

Result<> validate_value(std::string_view key, std::string_view value) {
  if (value.size() > kMaxValueSize)
    return fail(Code::invalid_argument, "value of {} has {} bytes, at most {} are allowed", key, value.size(), kMaxValueSize);
  return {};
}

}  // namespace

const Clock& lease_clock() {
  static const BootClock clock;
  return clock;
}

Result<> validate_key(std::string_view key) {
  if (key.empty()) return fail(Code::invalid_argument, "a key cannot be empty");
  if (key.size() > kMaxKeySize)
    return fail(Code::invalid_argument, "key of {} bytes, at most {} are allowed: {}…", key.size(), kMaxKeySize, key.substr(0, 64));
  return {};
}

Result<> validate(const Transaction& transaction) {
  const std::size_t count = transaction.compares.size() + transaction.operations.size();
  if (count > kMaxTransactionOps)
    return fail(Code::invalid_argument, "transaction of {} parts, at most {} are allowed", count, kMaxTransactionOps);
  std::size_t size = 0;
  for (const auto& compare : transaction.compares) {
    TRY(validate_key(compare.key));
    size += compare.key.size();
  }
  std::set<std::string_view> keys;
  for (const auto& operation : transaction.operations) {
    const auto* put = std::get_if<Put>(&operation);
    const std::string& key = put != nullptr ? put->key : std::get<Remove>(operation).key;
    TRY(validate_key(key));
    if (!keys.insert(key).second) return fail(Code::invalid_argument, "{} stands twice in one transaction", key);
    size += key.size();
    if (put == nullptr) continue;
    TRY(validate_value(key, put->value));
    size += put->value.size();
  }
  if (size > kMaxTransactionSize)
    return fail(Code::invalid_argument, "transaction of {} bytes, at most {} are allowed", size, kMaxTransactionSize);
  return {};
}

std::string prefix_end(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && static_cast<unsigned char>(end.back()) == 0xff) end.pop_back();
  if (!end.empty()) end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  return end;
}

Result<Revision> Store::create(std::string_view key, std::string_view value, LeaseId lease) {
  TRY(validate_key(key));
  TRY(validate_value(key, value));
  return apply(Put{std::string(key), std::string(value), lease}, kAbsent);
}

Result<Revision> Store::update(std::string_view key, std::string_view value, Revision expected, LeaseId lease) {
  TRY(validate_key(key));
  TRY(validate_value(key, value));
  if (expected == kAbsent) return fail(Code::invalid_argument, "update {}: a revision is needed", key);
  return apply(Put{std::string(key), std::string(value), lease}, expected);
}

Result<Revision> Store::remove(std::string_view key, Revision expected) {
  TRY(validate_key(key));
  if (expected == kAbsent) return fail(Code::invalid_argument, "remove {}: a revision is needed", key);
  return apply(Remove{std::string(key)}, expected);
}

Result<std::vector<Event>> next_events(Watch& watch, const StopSource& stop, const Deadline& deadline) {
  for (;;) {
    auto events = TRY(watch.next());
    if (!events.empty()) return events;
    TRY(wait_any(stop, deadline, {{watch.fd(), POLLIN}}));
  }
}

Result<Listing> list_all(Store& store, std::string_view prefix, std::size_t limit) {
  Listing all;
  ListOptions options;
  for (;;) {
    auto page = TRY(store.list(prefix, options));
    if (all.revision == 0) all.revision = page.revision;
    if (all.records.size() + page.records.size() > limit)
      return fail(Code::resource_exhausted, "more than {} records under {}", limit, prefix);
    std::move(page.records.begin(), page.records.end(), std::back_inserter(all.records));
    if (page.next.empty()) return all;
    options.from = std::move(page.next);
  }
}

}  // namespace fulcrum::store
