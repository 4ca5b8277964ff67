#include "control/pulls.h"

namespace fulcrum::control {

Pulls::~Pulls() {
  stop_.request_stop();
  std::map<std::string, Pull> pulls;
  {
    const std::lock_guard lock(mutex_);
    for (auto& [owner, pull] : pulls_) pulls[owner].thread = std::move(pull.thread);
  }
  for (auto& [owner, pull] : pulls)
    if (pull.thread.joinable()) pull.thread.join();
}

std::optional<Result<>> Pulls::poll(const std::string& owner, const std::string& reference, const std::string& platform,
                                    std::function<void()> notify) {
  std::thread finished;
  std::optional<Result<>> result;
  {
    const std::lock_guard lock(mutex_);
    if (const auto it = pulls_.find(owner); it != pulls_.end()) {
      if (!it->second.result) return std::nullopt;
      result = std::move(it->second.result);
      finished = std::move(it->second.thread);
      pulls_.erase(it);
    } else {
      if (pulls_.size() >= kMaxPulls) return Result<>(fail(Code::unavailable, "{} images are being pulled already", kMaxPulls));
      auto& pull = pulls_[owner];
      pull.thread = std::thread([this, owner, reference, platform, notify = std::move(notify)] {
        auto outcome = images_.pull(reference, platform, stop_);
        {
          const std::lock_guard inner(mutex_);
          if (const auto mine = pulls_.find(owner); mine != pulls_.end()) mine->second.result = std::move(outcome);
        }
        notify();
      });
    }
  }
  if (finished.joinable()) finished.join();
  return result;
}

void Pulls::forget(const std::string& owner) {
  std::thread finished;
  {
    const std::lock_guard lock(mutex_);
    const auto it = pulls_.find(owner);
    if (it == pulls_.end() || !it->second.result) return;
    finished = std::move(it->second.thread);
    pulls_.erase(it);
  }
  if (finished.joinable()) finished.join();
}

}  // namespace fulcrum::control
