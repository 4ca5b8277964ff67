#include "sandbox/fake/fake_sandbox.h"

#include <sys/eventfd.h>
#include <sys/socket.h>

#include <csignal>
#include <cstdlib>
#include <utility>

#include "base/sys.h"
#include "base/words.h"
#include "sandbox/stream/frame.h"

namespace fulcrum::sandbox {
namespace {

const std::string* annotation(const Plan& plan, const std::string& name) {
  const auto found = plan.spec.annotations.find("fake/" + name);
  return found == plan.spec.annotations.end() ? nullptr : &found->second;
}

Result<> scripted_failure(const Plan& plan, const std::string& operation) {
  const auto* code = annotation(plan, "fail-" + operation);
  if (code == nullptr) return {};
  for (int c = 0; c <= static_cast<int>(Code::unauthenticated); ++c) {
    if (to_string(static_cast<Code>(c)) == *code) return fail(static_cast<Code>(c), "{} {}: as its annotation says", operation, plan.name);
  }
  return fail(Code::invalid_argument, "annotation fake/fail-{}: \"{}\" is no error code", operation, *code);
}

bool ignores(const Plan& plan, int signo) {
  if (signo == SIGKILL) return false;
  if (signo == SIGWINCH || signo == SIGCHLD || signo == SIGCONT || signo == SIGURG || signo == 0) return true;
  const auto* list = annotation(plan, "ignore-signals");
  if (list == nullptr) return false;
  for (const auto& word : split(*list, ',')) {
    if (std::atoi(word.c_str()) == signo) return true;
  }
  return false;
}

Result<UniqueFd> new_event() {
  UniqueFd event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event.valid()) return fail_errno(errno, "make an event");
  return event;
}

}  // namespace

schema::Violations FakeSandbox::unsupported(const api::WorkloadSpec& spec) const {
  if (!spec.annotations.contains("fake/unsupported")) return {};
  return {{spec.annotations.at("fake/unsupported"), "not in this sandbox"}};
}

Result<> FakeSandbox::create(const Plan& plan, const StopSource& stop) {
  const std::lock_guard lock(machine_.mutex_);
  TRY(machine_.enter("create", fmt::format("create {} {}", plan.name, plan.run)));
  if (stop.stop_requested()) return fail(Code::cancelled, "create {}: stopped", plan.name);
  auto& entry = machine_.entries_[plan.id];
  if (entry.state != State::absent && entry.plan.run == plan.run) return {};
  if (entry.state != State::absent && entry.state != State::stopped) {
    return fail(Code::failed_precondition, "create {}: run {} goes on", plan.name, entry.plan.run);
  }
  if (auto failed = scripted_failure(plan, "create"); !failed) {
    machine_.entries_.erase(plan.id);
    return failed;
  }
  entry = FakeMachine::Entry{};
  entry.plan = plan;
  entry.state = State::created;
  entry.pid = machine_.next_pid_++;
  entry.resources = plan.spec.resources;
  entry.ended = TRY(new_event());
  entry.network = TRY(new_event());
  return sys::make_directories(TRY(upper(plan.id)));
}

Result<UniqueFd> FakeSandbox::network_namespace(const WorkloadId& id) {
  const std::lock_guard lock(machine_.mutex_);
  auto* entry = TRY(machine_.find(id, false));
  const auto& mode = entry->plan.spec.network;
  if (mode == "host" || mode.starts_with("container:") || !entry->network.valid()) {
    return fail(Code::failed_precondition, "workload {} has no network namespace of its own", id.str());
  }
  return sys::duplicate(entry->network.get());
}

Result<> FakeSandbox::start(const WorkloadId& id) {
  const std::lock_guard lock(machine_.mutex_);
  const auto found = machine_.entries_.find(id);
  if (found == machine_.entries_.end()) return fail(Code::failed_precondition, "workload {} was not created", id.str());
  auto& entry = found->second;
  TRY(machine_.enter("start", "start " + entry.plan.name));
  if (entry.state != State::created) return {};
  TRY(scripted_failure(entry.plan, "start"));
  machine_.start_entry(entry);
  return {};
}

