#include "control/exec_reconciler.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace fulcrum::control {

namespace {

constexpr int kKilled = 137;

}  // namespace

std::map<std::string, std::string> exec_attributes(const api::Exec& exec) {
  return {{"execId", exec.id}, {"command", fmt::format("{}", fmt::join(exec.spec.command.words, " "))}};
}

Result<api::Exec> observe_exec(const Parts& parts, const api::Exec& exec) {
  auto seen = exec;
  if (!exec.started || exec.exit_code) return seen;
  const auto workload = TRY(parts.objects.workload(exec.workload));
  if (!workload) return fail(Code::not_found, "no such exec: {}", exec.id);
  const auto state = parts.topologies.of(workload->spec.topology).sandbox().exec_state(WorkloadId(exec.workload), exec.id);
  if (!state && state.error().code != Code::not_found) return std::unexpected(state.error());
  if (!state && exec.pid == 0 && workload->status.run == exec.run && workload->status.pid != 0) return seen;  // it is being started
  seen.pid = state ? state->pid : exec.pid;
  if (!state || !state->running) seen.exit_code = state ? state->exit_code.value_or(kKilled) : kKilled;
  return seen;
}

Result<Outcome> ExecReconciler::reconcile(const std::string& key) {
  const auto exec = parts_.execs.find(key.substr(kExecs.size()));
  if (!exec || !exec->started || exec->exit_code) return Outcome{};
  // Watched before it is looked at: an end in between is not missed.
  const bool watched = watch_.exec_running(key, WorkloadId(exec->workload), exec->id);
  const auto seen = TRY(observe_exec(parts_, *exec), "exec {}", exec->id);
  if (!seen.exit_code) return watched ? Outcome{} : Outcome{.requeue_after = std::chrono::milliseconds(100)};
  const auto workload = TRY(parts_.objects.workload(exec->workload));
  if (!workload || !TRY(parts_.execs.set_ended(exec->id, *seen.exit_code))) return Outcome{};
  auto attributes = exec_attributes(*exec);
  attributes["exitCode"] = fmt::format("{}", *seen.exit_code);
  TRY(parts_.objects.record({parts_.objects.event(*workload, "exec_die", std::move(attributes))}));
  return Outcome{};
}

}  // namespace fulcrum::control
