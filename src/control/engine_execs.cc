// Processes beside a workload's first one.
#include "base/log.h"
#include "control/engine.h"
#include "control/exec_reconciler.h"

namespace fulcrum::control {

namespace {

/// Why nothing can be started in it now.
Result<> check_runs(const api::Workload& w) {
  if (w.status.phase == Phase::paused) return fail(Code::failed_precondition, "workload {} is paused; resume it first", w.spec.name);
  if (!is_active(w.status.phase)) return fail(Code::failed_precondition, "workload {} does not run", w.spec.name);
  return {};
}

/// As a shell tells them apart: not there (127), or not to be executed (126, and whatever else keeps it from running).
int failed_exit_code(Code code) { return code == Code::not_found ? 127 : 126; }

}  // namespace

// A full disk must not keep anybody from making room on it.
void Engine::tell_exec(const api::Workload& workload, std::string action, const api::Exec& exec) {
  const auto told = objects_.record({objects_.event(workload, action, exec_attributes(exec))});
  if (!told) log::warning("an event is lost", {{"event", action}, {"error", told.error().message}});
}

Result<api::Exec> Engine::create_exec(const api::Workload& workload, const api::ExecSpec& spec) {
  TRY(check_runs(workload));
  auto exec = TRY(execs_.create(workload, spec));
  tell_exec(workload, "exec_create", exec);
  return exec;
}

Result<> Engine::start_exec(const std::string& id, UniqueFd client, const sandbox::StreamFormat& format,
                            const std::vector<std::uint16_t>& console_size) {
  const auto known = TRY(execs_.find(id));
  const auto workload = TRY(objects_.find(known.workload));
  TRY(check_runs(workload));
  auto exec = TRY(execs_.claim(id));
  if (!console_size.empty()) exec.spec.console_size = console_size;
  tell_exec(workload, "exec_start", exec);
  const auto started = sandbox(workload).exec(WorkloadId(exec.workload), id, exec.spec, std::move(client), format);
  if (!started) {
    TRY(execs_.set_ended(id, failed_exit_code(started.error().code)));
    return std::unexpected(started.error());
  }
  // It runs: what cannot be written down now does not end it.
  if (const auto saved = execs_.set_running(id, started->pid); !saved)
    log::warning("the record of an exec is old", {{"exec", id}, {"error", saved.error().message}});
  exec_queue_.add(exec_key(id));
  return {};
}

Result<api::Exec> Engine::exec(const std::string& id) const { return observe_exec(parts_, TRY(execs_.find(id))); }

Result<> Engine::resize_exec(const std::string& id, std::uint16_t height, std::uint16_t width) {
  const auto exec = TRY(execs_.find(id));
  const auto workload = TRY(objects_.find(exec.workload));
  return sandbox(workload).exec_resize(WorkloadId(exec.workload), id, height, width);
}

}  // namespace fulcrum::control
