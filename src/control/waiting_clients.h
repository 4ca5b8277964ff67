// Connections of clients that attached to a workload before its program runs. They are given to its sandbox between "it is made" and "its
// program starts", so that a client that attached first misses nothing.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "sandbox/sandbox.h"

namespace fulcrum::control {

/// Thread-safe. Lives in memory only: a daemon that crashes drops these connections, as it drops every other that it holds itself; their
/// workloads have not begun, so nothing is lost but the wait. Whom a sandbox was given already stays attached.
class WaitingClients {
 public:
  static constexpr std::size_t kMost = 64;  ///< of one workload
  struct Client {
    UniqueFd fd;
    sandbox::StreamFormat format;
  };

  /// Those who hung up meanwhile are forgotten. Errors: resource_exhausted.
  [[nodiscard]] Result<> add(const std::string& key, Client client);
  /// Everybody who waits for this workload, in the order in which they came; nobody waits afterwards.
  std::vector<Client> take(const std::string& key);
  /// Gives everybody who waits to the sandbox. A client that cannot be attached is cut off, which is logged.
  void attach_to(sandbox::Sandbox& sandbox, const WorkloadId& id, const std::string& key);

 private:
  std::mutex mutex_;  ///< protects clients_
  std::map<std::string, std::vector<Client>> clients_;
};

}  // namespace fulcrum::control
