// Sandboxes that belong to no workload: those of build steps. Known in memory only, so that after a crash they are orphans and go.
#pragma once

#include <mutex>
#include <set>
#include <string>

namespace fulcrum::control {

/// Thread-safe.
class Transients {
 public:
  void add(const std::string& uid) {
    const std::lock_guard lock(mutex_);
    uids_.insert(uid);
  }
  void remove(const std::string& uid) {
    const std::lock_guard lock(mutex_);
    uids_.erase(uid);
  }
  bool contains(const std::string& uid) const {
    const std::lock_guard lock(mutex_);
    return uids_.contains(uid);
  }

 private:
  mutable std::mutex mutex_;  ///< protects uids_
  std::set<std::string> uids_;
};

}  // namespace fulcrum::control
