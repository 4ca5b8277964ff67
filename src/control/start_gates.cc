#include "control/start_gates.h"

#include <sys/eventfd.h>

#include <cstdint>

#include "base/error.h"

namespace fulcrum::control {

StartGates::Hold::Hold(StartGates& gates, std::string key) : gates_(gates), key_(std::move(key)), reached_(::eventfd(0, EFD_CLOEXEC)) {
  FULCRUM_ASSERT(reached_.valid());
  const std::lock_guard lock(gates_.mutex_);
  gates_.holds_.emplace(key_, this);
}

StartGates::Hold::~Hold() {
  const std::lock_guard lock(gates_.mutex_);
  const auto [first, last] = gates_.holds_.equal_range(key_);
  for (auto it = first; it != last; ++it) {
    if (it->second != this) continue;
    gates_.holds_.erase(it);
    return;
  }
}

bool StartGates::wait_here(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto [first, last] = holds_.equal_range(key);
  for (auto it = first; it != last; ++it) {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(it->second->reached_.get(), &one, sizeof one);
  }
  return first != last;
}

}  // namespace fulcrum::control
