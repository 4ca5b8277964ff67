// Runs a clean-up when a scope ends, unless it was dismissed.
#pragma once

#include <utility>

namespace fulcrum {

/// `ScopeExit undo([&] { unmount(); }); …; undo.dismiss();`
template <class F>
class [[nodiscard]] ScopeExit {
 public:
  explicit ScopeExit(F action) : action_(std::move(action)) {}
  ScopeExit(const ScopeExit&) = delete;
  ScopeExit& operator=(const ScopeExit&) = delete;
  ~ScopeExit() {
    if (armed_) action_();
  }
  void dismiss() noexcept { armed_ = false; }

 private:
  F action_;
  bool armed_ = true;
};

}  // namespace fulcrum
