// A store that fails where a test says.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "store/store.h"

namespace fulcrum::store {

/// One fault: the nth matching call fails instead of being carried out.
struct Fault {
  std::string op;         ///< create update remove get list commit watch next compact grant keepalive revoke maintain; empty: any
  std::string key;        ///< the key or prefix, or for commit any key it puts or removes; empty: any
  std::size_t nth = 1;    ///< counted from 1 among the calls that match
  std::size_t times = 1;  ///< how many calls from the nth on fail; 0: all of them
  Code error = Code::unavailable;
  bool after = false;  ///< carry the call out, and then say that it failed: a commit whose answer was lost
};

/// Passes every call on, but for the faults. Must not outlive the store below. Thread-safe.
class FaultyStore final : public Store {
 public:
  FaultyStore(Store& store, std::vector<Fault> faults);

  Result<std::optional<Record>> get(std::string_view key) override;
  Result<Listing> list(std::string_view prefix, const ListOptions& options = {}) override;
  Result<Revision> commit(const Transaction& transaction) override;
  Result<std::unique_ptr<Watch>> watch(std::string_view prefix, Revision from) override;
  Result<Revision> revision() override { return store_.revision(); }
  Result<> compact(Revision revision) override;
  Result<LeaseId> grant(std::chrono::nanoseconds ttl) override;
  Result<> keepalive(LeaseId lease) override;
  Result<> revoke(LeaseId lease) override;
  Result<std::optional<Time>> maintain() override;
  /// Adds a fault from now on.
  void inject(Fault fault);

 protected:
  Result<Revision> apply(const Operation& operation, Revision expected) override;

 private:
  class FaultyWatch;
  enum class Verdict { pass, before, after };
  struct Decision {
    Verdict verdict = Verdict::pass;
    Error error;
  };
  struct Armed {
    Fault fault;
    std::size_t seen = 0;
  };
  Decision decide(std::string_view op, const std::vector<std::string_view>& keys);
  template <class F>
  auto call(std::string_view op, const std::vector<std::string_view>& keys, F&& f) -> decltype(f());

  Store& store_;
  std::mutex mutex_;
  std::vector<Armed> faults_;
};

}  // namespace fulcrum::store
