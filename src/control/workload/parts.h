// What the workload controllers work with.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "api/oci/image_spec.h"
#include "base/clock.h"
#include "base/signals.h"
#include "control/build/transients.h"
#include "control/execs.h"
#include "control/mechanisms.h"
#include "control/objects.h"
#include "control/pulls.h"
#include "control/start_gates.h"
#include "control/waiting_clients.h"
#include "control/work_queue.h"
#include "topology/topology.h"
#include "volume/local.h"

namespace fulcrum::control {

/// Image configs by ID. They never change, so a parsed one stays right for ever; the oldest go when there are many. Thread-safe.
class ImageConfigs {
 public:
  explicit ImageConfigs(Images& images) : images_(images) {}
  /// Shared by the cache and whoever reads it. An empty ID gives an empty config.
  [[nodiscard]] Result<std::shared_ptr<const oci::ImageConfig>> get(const std::string& image_id);

 private:
  static constexpr std::size_t kMost = 64;
  Images& images_;
  std::mutex mutex_;  ///< protects the map
  std::map<std::string, std::shared_ptr<const oci::ImageConfig>> configs_;
};

/// Everything that reconciling needs. All of it outlives the reconcilers.
struct Parts {
  Objects& objects;
  const topology::Topologies& topologies;
  Images& images;
  Networks& networks;
  const volume::LocalVolumes& volumes;
  ImageConfigs& configs;
  Pulls& pulls;
  StartGates& gates;
  WaitingClients& waiting;
  Execs& execs;
  Transients& transients;
  WorkQueue& queue;
  const Clock& queue_clock;      ///< never jumps: for delays
  std::string run_dir;           ///< files of secrets and configs go below
  std::vector<std::string> dns;  ///< name servers for workloads that name none; empty: the network's

  const Clock& clock() const { return objects.clock(); }
};

/// Where the files of secrets and configs of a workload lie.
std::string files_directory(const Parts& parts, const std::string& uid);

/// The signal that asks a workload to stop: the last stop's, the spec's, the image's, else SIGTERM. Errors: invalid_argument.
[[nodiscard]] Result<int> stop_signal(const api::Workload& workload, const oci::ImageConfig& image);
using fulcrum::parse_signal;
using fulcrum::signal_name;
std::chrono::nanoseconds stop_timeout(const api::Workload& workload);

/// Whether trying again could help.
bool is_transient(Code code);

}  // namespace fulcrum::control
