// The thread that keeps a store's leases and log in order.
#pragma once

#include <functional>
#include <thread>

#include "store/store.h"

namespace fulcrum::store {

/// Calls Store::maintain() when it is due (at least every second) until destroyed. The store must outlive it.
class Maintainer {
 public:
  /// `on_error` is called from the thread with what maintain() failed with; the next attempt follows after ten seconds.
  Maintainer(Store& store, const Clock& clock, std::function<void(const Error&)> on_error);
  ~Maintainer();

 private:
  void run();

  Store& store_;
  const Clock& clock_;
  std::function<void(const Error&)> on_error_;
  StopSource stop_;
  std::thread thread_;
};

}  // namespace fulcrum::store
