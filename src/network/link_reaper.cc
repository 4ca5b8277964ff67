#include "network/link_reaper.h"

#include "network/links.h"

namespace fulcrum::network {

LinkReaper::LinkReaper() : thread_([this] { run(); }) {}

LinkReaper::~LinkReaper() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  changed_.notify_all();
}

void LinkReaper::remove(int index) {
  const std::lock_guard lock(mutex_);
  waiting_.push_back(index);
  changed_.notify_all();
}

void LinkReaper::drain() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return waiting_.empty() && !busy_; });
}

void LinkReaper::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return !waiting_.empty() || stopping_; });
    if (waiting_.empty()) return;
    std::vector<int> batch;
    batch.swap(waiting_);
    busy_ = true;
    lock.unlock();
    if (auto socket = netlink::Socket::open(NETLINK_ROUTE)) {
      // A link that is gone by now is as good as removed; one that resists is found again by reconcile().
      for (const int index : batch) (void)delete_link(*socket, index);
    }
    lock.lock();
    busy_ = false;
    changed_.notify_all();
  }
}

}  // namespace fulcrum::network
