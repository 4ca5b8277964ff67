// Brings one workload nearer to what its record wants: read desired and observed, plan, do, write down.
//
// Written before done: a run number and reserved addresses. Done before written: what can be seen again afterwards (a sandbox's state).
// So a kill at any line is followed by the same step, or by the next one.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/wait.h"
#include "control/lifecycle.h"
#include "control/plan.h"
#include "control/workload/parts.h"

namespace fulcrum::control {

/// Called when a workload began to run or is found running: whoever watches its sandbox's descriptor.
class RunObserver {
 public:
  virtual ~RunObserver() = default;
  /// False when there is nothing to watch: it ended at this very moment.
  virtual bool running(const std::string& key, const WorkloadId& id) = 0;
};

class WorkloadReconciler final : public Reconciler {
 public:
  /// Steps in one call; then others get their turn.
  static constexpr int kMaxSteps = 16;
  /// Attempts at a step that fails for want of something that may come back; then the workload has failed.
  static constexpr unsigned kMaxAttempts = 5;

  /// `stop` ends long steps (creating) when the daemon ends. All references outlive the reconciler.
  WorkloadReconciler(Parts& parts, RunObserver& observer, const StopSource& stop) : parts_(parts), observer_(observer), stop_(stop) {}

  Result<Outcome> reconcile(const std::string& key) override;
  std::string_view name() const override { return "workload"; }

 private:
  using Workload = api::Workload;
  using Observed = sandbox::Observed;

  /// Nothing: the step is done, plan again. A duration: look again then.
  Result<std::optional<Outcome>> apply(const Step& step, const Workload& workload, const Observed& observed);
  Result<std::optional<Outcome>> apply_active(const Step& step, const Workload& workload, const Observed& observed);
  Result<std::optional<Outcome>> on_failure(const Step& step, const Workload& workload, const Error& error);
  Result<> give_up(const Workload& workload, const Error& error, int exit_code, std::string reason);

  // prepare.cc
  Result<std::optional<Outcome>> prepare(const Workload& workload);
  Result<std::optional<image::ResolvedImage>> find_image(const Workload& workload);
  Result<> rebuild(const Workload& workload);
  Result<> remove(const Workload& workload);
  Result<> expire(const Workload& workload);

  // run.cc
  Result<> begin(const Workload& workload, bool by_policy);
  Result<> create(const Workload& workload, const Observed& observed);
  Result<> start(const Workload& workload);
  Result<> record_started(const Workload& workload, const Observed& observed);
  Result<> update_limits(const Workload& workload);
  Result<> sync_networks(const Workload& workload);
  Result<> release_network(const Workload& workload);

  // end.cc
  Result<> send_stop(const Workload& workload);
  Result<> kill(const Workload& workload);
  Result<> set_paused(const Workload& workload, bool paused, bool act);
  Result<> record_exit(const Workload& workload, const sandbox::Exit& exit, std::string reason, std::optional<Time> started);
  Result<> record_start_failure(const Workload& workload, const sandbox::Exit& exit);
  Result<> abandon(const Workload& workload);
  Result<> acknowledge(const Workload& workload);
  Result<> cancel_restart(const Workload& workload);

  sandbox::Sandbox& sandbox(const Workload& workload) const { return parts_.topologies.of(workload.spec.topology).sandbox(); }
  /// An edit that is dropped when the workload's run or phase is no longer the one that the step was planned for.
  Result<> edit(const Workload& seen, const std::function<Result<>(Edit&)>& change);

  Parts& parts_;
  RunObserver& observer_;
  const StopSource& stop_;
};

}  // namespace fulcrum::control
