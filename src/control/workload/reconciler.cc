#include "control/workload/reconciler.h"

#include <signal.h>

#include "api/workload/codec.h"
#include "base/log.h"

namespace fulcrum::control {

using std::chrono::nanoseconds;

Result<Outcome> WorkloadReconciler::reconcile(const std::string& key) {
  const std::string uid = key.substr(kWorkloads.size());
  for (int count = 0; count < kMaxSteps; ++count) {
    const auto workload = TRY(parts_.objects.workload(uid));
    if (!workload) return Outcome{};
    const auto& topology = parts_.topologies.of(workload->spec.topology);
    TRY(topology.available());
    const auto observed = TRY(topology.sandbox().observe(WorkloadId(uid)), "observe {}", workload->spec.name);
    const auto step = plan(*workload, observed, parts_.clock().now());
    if (!step) {
      if (is_active(workload->status.phase) && !observer_.running(key, WorkloadId(uid)))
        return Outcome{.requeue_after = std::chrono::milliseconds(100)};
      return Outcome{};
    }
    log::debug("step", {{"workload", workload->spec.name}, {"step", to_string(step->kind)}});
    auto outcome = apply(*step, *workload, observed);
    if (!outcome) outcome = on_failure(*step, *workload, outcome.error());
    if (!outcome) return std::unexpected(with_context(outcome.error(), fmt::format("{} {}", to_string(step->kind), workload->spec.name)));
    if (*outcome) return **outcome;
  }
  return Outcome{.requeue_after = nanoseconds(0)};
}

Result<std::optional<Outcome>> WorkloadReconciler::apply(const Step& step, const Workload& workload, const Observed& observed) {
  switch (step.kind) {
    case StepKind::prepare: return prepare(workload);
    case StepKind::begin: TRY(begin(workload, step.by_policy)); break;
    case StepKind::create: TRY(create(workload, observed)); break;
    case StepKind::start:
      if (parts_.gates.wait_here(workload_key(workload.metadata.uid))) return Outcome{};  // opening the gate brings us back
      TRY(start(workload));
      break;
    case StepKind::record_started: TRY(record_started(workload, observed)); break;
    case StepKind::abandon: TRY(abandon(workload)); break;
    case StepKind::acknowledge: TRY(acknowledge(workload)); break;
    case StepKind::cancel_restart: TRY(cancel_restart(workload)); break;
    case StepKind::release_network: TRY(release_network(workload)); break;
    case StepKind::rebuild: TRY(rebuild(workload)); break;
    case StepKind::expire: TRY(expire(workload)); break;
    case StepKind::remove: TRY(remove(workload)); break;
    case StepKind::wait: return Outcome{.requeue_after = *step.until - parts_.clock().now()};
    case StepKind::record_exit:
    case StepKind::record_lost:
    case StepKind::stop:
    case StepKind::kill:
    case StepKind::pause:
    case StepKind::resume:
    case StepKind::record_paused:
    case StepKind::record_resumed:
    case StepKind::update_limits:
    case StepKind::sync_networks: return apply_active(step, workload, observed);
  }
  return std::optional<Outcome>();
}

Result<std::optional<Outcome>> WorkloadReconciler::apply_active(const Step& step, const Workload& workload, const Observed& observed) {
  if (step.kind == StepKind::record_exit) {
    const auto exit = observed.exit.value_or(sandbox::Exit{.run = observed.run, .code = 255, .finished = parts_.clock().now()});
    if (!exit.error.empty() && workload.status.phase == Phase::starting) {
      TRY(record_start_failure(workload, exit));
    } else {
      TRY(record_exit(workload, exit, "", observed.started));
    }
  } else if (step.kind == StepKind::record_lost) {
    TRY(record_exit(workload, {.run = workload.status.run, .code = 255, .finished = parts_.clock().now()}, "Lost", std::nullopt));
  } else if (step.kind == StepKind::stop) {
    TRY(send_stop(workload));
  } else if (step.kind == StepKind::kill) {
    TRY(kill(workload));
    observer_.running(workload_key(workload.metadata.uid), WorkloadId(workload.metadata.uid));
    return Outcome{.requeue_after = std::chrono::seconds(1)};  // its end comes by the watch; this is for processes that cannot die yet
  } else if (step.kind == StepKind::pause || step.kind == StepKind::resume) {
    TRY(set_paused(workload, step.kind == StepKind::pause, true));
  } else if (step.kind == StepKind::record_paused || step.kind == StepKind::record_resumed) {
    TRY(set_paused(workload, step.kind == StepKind::record_paused, false));
  } else if (step.kind == StepKind::update_limits) {
    TRY(update_limits(workload));
  } else {
    TRY(sync_networks(workload));
  }
  return std::optional<Outcome>();
}

Result<> WorkloadReconciler::edit(const Workload& seen, const std::function<Result<>(Edit&)>& change) {
  TRY(parts_.objects.edit(seen.metadata.uid, [&](Edit& edit) -> Result<bool> {
    if (edit.workload.status.phase != seen.status.phase || edit.workload.status.run != seen.status.run) return false;
    TRY(change(edit));
    return true;
  }));
  return {};
}

// Preparing and starting can fail for good: then the workload has failed, and says why. Everything else is tried again for ever, since what
// is there must come to be as wanted.
Result<std::optional<Outcome>> WorkloadReconciler::on_failure(const Step& step, const Workload& workload, const Error& error) {
  const auto unchanged = [&]() -> Result<std::optional<Outcome>> { return std::unexpected(error); };
  const bool preparing = step.kind == StepKind::prepare;
  const bool starting = step.kind == StepKind::begin || step.kind == StepKind::create || step.kind == StepKind::start;
  if (step.kind == StepKind::update_limits && !is_transient(error.code)) {
    TRY(edit(workload, [&](Edit& edit) -> Result<> {
      edit.workload.status.observed_generation = edit.workload.metadata.generation;
      edit.workload.status.reason = "UpdateFailed";
      edit.workload.status.message = error.message;
      return {};
    }));
    return std::optional<Outcome>();
  }
  if (!preparing && !starting) return unchanged();
  if (error.code == Code::cancelled || error.code == Code::aborted) return unchanged();
  if (is_transient(error.code) && parts_.queue.failures(workload_key(workload.metadata.uid)) + 1 < kMaxAttempts) return unchanged();
  int exit_code = 125;
  std::string reason = preparing ? "PrepareFailed" : "StartFailed";
  if (step.kind == StepKind::create || step.kind == StepKind::start) {
    if (error.code == Code::not_found) exit_code = 127;
    if (error.code == Code::permission_denied) exit_code = 126;
  }
  if (preparing && error.code == Code::not_found) reason = "ImageNotFound";
  TRY(give_up(workload, error, exit_code, std::move(reason)));
  return std::optional<Outcome>();
}

Result<> WorkloadReconciler::give_up(const Workload& workload, const Error& error, int exit_code, std::string reason) {
  log::warning("workload failed", {{"workload", workload.spec.name}, {"reason", reason}, {"error", error.message}});
  TRY(sandbox(workload).remove(WorkloadId(workload.metadata.uid), true));
  parts_.waiting.take(workload_key(workload.metadata.uid));
  const auto now = parts_.clock().now();
  return edit(workload, [&](Edit& edit) -> Result<> {
    auto& w = edit.workload;
    const bool again = w.status.phase == Phase::restarting || (w.status.phase == Phase::starting && w.status.restarts > 0);
    if (w.status.phase == Phase::created || w.status.phase == Phase::stopped || w.status.phase == Phase::failed ||
        w.status.phase == Phase::restarting) {
      TRY(advance(w, Trigger::start));
      ++w.status.run;
    }
    TRY(advance(w, Trigger::failure));
    w.status.starts = w.intent.starts;
    w.status.stops = w.intent.stops;
    w.status.exit_code = exit_code;
    w.status.finished = now;
    w.status.pid = 0;
    w.status.reason = reason;
    w.status.message = error.message;
    edit.events.push_back(
        parts_.objects.event(w, "die", {{"exitCode", fmt::format("{}", exit_code)}, {"reason", reason}, {"error", error.message}}));
    const auto last = w.status.backoff ? std::optional(w.status.backoff->ns) : std::nullopt;
    if (again && w.intent.state == "running") {  // the policy began it, so the policy goes on
      if (const auto delay = restart_delay(w.spec.restart, exit_code, w.status.restarts, last, nanoseconds(0))) {
        TRY(advance(w, Trigger::backoff));
        w.status.backoff = Duration{*delay};
        w.status.restart_at = now + *delay;
      }
    }
    return {};
  });
}

}  // namespace fulcrum::control
