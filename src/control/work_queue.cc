#include "control/work_queue.h"

#include <sys/eventfd.h>

#include <algorithm>

#include "base/log.h"

namespace fulcrum::control {

using std::chrono::nanoseconds;

nanoseconds failure_backoff(unsigned failures) {
  constexpr nanoseconds kFirst = std::chrono::milliseconds(10);
  constexpr nanoseconds kMost = std::chrono::seconds(60);
  if (failures == 0) return nanoseconds(0);
  return failures > 13 ? kMost : std::min(kMost, nanoseconds(kFirst * (1L << (failures - 1))));
}

WorkQueue::WorkQueue(const Clock& clock) : clock_(clock), event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE)) {
  FULCRUM_ASSERT(event_.valid());
}

void WorkQueue::wake() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(event_.get(), &one, sizeof one);
}

void WorkQueue::add_after(const std::string& key, nanoseconds delay) {
  {
    const std::lock_guard lock(mutex_);
    const Time due = clock_.now() + delay;
    auto& item = items_[key];
    if (item.due && *item.due <= due) return;
    if (item.due && !item.handled) order_.erase({*item.due, key});
    item.due = due;
    if (item.handled) return;  // done() puts it back
    order_.emplace(due, key);
  }
  wake();
}

std::optional<std::string> WorkQueue::take_locked() {
  if (order_.empty() || order_.begin()->first > clock_.now()) return std::nullopt;
  const std::string key = order_.begin()->second;
  order_.erase(order_.begin());
  auto& item = items_[key];
  item.due.reset();
  item.handled = true;
  return key;
}

std::optional<std::string> WorkQueue::try_take() {
  const std::lock_guard lock(mutex_);
  return take_locked();
}

Result<std::string> WorkQueue::take(const StopSource& stop) {
  for (;;) {
    Deadline deadline;
    {
      const std::lock_guard lock(mutex_);
      if (auto key = take_locked()) return *key;
      if (!order_.empty()) deadline = Deadline::in(order_.begin()->first - clock_.now());
    }
    const auto ready = wait_any(stop, deadline, {{event_.get(), POLLIN}});
    if (!ready && ready.error().code != Code::deadline_exceeded) return std::unexpected(ready.error());
    std::uint64_t count = 0;
    [[maybe_unused]] const auto got = ::read(event_.get(), &count, sizeof count);
  }
}

void WorkQueue::done(const std::string& key) {
  {
    const std::lock_guard lock(mutex_);
    const auto it = items_.find(key);
    if (it == items_.end()) return;
    it->second.handled = false;
    if (!it->second.due) {
      if (it->second.failures == 0) items_.erase(it);
      return;
    }
    order_.emplace(*it->second.due, key);
  }
  wake();
}

void WorkQueue::fail(const std::string& key) {
  unsigned failures = 0;
  {
    const std::lock_guard lock(mutex_);
    failures = ++items_[key].failures;
  }
  add_after(key, failure_backoff(failures));
}

void WorkQueue::forget(const std::string& key) {
  const std::lock_guard lock(mutex_);
  if (const auto it = items_.find(key); it != items_.end()) it->second.failures = 0;
}

unsigned WorkQueue::failures(const std::string& key) const {
  const std::lock_guard lock(mutex_);
  const auto it = items_.find(key);
  return it == items_.end() ? 0 : it->second.failures;
}

std::optional<Time> WorkQueue::next_due() const {
  const std::lock_guard lock(mutex_);
  if (order_.empty()) return std::nullopt;
  return order_.begin()->first;
}

bool WorkQueue::has_due() const {
  const auto due = next_due();
  return due && *due <= clock_.now();
}

void handle(WorkQueue& queue, Reconciler& reconciler, const std::string& key) {
  const auto outcome = reconciler.reconcile(key);
  if (outcome) {
    queue.forget(key);
    if (outcome->requeue_after) queue.add_after(key, *outcome->requeue_after);
  } else {
    if (outcome.error().code != Code::cancelled)
      log::warning("reconcile failed", {{"reconciler", reconciler.name()}, {"key", key}, {"error", outcome.error().message}});
    queue.fail(key);
  }
  queue.done(key);
}

WorkerPool::WorkerPool(WorkQueue& queue, Reconciler& reconciler, std::size_t max) : queue_(queue), reconciler_(reconciler), max_(max) {
  const std::lock_guard lock(mutex_);
  threads_.emplace_back([this] { run(); });
}

WorkerPool::~WorkerPool() {
  std::vector<std::thread> threads;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    threads.swap(threads_);
  }
  stop_.request_stop();
  for (auto& thread : threads) thread.join();
}

void WorkerPool::spawn_if_busy() {
  const std::lock_guard lock(mutex_);
  ++busy_;
  if (stopping_ || busy_ < threads_.size() || threads_.size() >= max_) return;
  threads_.emplace_back([this] { run(); });
}

void WorkerPool::run() {
  for (;;) {
    const auto key = queue_.take(stop_);
    if (!key) return;
    spawn_if_busy();
    handle(queue_, reconciler_, *key);
    const std::lock_guard lock(mutex_);
    --busy_;
  }
}

}  // namespace fulcrum::control
