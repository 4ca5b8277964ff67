// The two sources of news: the store's log and the sandboxes' descriptors. One thread turns both into keys in work queues.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "control/objects.h"
#include "control/workload/reconciler.h"

namespace fulcrum::control {

/// Watches the sandboxes of workloads that run. A descriptor reports once; reconciling the key asks for it again while it runs.
/// Thread-safe.
class SandboxWatch final : public RunObserver {
 public:
  explicit SandboxWatch(sandbox::Sandbox& sandbox);
  bool running(const std::string& key, const WorkloadId& id) override;
  /// The same for the end of an exec.
  bool exec_running(const std::string& key, const WorkloadId& id, const std::string& exec_id);
  /// Readable when drain() has something.
  int fd() const { return epoll_.get(); }
  /// Keys of sandboxes that changed.
  std::vector<std::string> drain();
  /// Descriptors watched now.
  std::size_t size() const;

 private:
  bool watch(const std::string& key, const std::function<Result<UniqueFd>()>& descriptor);

  sandbox::Sandbox& sandbox_;
  UniqueFd epoll_;
  mutable std::mutex mutex_;  ///< protects the rest
  std::uint64_t next_token_ = 1;
  std::map<std::uint64_t, std::pair<std::string, UniqueFd>> watched_;
  std::map<std::string, std::uint64_t> tokens_;  ///< by key
};

/// The thread. The queues outlive it.
class Pump {
 public:
  /// Every change of a workload's record after `revision` is reported.
  Pump(Objects& objects, SandboxWatch& sandboxes, WorkQueue& workloads, WorkQueue& health, WorkQueue& execs, store::Revision revision);
  ~Pump();
  Pump(const Pump&) = delete;
  Pump& operator=(const Pump&) = delete;

 private:
  void run();
  [[nodiscard]] Result<> pump();

  Objects& objects_;
  SandboxWatch& sandboxes_;
  WorkQueue& workloads_;
  WorkQueue& health_;
  WorkQueue& execs_;
  store::Revision revision_;
  StopSource stop_;
  std::thread thread_;  // last: uses all of the above
};

}  // namespace fulcrum::control
