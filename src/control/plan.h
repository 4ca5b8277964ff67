// What is to be done next for a workload: a pure function of what is wanted and what is there.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "api/workload/workload.h"
#include "sandbox/sandbox.h"

namespace fulcrum::control {

/// One step. Each can be done twice without harm.
enum class StepKind {
  prepare,         ///< image, hold, volumes
  begin,           ///< a run is written down: addresses reserved, run number, phase starting
  create,          ///< the sandbox is made
  start,           ///< plugged into its networks, the program runs
  record_started,  ///< it runs already: write that down
  record_exit,     ///< it ended: write that down, and decide about a restart
  record_lost,     ///< it is gone without a trace (the machine was restarted)
  abandon,         ///< a start that nobody wants any more
  stop,            ///< the stop signal
  kill,            ///< the stop timeout is over, or it is removed by force
  pause,
  resume,
  record_paused,  ///< found frozen, or thawed: write that down
  record_resumed,
  update_limits,    ///< resources changed
  sync_networks,    ///< joined or left networks while running
  cancel_restart,   ///< stopped by a user during the back-off
  acknowledge,      ///< counters of starts and stops that ask for nothing
  release_network,  ///< an ended workload gives its addresses back
  rebuild,          ///< the spec changed: drop the file system, prepare anew
  expire,           ///< ended, and wanted only as long as it ran
  remove,           ///< everything goes away
  wait,             ///< nothing until `until`
};
std::string_view to_string(StepKind kind);

struct Step {
  StepKind kind;
  std::optional<Time> until;  ///< of wait
  bool by_policy = false;     ///< begin: the restart policy wants it
  friend bool operator==(const Step&, const Step&) = default;
};

/// Nothing: wanted and observed agree.
std::optional<Step> plan(const api::Workload& workload, const sandbox::Observed& observed, Time now);

/// The names of the networks that a workload is to be in: none for the modes none, host and container.
std::vector<std::string> wanted_networks(const api::WorkloadSpec& spec);
/// The name of the network that workloads join when they name none.
inline constexpr std::string_view kDefaultNetwork = "default";

/// How long to wait before the next run; nothing: the policy wants none. 100 ms, doubling with each restart to 60 s; from the start again
/// after a run of 10 s, as Docker.
std::optional<std::chrono::nanoseconds> restart_delay(const api::RestartPolicy& policy, int exit_code, std::uint32_t restarts,
                                                      std::optional<std::chrono::nanoseconds> last_delay, std::chrono::nanoseconds ran_for);

}  // namespace fulcrum::control
