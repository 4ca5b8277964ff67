// Image pulls take long: they run on threads of their own, and tell the queue when they are done.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "control/mechanisms.h"

namespace fulcrum::control {

/// Thread-safe.
class Pulls {
 public:
  /// At most this many at once; further ones wait their turn by being asked for again.
  static constexpr std::size_t kMaxPulls = 8;

  explicit Pulls(Images& images) : images_(images) {}
  ~Pulls();  ///< stops what is under way
  Pulls(const Pulls&) = delete;
  Pulls& operator=(const Pulls&) = delete;

  /// Starts a pull for `owner`, unless one is under way. Nothing: not done yet, `notify` is called when it is. A result is given once.
  std::optional<Result<>> poll(const std::string& owner, const std::string& reference, const std::string& platform,
                               std::function<void()> notify);
  /// Forgets the result of an owner that is gone.
  void forget(const std::string& owner);

 private:
  struct Pull {
    std::thread thread;
    std::optional<Result<>> result;
  };
  Images& images_;
  StopSource stop_;
  std::mutex mutex_;  ///< protects pulls_
  std::map<std::string, Pull> pulls_;
};

}  // namespace fulcrum::control
