// Holds a workload between "its sandbox is made" and "its program runs", so that a client can be attached in between and miss nothing.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/unique_fd.h"

namespace fulcrum::control {

/// Thread-safe. Lives in memory only: after a crash of the daemon no gate is closed, and the workload starts.
class StartGates {
 public:
  /// One client's hold. Opens when dropped.
  class Hold {
   public:
    Hold(StartGates& gates, std::string key);
    ~Hold();
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;
    /// Readable once the workload waits at the gate.
    int fd() const { return reached_.get(); }

   private:
    friend class StartGates;
    StartGates& gates_;
    std::string key_;
    UniqueFd reached_;
  };

  /// Asked before a start: true when somebody holds it; the holder is told that it is so far.
  bool wait_here(const std::string& key);

 private:
  std::mutex mutex_;  ///< protects holds_
  std::multimap<std::string, Hold*> holds_;
};

}  // namespace fulcrum::control
