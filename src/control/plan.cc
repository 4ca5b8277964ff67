#include "control/plan.h"

#include <algorithm>

namespace fulcrum::control {

using api::Phase;
using sandbox::State;
using std::chrono::nanoseconds;

std::string_view to_string(StepKind kind) {
  switch (kind) {
    case StepKind::prepare: return "prepare";
    case StepKind::begin: return "begin";
    case StepKind::create: return "create";
    case StepKind::start: return "start";
    case StepKind::record_started: return "record started";
    case StepKind::record_exit: return "record exit";
    case StepKind::record_lost: return "record lost";
    case StepKind::abandon: return "abandon";
    case StepKind::stop: return "stop";
    case StepKind::kill: return "kill";
    case StepKind::pause: return "pause";
    case StepKind::resume: return "resume";
    case StepKind::record_paused: return "record paused";
    case StepKind::record_resumed: return "record resumed";
    case StepKind::update_limits: return "update limits";
    case StepKind::sync_networks: return "sync networks";
    case StepKind::cancel_restart: return "cancel restart";
    case StepKind::acknowledge: return "acknowledge";
    case StepKind::release_network: return "release network";
    case StepKind::rebuild: return "rebuild";
    case StepKind::expire: return "expire";
    case StepKind::remove: return "remove";
    case StepKind::wait: return "wait";
  }
  return "unknown";
}

std::vector<std::string> wanted_networks(const api::WorkloadSpec& spec) {
  if (spec.network == "none" || spec.network == "host" || spec.network.starts_with("container:")) return {};
  std::vector<std::string> names;
  if (!spec.network.empty()) names.push_back(spec.network);
  for (const auto& network : spec.networks)
    if (std::find(names.begin(), names.end(), network.name) == names.end()) names.push_back(network.name);
  if (names.empty()) names.emplace_back(kDefaultNetwork);
  return names;
}

std::optional<nanoseconds> restart_delay(const api::RestartPolicy& policy, int exit_code, std::uint32_t restarts,
                                         std::optional<nanoseconds> last_delay, nanoseconds ran_for) {
  constexpr nanoseconds kFirst = std::chrono::milliseconds(100);
  constexpr nanoseconds kMost = std::chrono::seconds(60);
  const bool wanted = policy.name == "always" || policy.name == "unless-stopped" ||
                      (policy.name == "on-failure" && exit_code != 0 && (policy.max_retries == 0 || restarts < policy.max_retries));
  if (!wanted) return std::nullopt;
  if (!last_delay || ran_for >= std::chrono::seconds(10)) return kFirst;
  return std::clamp(*last_delay * 2, kFirst, kMost);
}

namespace {

Step step(StepKind kind) { return {.kind = kind, .until = std::nullopt, .by_policy = false}; }
Step wait_for(Time until) { return {.kind = StepKind::wait, .until = until, .by_policy = false}; }

bool wants_run(const api::Workload& w) { return w.intent.state == "running" || w.intent.state == "paused"; }
bool start_asked(const api::Workload& w) { return w.intent.starts > w.status.starts; }
bool stop_asked(const api::Workload& w) { return w.intent.stops > w.status.stops; }
bool rebuild_asked(const api::Workload& w) { return w.intent.rebuilds > w.status.rebuilds; }
bool alive(const sandbox::Observed& o) { return o.state == State::running || o.state == State::paused; }

bool networks_differ(const api::Workload& w) {
  const auto wanted = wanted_networks(w.spec);
  if (wanted.size() != w.status.networks.size()) return true;
  return !std::all_of(w.status.networks.begin(), w.status.networks.end(),
                      [&](const auto& have) { return std::find(wanted.begin(), wanted.end(), have.network) != wanted.end(); });
}

/// created, stopped, failed: no process is there.
std::optional<Step> plan_idle(const api::Workload& w) {
  if (rebuild_asked(w)) return step(StepKind::rebuild);
  if (stop_asked(w)) return step(StepKind::acknowledge);
  if (start_asked(w)) return step(wants_run(w) ? StepKind::begin : StepKind::acknowledge);
  if (w.status.phase != Phase::created && w.spec.auto_remove) return step(StepKind::expire);
  if (!w.status.networks.empty()) return step(StepKind::release_network);
  return std::nullopt;
}

std::optional<Step> plan_restarting(const api::Workload& w, Time now) {
  if (!wants_run(w) || stop_asked(w) || rebuild_asked(w)) return step(StepKind::cancel_restart);
  if (start_asked(w)) return step(StepKind::begin);
  if (w.status.restart_at && now < *w.status.restart_at) return wait_for(*w.status.restart_at);
  return Step{.kind = StepKind::begin, .until = std::nullopt, .by_policy = true};
}

std::optional<Step> plan_starting(const api::Workload& w, const sandbox::Observed& o) {
  const bool unwanted = !wants_run(w) || stop_asked(w);
  if (o.state == State::absent || o.run != w.status.run) return step(unwanted ? StepKind::abandon : StepKind::create);
  switch (o.state) {
    case State::created: return step(unwanted ? StepKind::abandon : StepKind::start);
    case State::running:
    case State::paused: return step(StepKind::record_started);
    case State::stopped: return step(StepKind::record_exit);
    case State::absent: break;
  }
  return std::nullopt;
}

/// running, paused, stopping: a process should be there.
std::optional<Step> plan_active(const api::Workload& w, const sandbox::Observed& o, Time now) {
  if (o.run != w.status.run || o.state == State::absent || o.state == State::created) return step(StepKind::record_lost);
  if (o.state == State::stopped) return step(StepKind::record_exit);
  const bool frozen = o.state == State::paused;
  if (w.metadata.deleting) return step(StepKind::kill);
  if (stop_asked(w) || rebuild_asked(w)) {
    if (frozen) return step(StepKind::resume);  // a frozen process hears no signal
    if (w.status.phase != Phase::stopping) return step(StepKind::stop);
    if (w.status.kill_at && now < *w.status.kill_at) return wait_for(*w.status.kill_at);
    return step(StepKind::kill);
  }
  if (w.status.phase == Phase::stopping) return step(StepKind::kill);
  if (frozen && w.intent.state != "paused") return step(StepKind::resume);
  if (!frozen && w.intent.state == "paused") return step(StepKind::pause);
  if (frozen != (w.status.phase == Phase::paused)) return step(frozen ? StepKind::record_paused : StepKind::record_resumed);
  if (networks_differ(w)) return step(StepKind::sync_networks);
  if (w.metadata.generation > w.status.observed_generation) return step(StepKind::update_limits);
  return std::nullopt;
}

}  // namespace

std::optional<Step> plan(const api::Workload& w, const sandbox::Observed& o, Time now) {
  if (w.metadata.deleting && !(w.status.phase == Phase::running || w.status.phase == Phase::paused || w.status.phase == Phase::stopping)) {
    // A start that was under way may have succeeded just before a crash: then its end is told, too.
    if (w.status.phase == Phase::starting && alive(o) && o.run == w.status.run) return step(StepKind::record_started);
    return step(StepKind::remove);
  }
  switch (w.status.phase) {
    case Phase::pending:
    case Phase::creating: return step(StepKind::prepare);
    case Phase::created:
    case Phase::stopped:
    case Phase::failed: return plan_idle(w);
    case Phase::restarting: return plan_restarting(w, now);
    case Phase::starting: return plan_starting(w, o);
    case Phase::running:
    case Phase::paused:
    case Phase::stopping: return plan_active(w, o, now);
    case Phase::removing: return step(StepKind::remove);
  }
  return std::nullopt;
}

}  // namespace fulcrum::control
