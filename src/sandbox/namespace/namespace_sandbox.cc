#include "sandbox/namespace/namespace_sandbox.h"

#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "base/clock.h"
#include "base/process.h"
#include "base/sys.h"
#include "os/capabilities.h"
#include "os/user_namespace.h"

namespace fulcrum::sandbox {
namespace {

// For answers that the shim gives at once, and for a container to die. Both happen in milliseconds unless the machine is stuck.
constexpr std::chrono::seconds kAnswer{30};
constexpr std::chrono::seconds kDying{60};
constexpr std::size_t kMaxRecord = 1 << 20;

Result<> check_program(const std::string& path) {
  if (::access(path.c_str(), X_OK) == 0) return {};
  return fail_errno(errno, "program {}", path);
}

MachineFacts find_facts(const CgroupLayout& layout) {
  MachineFacts facts;
  facts.rootless = os::in_user_namespace();
  facts.user_ids = os::mapped_user_ids();
  for (const auto& hierarchy : layout.hierarchies())
    facts.controllers.insert(facts.controllers.end(), hierarchy.controllers.begin(), hierarchy.controllers.end());
  facts.apparmor = sys::exists("/sys/kernel/security/apparmor");
  const auto names = os::capability_names();
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (::prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 1) facts.capabilities.emplace_back(names[i]);
  }
  if (const auto* memory = layout.find("memory")) {
    facts.swap_accounting = memory->v2 ? sys::exists(memory->directory(memory->own_path) + "/memory.swap.max") || sys::exists("/proc/swaps")
                                       : sys::exists(memory->directory("/") + "/memory.memsw.limit_in_bytes");
  }
  return facts;
}

}  // namespace

Result<std::unique_ptr<NamespaceSandbox>> NamespaceSandbox::open(NamespaceConfig config) {
  for (const auto& program : {config.runtime, config.shim, config.init}) {
    if (auto there = check_program(program); !there) return fail(Code::failed_precondition, "{}", there.error().message);
  }
  TRY(sys::make_directories(config.data_dir + "/workloads", 0711));
  TRY(sys::make_directories(config.run_dir + "/sandboxes", 0711));
  TRY(sys::make_directories(config.run_dir + "/runtime", 0700));
  auto detected = CgroupLayout::detect();
  if (!detected && !os::in_user_namespace()) return std::unexpected(detected.error());
  auto layout = detected ? std::move(*detected) : CgroupLayout();
  if (os::in_user_namespace()) layout = layout.usable_for(config.cgroup_parent + "/any");
  auto facts = find_facts(layout);
  facts.no_ports = config.no_ports;
  return std::unique_ptr<NamespaceSandbox>(new NamespaceSandbox(std::move(config), std::move(layout), std::move(facts)));
}

schema::Violations NamespaceSandbox::unsupported(const api::WorkloadSpec& spec) const { return check_spec(spec, facts_); }

Result<std::optional<Record>> NamespaceSandbox::record(const WorkloadId& id) const {
  auto text = sys::read_file(data(id) + "/run.json", kMaxRecord);
  if (!text && text.error().code == Code::not_found) return std::optional<Record>();
  auto parsed = parse_record(TRY(std::move(text)));
  // Cut short by a power loss: then nothing runs, and nothing is lost by beginning anew.
  if (!parsed) return std::optional<Record>();
  return std::optional(std::move(*parsed));
}

Result<Record> NamespaceSandbox::need_record(const WorkloadId& id) const {
  auto found = TRY(record(id));
  if (!found) return fail(Code::not_found, "workload {} has no sandbox", id.str());
  return std::move(*found);
}

Result<Cgroup> NamespaceSandbox::cgroup(const WorkloadId& id) const {
  auto found = TRY(find_cgroup(id));
  if (!found)
    return fail(Code::unimplemented, "workload {} has no cgroup: this needs one that was delegated to the engine's user", id.str());
  return std::move(*found);
}

Result<std::optional<Cgroup>> NamespaceSandbox::find_cgroup(const WorkloadId& id) const {
  const auto known = TRY(need_record(id));
  if (known.cgroup.empty()) return std::optional<Cgroup>();
  return std::optional(TRY(Cgroup::open(layout_, known.cgroup)));
}

Result<ShimClient> NamespaceSandbox::shim(const WorkloadId& id) const { return ShimClient::connect(run(id) + "/shim.sock"); }

Result<shim::Reply> NamespaceSandbox::ask(const WorkloadId& id, const shim::Request& request, const UniqueFd* client) const {
  auto connection = shim(id);
  if (!connection && connection.error().code == Code::not_found) {
    return fail(Code::failed_precondition, "workload {} does not run", id.str());
  }
  if (!connection) return std::unexpected(std::move(connection).error());
  auto reply = connection->call(request, client, Deadline::in(kAnswer));
  if (!reply && reply.error().code == Code::unavailable) return fail(Code::failed_precondition, "workload {} does not run", id.str());
  return reply;
}

