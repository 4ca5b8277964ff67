// From running to stopped: signals, ends, and what the restart policy makes of them.
#include <signal.h>

#include "base/log.h"
#include "control/workload/reconciler.h"
#include "control/workload/volume_events.h"

namespace fulcrum::control {

using std::chrono::nanoseconds;

namespace {

/// A signal to something that ended meanwhile is no failure: its end is seen next.
Result<> ignore_ended(Result<> result) {
  if (!result && (result.error().code == Code::failed_precondition || result.error().code == Code::not_found)) return {};
  return result;
}

std::string_view why_stopped(const api::Workload& w) {
  if (w.metadata.deleting) return "removed";
  if (w.intent.rebuilds > w.status.rebuilds) return "its declaration changed";
  return w.intent.starts > w.status.starts ? "restart asked for" : "stop asked for";
}

/// What the event of an end tells.
std::map<std::string, std::string> death(const api::WorkloadStatus& status) {
  std::map<std::string, std::string> attributes{
      {"exitCode", fmt::format("{}", *status.exit_code)}, {"signal", fmt::format("{}", status.exit_signal)}, {"reason", status.reason}};
  if (status.started && status.finished)
    attributes["seconds"] = fmt::format("{}", std::chrono::duration_cast<std::chrono::seconds>(*status.finished - *status.started).count());
  return attributes;
}

}  // namespace

// The signal goes first: a crash in between sends it a second time, which is better than never.
Result<> WorkloadReconciler::send_stop(const Workload& workload) {
  const auto config = TRY(parts_.configs.get(workload.status.image_id));
  const int signo = TRY(stop_signal(workload, *config));
  log::info("stop", {{"workload", workload.spec.name}, {"signal", signal_name(signo)}, {"reason", why_stopped(workload)}});
  TRY(ignore_ended(sandbox(workload).signal(WorkloadId(workload.metadata.uid), signo, false)));
  observer_.running(workload_key(workload.metadata.uid), WorkloadId(workload.metadata.uid));
  return edit(workload, [&](Edit& edit) -> Result<> {
    auto& w = edit.workload;
    if (w.status.phase == Phase::paused) TRY(advance(w, Trigger::resume));
    TRY(advance(w, Trigger::stop));
    w.status.kill_at = parts_.clock().now() + stop_timeout(w);
    edit.events.push_back(parts_.objects.event(w, "kill", {{"signal", fmt::format("{}", signo)}}));
    return {};
  });
}

Result<> WorkloadReconciler::kill(const Workload& workload) {
  log::info("kill",
            {{"workload", workload.spec.name},
             {"signal", "SIGKILL"},
             {"reason", workload.metadata.deleting ? std::string_view("removed by force") : std::string_view("stop timeout is over")}});
  TRY(ignore_ended(sandbox(workload).signal(WorkloadId(workload.metadata.uid), SIGKILL, true)));
  if (!workload.status.kill_at && !workload.metadata.deleting) return {};
  return edit(workload, [&](Edit& edit) -> Result<> {
    auto& w = edit.workload;
    if (w.status.kill_at) edit.events.push_back(parts_.objects.event(w, "kill", {{"signal", "9"}}));
    w.status.kill_at.reset();
    return {};
  });
}

Result<> WorkloadReconciler::set_paused(const Workload& workload, bool paused, bool act) {
  const WorkloadId id(workload.metadata.uid);
  if (act) TRY(ignore_ended(paused ? sandbox(workload).pause(id) : sandbox(workload).resume(id)));
  const auto wanted = paused ? Phase::paused : Phase::running;
  return edit(workload, [&](Edit& edit) -> Result<> {
    auto& w = edit.workload;
    if (w.status.phase == wanted || w.status.phase == Phase::stopping) return {};
    TRY(advance(w, paused ? Trigger::pause : Trigger::resume));
    edit.events.push_back(parts_.objects.event(w, paused ? "pause" : "resume"));
    return {};
  });
}

Result<> WorkloadReconciler::record_exit(const Workload& workload, const sandbox::Exit& exit, std::string reason,
                                         std::optional<Time> started) {
  log::info("ended",
            {{"workload", workload.spec.name}, {"exit", fmt::format("{}", exit.code)}, {"oom", exit.oom_killed ? "true" : "false"}});
  return edit(workload, [&](Edit& edit) -> Result<> {
    auto& w = edit.workload;
    auto& status = w.status;
    if (status.phase == Phase::starting) {
      TRY(advance(w, Trigger::started));
      status.started = started.value_or(exit.finished);
      edit.events = volume_events(parts_.objects, w, true);
      edit.events.push_back(parts_.objects.event(w, "start"));
    }
    TRY(advance(w, Trigger::exited));
    const bool stop_asked = w.intent.stops > status.stops;
    status.exit_code = exit.code;
    status.exit_signal = exit.signal;
    status.oom_killed = exit.oom_killed;
    status.finished = exit.finished;
    status.pid = 0;
    status.kill_at.reset();
    status.stops = w.intent.stops;
    status.reason = exit.oom_killed ? "OOMKilled" : reason.empty() ? (exit.code == 0 ? "Completed" : "Error") : reason;
    status.message = exit.error;
    if (status.health.status != "none") status.health.status = "unhealthy";
    if (exit.oom_killed) edit.events.push_back(parts_.objects.event(w, "oom"));
    edit.events.push_back(parts_.objects.event(w, "die", death(status)));
    for (auto& event : volume_events(parts_.objects, w, false)) edit.events.push_back(std::move(event));
    if (stop_asked) {
      edit.events.push_back(parts_.objects.event(w, "stop"));
      return {};
    }
    if ((w.intent.state != "running" && w.intent.state != "paused") || w.metadata.deleting) return {};
    const auto last = status.backoff ? std::optional(status.backoff->ns) : std::nullopt;
    const auto ran_for = status.started ? exit.finished - *status.started : nanoseconds(0);
    const auto delay = restart_delay(w.spec.restart, exit.code, status.restarts, last, ran_for);
    if (!delay) return {};
    TRY(advance(w, Trigger::backoff));
    status.backoff = Duration{*delay};
    status.restart_at = parts_.clock().now() + *delay;
    return {};
  });
}

Result<> WorkloadReconciler::record_start_failure(const Workload& workload, const sandbox::Exit& exit) {
  return give_up(workload, Error{Code::failed_precondition, exit.error}, exit.code, "StartFailed");
}

Result<> WorkloadReconciler::abandon(const Workload& workload) {
  TRY(sandbox(workload).remove(WorkloadId(workload.metadata.uid), true));
  return edit(workload, [&](Edit& edit) -> Result<> {
    TRY(advance(edit.workload, Trigger::give_up));
    edit.workload.status.starts = edit.workload.intent.starts;
    edit.workload.status.stops = edit.workload.intent.stops;
    return {};
  });
}

Result<> WorkloadReconciler::acknowledge(const Workload& workload) {
  return edit(workload, [&](Edit& edit) -> Result<> {
    auto& w = edit.workload;
    w.status.stops = w.intent.stops;
    if (w.intent.state != "running" && w.intent.state != "paused") w.status.starts = w.intent.starts;
    return {};
  });
}

Result<> WorkloadReconciler::cancel_restart(const Workload& workload) {
  return edit(workload, [&](Edit& edit) -> Result<> {
    TRY(advance(edit.workload, Trigger::give_up));
    edit.workload.status.restart_at.reset();
    edit.workload.status.stops = edit.workload.intent.stops;
    return {};
  });
}

}  // namespace fulcrum::control
