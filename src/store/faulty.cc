#include "store/faulty.h"

#include <algorithm>

namespace fulcrum::store {
namespace {

std::string_view key_of(const Operation& operation) {
  if (const auto* put = std::get_if<Put>(&operation)) return put->key;
  return std::get<Remove>(operation).key;
}

}  // namespace

class FaultyStore::FaultyWatch final : public Watch {
 public:
  FaultyWatch(FaultyStore& store, std::string prefix, std::unique_ptr<Watch> watch)
      : store_(store), prefix_(std::move(prefix)), watch_(std::move(watch)) {}
  int fd() const override { return watch_->fd(); }
  Result<std::vector<Event>> next() override {
    return store_.call("next", {prefix_}, [&] { return watch_->next(); });
  }
  Revision position() const override { return watch_->position(); }

 private:
  FaultyStore& store_;
  std::string prefix_;
  std::unique_ptr<Watch> watch_;
};

FaultyStore::FaultyStore(Store& store, std::vector<Fault> faults) : store_(store) {
  for (auto& fault : faults) faults_.push_back({std::move(fault)});
}

void FaultyStore::inject(Fault fault) {
  std::lock_guard lock(mutex_);
  faults_.push_back({std::move(fault)});
}

FaultyStore::Decision FaultyStore::decide(std::string_view op, const std::vector<std::string_view>& keys) {
  std::lock_guard lock(mutex_);
  Decision decision;
  for (auto& [fault, seen] : faults_) {
    if (!fault.op.empty() && fault.op != op) continue;
    if (!fault.key.empty() && std::find(keys.begin(), keys.end(), fault.key) == keys.end()) continue;
    ++seen;
    if (seen < fault.nth || (fault.times != 0 && seen >= fault.nth + fault.times) || decision.verdict != Verdict::pass) continue;
    decision = {fault.after ? Verdict::after : Verdict::before,
                {fault.error, fmt::format("injected: {} {}", op, keys.empty() ? std::string_view() : keys.front())}};
  }
  return decision;
}

template <class F>
auto FaultyStore::call(std::string_view op, const std::vector<std::string_view>& keys, F&& f) -> decltype(f()) {
  auto decision = decide(op, keys);
  if (decision.verdict == Verdict::before) return std::unexpected(std::move(decision.error));
  auto result = f();
  if (decision.verdict == Verdict::after) return std::unexpected(std::move(decision.error));
  return result;
}

Result<std::optional<Record>> FaultyStore::get(std::string_view key) {
  return call("get", {key}, [&] { return store_.get(key); });
}

Result<Listing> FaultyStore::list(std::string_view prefix, const ListOptions& options) {
  return call("list", {prefix}, [&] { return store_.list(prefix, options); });
}

Result<Revision> FaultyStore::commit(const Transaction& transaction) {
  std::vector<std::string_view> keys;
  for (const auto& operation : transaction.operations) keys.push_back(key_of(operation));
  return call("commit", keys, [&] { return store_.commit(transaction); });
}

Result<Revision> FaultyStore::apply(const Operation& operation, Revision expected) {
  const auto* put = std::get_if<Put>(&operation);
  if (put == nullptr) {
    const auto& key = std::get<Remove>(operation).key;
    return call("remove", {key}, [&] { return store_.remove(key, expected); });
  }
  if (expected == kAbsent) return call("create", {put->key}, [&] { return store_.create(put->key, put->value, put->lease); });
  return call("update", {put->key}, [&] { return store_.update(put->key, put->value, expected, put->lease); });
}

Result<std::unique_ptr<Watch>> FaultyStore::watch(std::string_view prefix, Revision from) {
  return call("watch", {prefix}, [&]() -> Result<std::unique_ptr<Watch>> {
    return std::make_unique<FaultyWatch>(*this, std::string(prefix), TRY(store_.watch(prefix, from)));
  });
}

Result<> FaultyStore::compact(Revision revision) {
  return call("compact", {}, [&] { return store_.compact(revision); });
}

Result<LeaseId> FaultyStore::grant(std::chrono::nanoseconds ttl) {
  return call("grant", {}, [&] { return store_.grant(ttl); });
}

Result<> FaultyStore::keepalive(LeaseId lease) {
  return call("keepalive", {}, [&] { return store_.keepalive(lease); });
}

Result<> FaultyStore::revoke(LeaseId lease) {
  return call("revoke", {}, [&] { return store_.revoke(lease); });
}

Result<std::optional<Time>> FaultyStore::maintain() {
  return call("maintain", {}, [&] { return store_.maintain(); });
}

}  // namespace fulcrum::store
