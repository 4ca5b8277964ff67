// From created to running.
#include <algorithm>
#include <iterator>

#include "api/workload/codec.h"
#include "base/log.h"
#include "control/workload/attachments.h"
#include "control/workload/mounts.h"
#include "control/workload/reconciler.h"
#include "control/workload/volume_events.h"

namespace fulcrum::control {

Result<> WorkloadReconciler::begin(const Workload& workload, bool by_policy) {
  const auto config = TRY(parts_.configs.get(workload.status.image_id));
  const auto mounts = workload.status.image_id.empty() ? workload.status.mounts : TRY(resolve_volumes(parts_, workload, *config));
  if (workload.status.image_id.empty()) {  // it failed before it had everything: prepare anew
    return edit(workload, [&](Edit& edit) { return advance(edit.workload, Trigger::rebuild); });
  }
  const auto endpoints = TRY(reserve_endpoints(parts_, workload, *config));
  return edit(workload, [&](Edit& edit) -> Result<> {
    auto& w = edit.workload;
    TRY(advance(w, Trigger::start));
    ++w.status.run;
    w.status.starts = w.intent.starts;
    w.status.observed_generation = w.metadata.generation;
    w.status.restarts = by_policy ? w.status.restarts + 1 : 0;
    if (!by_policy) w.status.backoff.reset();
    w.status.restart_at.reset();
    w.status.kill_at.reset();
    w.status.exit_code.reset();
    w.status.exit_signal = 0;
    w.status.oom_killed = false;
    w.status.reason.clear();
    w.status.message.clear();
    w.status.mounts = mounts;
    return store_endpoints(parts_, edit, endpoints);
  });
}

Result<> WorkloadReconciler::create(const Workload& workload, const Observed& observed) {
  const WorkloadId id(workload.metadata.uid);
  if (observed.state != sandbox::State::absent && observed.run != workload.status.run) TRY(sandbox(workload).remove(id, true));
  const auto image = TRY(parts_.images.resolve(workload.status.image_id));
  sandbox::Plan plan{.id = id,
                     .name = workload.spec.name,
                     .run = workload.status.run,
                     .spec = workload.spec,
                     .image_config = image.config,
                     .layer_dirs = image.layer_dirs};
  auto mounts = sandbox_mounts(parts_, workload);
  // The program is not missing when a volume is: not_found here must not read as "command not found".
  if (!mounts && mounts.error().code == Code::not_found) mounts.error().code = Code::failed_precondition;
  plan.mounts = TRY(std::move(mounts));
  auto joins = resolve_joins(parts_, workload);
  if (!joins && joins.error().code == Code::not_found) joins.error().code = Code::failed_precondition;
  plan.joins = TRY(std::move(joins));
  // After a restart of the machine the kernel knows no endpoints, but the store does, and the manager was told.
  TRY(fill_names(parts_, workload, plan));
  return sandbox(workload).create(plan, stop_);
}

Result<> WorkloadReconciler::start(const Workload& workload) {
  const WorkloadId id(workload.metadata.uid);
  if (!workload.status.networks.empty()) {
    const auto netns = TRY(sandbox(workload).network_namespace(id));
    TRY(plug_endpoints(parts_, parts_.networks.endpoints(id), netns.get()));
  }
  parts_.waiting.attach_to(sandbox(workload), id, workload_key(workload.metadata.uid));
  TRY(sandbox(workload).start(id));
  const auto observed = TRY(sandbox(workload).observe(id));
  if (observed.state == sandbox::State::running || observed.state == sandbox::State::paused) return record_started(workload, observed);
  return {};  // ended already: the next plan sees it
}

Result<> WorkloadReconciler::record_started(const Workload& workload, const Observed& observed) {
  const auto config = TRY(parts_.configs.get(workload.status.image_id));
  const bool probed = (workload.spec.health && !workload.spec.health->disable) ||
                      (!workload.spec.health && config->config.healthcheck && !config->config.healthcheck->test.empty() &&
                       config->config.healthcheck->test.front() != "NONE");
  observer_.running(workload_key(workload.metadata.uid), WorkloadId(workload.metadata.uid));
  TRY(edit(workload, [&](Edit& edit) -> Result<> {
    auto& w = edit.workload;
    TRY(advance(w, Trigger::started));
    w.status.pid = observed.pid;
    w.status.started = observed.started.value_or(parts_.clock().now());
    w.status.finished.reset();
    w.status.health = {.status = probed ? "starting" : "none"};
    edit.events = volume_events(parts_.objects, w, true);
    edit.events.push_back(parts_.objects.event(w, "start"));
    return {};
  }));
  parts_.waiting.attach_to(sandbox(workload), WorkloadId(workload.metadata.uid), workload_key(workload.metadata.uid));
  parts_.networks.set_ready(WorkloadId(workload.metadata.uid), !probed);
  log::info("started", {{"workload", workload.spec.name}, {"uid", workload.metadata.uid}, {"pid", fmt::format("{}", observed.pid)}});
  return {};
}

Result<> WorkloadReconciler::update_limits(const Workload& workload) {
  TRY(sandbox(workload).update(WorkloadId(workload.metadata.uid), workload.spec.resources));
  return edit(workload, [&](Edit& edit) -> Result<> {
    edit.workload.status.observed_generation = workload.metadata.generation;
    edit.events.push_back(parts_.objects.event(edit.workload, "update"));
    return {};
  });
}

Result<> WorkloadReconciler::sync_networks(const Workload& workload) {
  const auto wanted = wanted_networks(workload.spec);
  for (const auto& have : workload.status.networks) {
    if (std::find(wanted.begin(), wanted.end(), have.network) != wanted.end()) continue;
    TRY(detach(parts_, workload.metadata.uid, have.network));
    TRY(edit(workload, [&](Edit& edit) -> Result<> {
      forget_endpoints(parts_, edit, have.network);
      return {};
    }));
  }
  const auto config = TRY(parts_.configs.get(workload.status.image_id));
  const auto endpoints = TRY(reserve_endpoints(parts_, workload, *config));
  const auto& have = workload.status.networks;
  std::vector<network::Endpoint> added;
  std::copy_if(endpoints.begin(), endpoints.end(), std::back_inserter(added), [&](const auto& endpoint) {
    return std::none_of(have.begin(), have.end(), [&](const auto& e) { return e.network == endpoint.network; });
  });
  if (added.empty()) return {};
  // Plugged first, so that who sees the record can use the network; after a crash in between, reconcile removes the link and we begin anew.
  const auto netns = TRY(sandbox(workload).network_namespace(WorkloadId(workload.metadata.uid)));
  TRY(plug_endpoints(parts_, added, netns.get()));
  return edit(workload, [&](Edit& edit) { return store_endpoints(parts_, edit, endpoints); });
}

Result<> WorkloadReconciler::release_network(const Workload& workload) {
  TRY(detach(parts_, workload.metadata.uid, ""));
  return edit(workload, [&](Edit& edit) -> Result<> {
    forget_endpoints(parts_, edit, "");
    return {};
  });
}

}  // namespace fulcrum::control