// Nothing: no shim answers.
Result<std::optional<Observed>> NamespaceSandbox::ask_state(const WorkloadId& id) const {
  auto connection = shim(id);
  if (!connection && connection.error().code == Code::not_found) return std::optional<Observed>();
  if (!connection) return std::unexpected(std::move(connection).error());
  const auto reply = connection->call({.type = shim::Type::status}, nullptr, Deadline::in(kAnswer));
  if (!reply && reply.error().code == Code::unavailable) {  // it is leaving
    TRY(connection->wait_gone(StopSource::never(), Deadline::in(kAnswer)));
    return std::optional<Observed>();
  }
  if (!reply) return std::unexpected(reply.error());
  Observed seen{.run = reply->run, .pid = reply->pid};
  if (reply->started_ns != 0) seen.started = Time{std::chrono::nanoseconds(reply->started_ns)};
  switch (reply->state) {
    case shim::RunState::creating:
    case shim::RunState::created: seen.state = State::created; break;
    case shim::RunState::running: seen.state = State::running; break;
    case shim::RunState::stopped: return std::optional<Observed>(std::nullopt);  // exit.json has it all
  }
  return std::optional(seen);
}

Result<std::optional<Observed>> NamespaceSandbox::recorded_end(const WorkloadId& id, const Record& record) const {
  for (const auto& folder : {data(id), run(id)}) {
    const auto text = sys::read_file(folder + "/exit.json", kMaxRecord);
    if (!text) continue;
    std::optional<Time> started;
    auto exit = parse_exit(*text, &started);
    if (exit && exit->run == record.run) {
      return std::optional(Observed{.state = State::stopped, .run = record.run, .started = started, .exit = std::move(*exit)});
    }
  }
  return std::optional<Observed>();
}

Result<Observed> NamespaceSandbox::observe(const WorkloadId& id) {
  const auto known = TRY(record(id));
  if (!known) return Observed{};
  if (auto seen = TRY(ask_state(id))) {
    if (seen->state == State::running && !known->cgroup.empty()) {
      const auto group = TRY(Cgroup::open(layout_, known->cgroup));
      if (const auto frozen = group.frozen(); frozen && *frozen) seen->state = State::paused;
    }
    return *seen;
  }
  if (auto ended = TRY(recorded_end(id, *known))) return *ended;
  return settle_remains(id, *known);
}

// No shim and no exit status: it was killed, or never came so far.
Result<Observed> NamespaceSandbox::settle_remains(const WorkloadId& id, const Record& known) {
  const auto state = runtime_root() + "/" + id.str();
  if (!sys::exists(state)) return Observed{};
  const bool had_started = sys::exists(state + "/state.json") && !sys::exists(state + "/exec.fifo");
  TRY(clear_remains(id));
  if (!had_started) return Observed{};
  const Exit lost{.run = known.run,
                  .code = 128 + SIGKILL,
                  .signal = SIGKILL,
                  .finished = Clock::system().now(),
                  .error = "its supervisor was killed, and the exit status was lost with it"};
  TRY(sys::write_file_atomic(data(id) + "/exit.json", to_json(lost), 0600));
  return Observed{.state = State::stopped, .run = known.run, .exit = lost};
}

// Kills what is left of a container without a shim, and removes the runtime's state and the cgroup.
Result<> NamespaceSandbox::clear_remains(const WorkloadId& id) const {
  if (sys::exists(runtime_root() + "/" + id.str())) {
    const Process::Spec command{.argv = {config_.runtime, "--root", runtime_root(), "delete", "--force", id.str()}};
    const auto output = TRY(fulcrum::run(command, {}, StopSource::never(), Deadline::in(kDying)), "remove what is left of {}", id.str());
    if (!output.status.ok()) return fail(Code::internal, "remove what is left of {}: {}", id.str(), output.err);
  }
  const auto known = TRY(record(id));
  if (!known || known->cgroup.empty()) return {};
  const auto group = TRY(Cgroup::open(layout_, known->cgroup));
  if (!group.exists()) return {};
  TRY(group.kill(StopSource::never(), Deadline::in(kDying)));
  return group.destroy(StopSource::never(), Deadline::in(kDying));
}

Result<> NamespaceSandbox::start(const WorkloadId& id) {
  auto reply = ask(id, {.type = shim::Type::start});
  if (reply) return {};
  if (reply.error().code != Code::failed_precondition) return std::unexpected(std::move(reply).error());
  const auto seen = TRY(observe(id));  // perhaps it has run and ended already
  if (seen.state == State::running || seen.state == State::paused || (seen.state == State::stopped && seen.started)) return {};
  return std::unexpected(std::move(reply).error());
}