Result<Observed> FakeSandbox::observe(const WorkloadId& id) {
  const std::lock_guard lock(machine_.mutex_);
  TRY(machine_.enter("observe", {}));
  const auto found = machine_.entries_.find(id);
  if (found == machine_.entries_.end()) return Observed{};
  const auto& e = found->second;
  return Observed{.state = e.state, .run = e.plan.run, .pid = e.pid, .started = e.started, .exit = e.exit};
}

Result<UniqueFd> FakeSandbox::watch(const WorkloadId& id) {
  const std::lock_guard lock(machine_.mutex_);
  return sys::duplicate(TRY(machine_.find(id, false))->ended.get());
}

Result<> FakeSandbox::signal(const WorkloadId& id, int signo, bool) {
  const std::lock_guard lock(machine_.mutex_);
  auto* entry = TRY(machine_.find(id, false));
  TRY(machine_.enter("signal", fmt::format("signal {} {}", entry->plan.name, signo)));
  if (entry->state == State::stopped || entry->state == State::absent)
    return fail(Code::failed_precondition, "workload {} does not run", id.str());
  if (entry->state == State::paused && signo != SIGKILL) return fail(Code::failed_precondition, "workload {} is paused", id.str());
  if (!ignores(entry->plan, signo)) machine_.end_entry(*entry, 0, signo, false);
  return {};
}

Result<> FakeSandbox::pause(const WorkloadId& id) {
  const std::lock_guard lock(machine_.mutex_);
  auto* entry = TRY(machine_.find(id, true));
  TRY(machine_.enter("pause", "pause " + entry->plan.name));
  entry->state = State::paused;
  return {};
}

Result<> FakeSandbox::resume(const WorkloadId& id) {
  const std::lock_guard lock(machine_.mutex_);
  auto* entry = TRY(machine_.find(id, true));
  TRY(machine_.enter("resume", "resume " + entry->plan.name));
  entry->state = State::running;
  return {};
}

Result<> FakeSandbox::update(const WorkloadId& id, const api::Resources& resources) {
  const std::lock_guard lock(machine_.mutex_);
  auto* entry = TRY(machine_.find(id, true));
  TRY(machine_.enter("update", "update " + entry->plan.name));
  entry->resources = resources;
  return {};
}

Result<Usage> FakeSandbox::usage(const WorkloadId& id) {
  const std::lock_guard lock(machine_.mutex_);
  auto* entry = TRY(machine_.find(id, true));
  Usage usage{.time = machine_.clock_.now(), .cpu_ns = 1'000'000, .memory = 1 << 20, .memory_total = 1 << 20, .pids = 1};
  if (entry->resources.memory) usage.memory_limit = static_cast<std::uint64_t>(entry->resources.memory->bytes);
  return usage;
}

Result<std::vector<std::int64_t>> FakeSandbox::processes(const WorkloadId& id) {
  const std::lock_guard lock(machine_.mutex_);
  auto* entry = TRY(machine_.find(id, true));
  std::vector<std::int64_t> pids{entry->pid};
  for (const auto& [name, exec] : entry->execs) {
    if (exec.state.running) pids.push_back(exec.state.pid);
  }
  return pids;
}

Result<> FakeSandbox::attach(const WorkloadId& id, UniqueFd client, const StreamFormat& format) {
  const std::lock_guard lock(machine_.mutex_);
  auto* entry = TRY(machine_.find(id, false));
  if (entry->state == State::stopped) return fail(Code::failed_precondition, "workload {} does not run", id.str());
  entry->clients.push_back({std::move(client), format});
  return {};
}

Result<> FakeSandbox::resize(const WorkloadId& id, std::uint16_t, std::uint16_t) {
  const std::lock_guard lock(machine_.mutex_);
  auto* entry = TRY(machine_.find(id, true));
  if (!entry->plan.spec.tty) return fail(Code::failed_precondition, "workload {} has no terminal", id.str());
  return {};
}

