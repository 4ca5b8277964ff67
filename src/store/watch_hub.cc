#include "store/watch_hub.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>

namespace fulcrum::store {
namespace {

constexpr std::size_t kBatch = 256;

void signal(int event) {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto n = ::write(event, &one, sizeof one);  // fails only when it is signalled already
}

void clear(int event) {
  std::uint64_t count;
  [[maybe_unused]] const auto n = ::read(event, &count, sizeof count);  // fails only when it is clear already
}

}  // namespace

class WatchHub::HubWatch final : public Watch {
 public:
  HubWatch(std::shared_ptr<WatchHub> hub, State state) : hub_(std::move(hub)), state_(std::move(state)) {
    std::lock_guard lock(hub_->mutex_);
    hub_->states_.insert(&state_);
    if (state_.behind) signal(state_.event.get());
  }
  ~HubWatch() override {
    std::lock_guard lock(hub_->mutex_);
    hub_->states_.erase(&state_);
  }

  int fd() const override { return state_.event.get(); }

  Result<std::vector<Event>> next() override {
    std::shared_lock log_lock(hub_->log_mutex_);
    if (hub_->log_ == nullptr) return fail(Code::cancelled, "watch {}: the store is closed", state_.prefix);
    Revision after;
    {
      std::lock_guard lock(hub_->mutex_);
      if (!state_.behind) return std::vector<Event>();
      state_.behind = false;
      state_.reading = true;
      clear(state_.event.get());
      after = state_.position;
    }
    auto page = hub_->log_->read_log(state_.prefix, after, kBatch);
    std::lock_guard lock(hub_->mutex_);
    state_.reading = false;
    // After an error the position stands still, and the next call tries again.
    if (!page || page->compacted > after || page->more) again();
    if (!page) return std::unexpected(with_context(page.error(), "watch " + state_.prefix));
    if (page->compacted > after)
      return fail(Code::out_of_range, "watch {}: revision {} was compacted, the oldest is {}", state_.prefix, after + 1,
                  page->compacted + 1);
    state_.position = std::max(after, page->upto);
    return std::move(page->events);
  }

  Revision position() const override {
    std::lock_guard lock(hub_->mutex_);
    return state_.position;
  }

 private:
  void again() {
    state_.behind = true;
    signal(state_.event.get());
  }

  std::shared_ptr<WatchHub> hub_;
  State state_;
};

Result<std::unique_ptr<Watch>> WatchHub::add(std::string_view prefix, Revision position, bool behind) {
  UniqueFd event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event.valid()) return fail_errno(errno, "watch {}", prefix);
  return std::make_unique<HubWatch>(shared_from_this(), State{std::string(prefix), std::move(event), position, behind});
}

void WatchHub::notify(Revision revision, const std::vector<std::string>& keys) {
  std::lock_guard lock(mutex_);
  for (State* state : states_) {
    if (state->behind) continue;
    if (std::any_of(keys.begin(), keys.end(), [&](const std::string& key) { return key.starts_with(state->prefix); })) {
      state->behind = true;
      signal(state->event.get());
    } else if (!state->reading) {
      // It has seen everything that concerns it: let it move on, so that compaction does not throw an idle watch out.
      state->position = std::max(state->position, revision);
    }
  }
}

void WatchHub::close() {
  {
    std::lock_guard lock(mutex_);
    for (State* state : states_) signal(state->event.get());
  }
  std::unique_lock lock(log_mutex_);
  log_ = nullptr;
}

}  // namespace fulcrum::store