Result<UniqueFd> NamespaceSandbox::watch(const WorkloadId& id) {
  TRY(need_record(id));
  return watch_shim(id, {.type = shim::Type::watch});
}

Result<UniqueFd> NamespaceSandbox::watch_shim(const WorkloadId& id, const shim::Request& request) const {
  if (auto connection = shim(id)) {
    const auto reply = connection->call(request, nullptr, Deadline::in(kAnswer));
    if (reply) return connection->take();
    if (reply.error().code == Code::unimplemented) return std::unexpected(reply.error());  // an older shim
  }
  UniqueFd event(::eventfd(1, EFD_CLOEXEC));  // ready: there is something to observe
  if (!event.valid()) return fail_errno(errno, "watch workload {}", id.str());
  return event;
}

Result<> NamespaceSandbox::signal(const WorkloadId& id, int signo, bool all_processes) {
  const auto group = TRY(find_cgroup(id));
  const auto frozen = group ? group->frozen() : Result<bool>(false);
  const bool paused = frozen && *frozen;
  if (paused && signo != SIGKILL) return fail(Code::failed_precondition, "workload {} is paused", id.str());
  if (all_processes) {
    TRY(ask(id, {.type = shim::Type::status}));
    if (group) {
      TRY(group->signal_all(signo));
    } else {
      for (const auto pid : TRY(processes(id))) {
        if (::kill(static_cast<pid_t>(pid), signo) != 0 && errno != ESRCH) return fail_errno(errno, "signal process {}", pid);
      }
    }
  } else {
    TRY(ask(id, {.type = shim::Type::signal, .signal = signo}));
  }
  if (paused) TRY(group->thaw(StopSource::never(), Deadline::in(kAnswer)));
  return {};
}

Result<UniqueFd> NamespaceSandbox::network_namespace(const WorkloadId& id) {
  if (!TRY(need_record(id)).own_network)
    return fail(Code::failed_precondition, "workload {} has no network namespace of its own", id.str());
  const auto reply = TRY(ask(id, {.type = shim::Type::status}));
  if (reply.pid == 0) return fail(Code::failed_precondition, "workload {} does not run", id.str());
  auto fd = TRY(sys::open(fmt::format("/proc/{}/ns/net", reply.pid), O_RDONLY));
  // The number was not given to another process meanwhile.
  if (TRY(ask(id, {.type = shim::Type::status})).pid != reply.pid)
    return fail(Code::failed_precondition, "workload {} does not run", id.str());
  return fd;
}

// Kills what the shim holds, and waits until it has cleaned up and left.
Result<> NamespaceSandbox::end_shim(const WorkloadId& id) const {
  auto connection = shim(id);
  if (!connection && connection.error().code == Code::not_found) return {};
  if (!connection) return std::unexpected(std::move(connection).error());
  const auto killed = connection->call({.type = shim::Type::signal, .signal = SIGKILL}, nullptr, Deadline::in(kAnswer));
  if (killed) {
    const auto group = TRY(find_cgroup(id));
    if (const auto frozen = group ? group->frozen() : Result<bool>(false); frozen && *frozen)
      TRY(group->thaw(StopSource::never(), Deadline::in(kAnswer)));
  }
  return connection->wait_gone(StopSource::never(), Deadline::in(kDying));
}

Result<> NamespaceSandbox::remove(const WorkloadId& id, bool keep_data) {
  TRY(end_shim(id), "remove workload {}", id.str());
  TRY(clear_remains(id), "remove workload {}", id.str());
  TRY(sys::remove_tree(run(id)));
  if (!keep_data) return sys::remove_tree(data(id));
  TRY(sys::remove_tree(data(id) + "/exit.json"));
  return sys::remove_tree(data(id) + "/run.json");
}

Result<std::vector<WorkloadId>> NamespaceSandbox::list() {
  std::vector<std::string> names = TRY(sys::list_directory(config_.data_dir + "/workloads"));
  const auto running = TRY(sys::list_directory(config_.run_dir + "/sandboxes"));
  names.insert(names.end(), running.begin(), running.end());
  std::ranges::sort(names);
  const auto repeated = std::ranges::unique(names);
  names.erase(repeated.begin(), repeated.end());
  std::vector<WorkloadId> ids;
  for (auto& name : names) ids.emplace_back(std::move(name));
  return ids;
}

std::string NamespaceSandbox::log_directory(const WorkloadId& id) const { return data(id) + "/logs"; }

}  // namespace fulcrum::sandbox
