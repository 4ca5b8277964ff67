// Removes interfaces in the background: the kernel takes tens of milliseconds to unregister one, and nobody needs to wait for that when
// the sandbox behind it has ended.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"

namespace fulcrum::network {

/// One thread and its list of interface numbers. Numbers, not names: by the time of removal the name may be in use again.
/// What a crash leaves undone, Manager::reconcile finds by its label.
class LinkReaper {
 public:
  LinkReaper();
  ~LinkReaper();  ///< finishes the list
  LinkReaper(const LinkReaper&) = delete;
  LinkReaper& operator=(const LinkReaper&) = delete;

  void remove(int index);
  /// Returns when everything handed in before is gone. The kernel is all that is waited for.
  void drain();

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<int> waiting_;  // under mutex_
  bool busy_ = false, stopping_ = false;
  std::jthread thread_;
};

}  // namespace fulcrum::network