Result<ExecState> FakeSandbox::exec(const WorkloadId& id, const std::string& exec_id, const api::ExecSpec&, UniqueFd client,
                                    const StreamFormat& format) {
  const std::lock_guard lock(machine_.mutex_);
  auto* entry = TRY(machine_.find(id, true));
  TRY(machine_.enter("exec", "exec " + entry->plan.name));
  if (entry->state == State::paused) return fail(Code::failed_precondition, "workload {} is paused", id.str());
  if (entry->execs.contains(exec_id)) return fail(Code::already_exists, "exec {} exists", exec_id);
  auto& exec = entry->execs[exec_id];
  exec.ended = UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  exec.state = {.id = exec_id, .pid = machine_.next_pid_++, .running = true};
  if (client.valid()) {
    if (const auto* text = annotation(entry->plan, "exec-output"); text != nullptr && format.stdout_open) {
      const auto bytes = format.framed_output ? make_frame(FrameType::output, *text) : *text;
      (void)!::send(client.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    }
    exec.clients.push_back({std::move(client), format});
  }
  if (annotation(entry->plan, "exec-run-for") == nullptr) {
    const auto* code = annotation(entry->plan, "exec-exit-code");
    machine_.end_exec(exec, machine_.exec_exit_code_.value_or(code != nullptr ? std::atoi(code->c_str()) : 0));
  }
  return exec.state;
}

Result<ExecState> FakeSandbox::exec_state(const WorkloadId& id, const std::string& exec_id) {
  const std::lock_guard lock(machine_.mutex_);
  auto* entry = TRY(machine_.find(id, false));
  const auto found = entry->execs.find(exec_id);
  if (found == entry->execs.end()) return fail(Code::not_found, "no such exec: {}", exec_id);
  return found->second.state;
}

Result<UniqueFd> FakeSandbox::exec_watch(const WorkloadId& id, const std::string& exec_id) {
  const std::lock_guard lock(machine_.mutex_);
  auto* entry = TRY(machine_.find(id, false));
  const auto found = entry->execs.find(exec_id);
  if (found == entry->execs.end()) return fail(Code::not_found, "no such exec: {}", exec_id);
  return sys::duplicate(found->second.ended.get());
}

Result<> FakeSandbox::exec_resize(const WorkloadId& id, const std::string& exec_id, std::uint16_t, std::uint16_t) {
  TRY(exec_state(id, exec_id));
  return {};
}

Result<> FakeSandbox::exec_signal(const WorkloadId& id, const std::string& exec_id, int signo) {
  const std::lock_guard lock(machine_.mutex_);
  auto* entry = TRY(machine_.find(id, true));
  const auto found = entry->execs.find(exec_id);
  if (found == entry->execs.end()) return fail(Code::not_found, "no such exec: {}", exec_id);
  if (!found->second.state.running) return fail(Code::failed_precondition, "exec {} does not run", exec_id);
  machine_.end_exec(found->second, 128 + signo);
  return {};
}

Result<UniqueFd> FakeSandbox::root(const Files& files) { return sys::open(TRY(upper(files.id)), O_PATH | O_DIRECTORY); }

Result<std::string> FakeSandbox::upper(const WorkloadId& id) { return machine_.directory_ + "/" + id.str() + "/upper"; }

std::string FakeSandbox::log_directory(const WorkloadId& id) const { return machine_.directory_ + "/" + id.str() + "/logs"; }

Result<> FakeSandbox::remove(const WorkloadId& id, bool keep_data) {
  const std::lock_guard lock(machine_.mutex_);
  if (const auto found = machine_.entries_.find(id); found != machine_.entries_.end()) {
    TRY(machine_.enter("remove", "remove " + found->second.plan.name));
    machine_.end_entry(found->second, 0, SIGKILL, false);
    machine_.entries_.erase(found);
  }
  return keep_data ? Result<>{} : sys::remove_tree(machine_.directory_ + "/" + id.str());
}

Result<std::vector<WorkloadId>> FakeSandbox::list() {
  const std::lock_guard lock(machine_.mutex_);
  std::vector<WorkloadId> ids;
  for (const auto& [id, entry] : machine_.entries_) ids.push_back(id);
  return ids;
}

}  // namespace fulcrum::sandbox
