// Processes that were started beside a workload's first one: what was asked for, and how it ended. Their streams and exit statuses are the
// sandbox's; this is what a client finds by an exec's ID, also after a restart of the daemon.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "api/workload/workload.h"
#include "base/error.h"
#include "control/work_queue.h"

namespace fulcrum::control {

/// Keys in work queues and of watched descriptors.
inline constexpr std::string_view kExecs = "/execs/";
std::string exec_key(std::string_view id);

/// The records: in memory, and one file for each in the run folder, which is as short-lived as what they tell of. Thread-safe.
class Execs {
 public:
  /// Of one workload: execs that wait or run, and ended ones that can still be asked for.
  static constexpr std::size_t kMostOpen = 1024;
  static constexpr std::size_t kMostEnded = 64;

  /// Reads what an earlier daemon left in `directory`. A file that cannot be read is dropped: its exec is forgotten.
  explicit Execs(std::string directory);

  /// Errors: resource_exhausted.
  [[nodiscard]] Result<api::Exec> create(const api::Workload& workload, const api::ExecSpec& spec);
  /// Errors: not_found "no such exec: ID".
  [[nodiscard]] Result<api::Exec> find(const std::string& id) const;
  /// Whoever gets it is the only one that may start it. Errors: not_found; failed_precondition "… has already run", "… is already running".
  [[nodiscard]] Result<api::Exec> claim(const std::string& id);
  [[nodiscard]] Result<> set_running(const std::string& id, std::int64_t pid);
  /// False when that was known already.
  [[nodiscard]] Result<bool> set_ended(const std::string& id, int exit_code);
  /// IDs of those that wait or run, of one workload or (empty) of all.
  std::vector<std::string> open(const std::string& workload) const;
  /// The workload is gone.
  void forget(const std::string& workload);

 private:
  [[nodiscard]] Result<> save(const api::Exec& exec) const;
  void drop(const api::Exec& exec);
  std::string path(const api::Exec& exec) const { return directory_ + "/" + exec.workload + "/" + exec.id + ".json"; }

  const std::string directory_;
  mutable std::mutex mutex_;  ///< protects the rest
  std::map<std::string, api::Exec> execs_;
  std::map<std::string, std::vector<std::string>> by_workload_;  ///< uid → IDs, oldest first
};

}  // namespace fulcrum::control
