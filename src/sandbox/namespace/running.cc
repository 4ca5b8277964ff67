// What NamespaceSandbox does with a workload that runs: streams, execs, limits, counters.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "api/oci/runtime_spec.h"
#include "base/clock.h"
#include "base/sys.h"
#include "runtime/overlay_root.h"
#include "runtime/resources.h"
#include "sandbox/namespace/namespace_sandbox.h"

namespace fulcrum::sandbox {
namespace {

constexpr std::chrono::seconds kFreeze{30};

Result<> check_early(const StreamFormat& format) {
  if (format.early.size() <= shim::kMaxEarly) return {};
  return fail(Code::resource_exhausted, "the client sent more than {} bytes before it was connected", shim::kMaxEarly);
}

Result<UserFiles> user_files(int root) {
  UserFiles files;
  for (const auto& [name, text] : {std::pair<const char*, std::string*>{"etc/passwd", &files.passwd}, {"etc/group", &files.group}}) {
    if (auto file = sys::open_in_root(root, name, O_RDONLY | O_NONBLOCK)) *text = TRY(sys::read_all(file->get(), 4 << 20), "read {}", name);
  }
  return files;
}

/// Without a cgroup: whoever is in the process ID namespace of the first process.
Result<std::vector<std::int64_t>> processes_like(std::int64_t first) {
  const auto wanted = TRY(sys::read_link(fmt::format("/proc/{}/ns/pid", first)));
  if (wanted == TRY(sys::read_link("/proc/self/ns/pid")))
    return fail(Code::unimplemented, "a workload in the host's process ID namespace and without a cgroup cannot be told from others");
  std::vector<std::int64_t> found;
  for (const auto& name : TRY(sys::list_directory("/proc"))) {
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    if (const auto link = sys::read_link("/proc/" + name + "/ns/pid"); link && *link == wanted) found.push_back(std::stoll(name));
  }
  std::ranges::sort(found);
  return found;
}

}  // namespace

Result<> NamespaceSandbox::can_pause(const WorkloadId& id) const {
  TRY(cgroup(id), "pause");
  return {};
}

Result<> NamespaceSandbox::pause(const WorkloadId& id) {
  const auto seen = TRY(observe(id));
  if (seen.state == State::paused) return {};
  if (seen.state != State::running) return fail(Code::failed_precondition, "workload {} does not run", id.str());
  return TRY(cgroup(id)).freeze(StopSource::never(), Deadline::in(kFreeze));
}

Result<> NamespaceSandbox::resume(const WorkloadId& id) {
  const auto seen = TRY(observe(id));
  if (seen.state == State::running) return {};
  if (seen.state != State::paused) return fail(Code::failed_precondition, "workload {} is not paused", id.str());
  return TRY(cgroup(id)).thaw(StopSource::never(), Deadline::in(kFreeze));
}

Result<> NamespaceSandbox::update(const WorkloadId& id, const api::Resources& resources) {
  if (resources.shm_size || !resources.ulimits.empty() || !resources.device_cgroup_rules.empty()) {
    return fail(Code::unimplemented, "resources: shmSize, ulimits and deviceCgroupRules cannot be changed while it runs");
  }
  const auto limits = TRY(make_resources(resources, facts_));
  TRY(oci::validate(limits));
  TRY(ask(id, {.type = shim::Type::status}));
  return runtime::apply_resources(TRY(cgroup(id)), limits, {.devices = false});
}

Result<Usage> NamespaceSandbox::usage(const WorkloadId& id) {
  const auto group = TRY(cgroup(id));
  if (!group.exists()) return fail(Code::failed_precondition, "workload {} does not run", id.str());
  const auto stats = TRY(group.stats());
  Usage usage{.time = Clock::system().now()};
  if (stats.cpu) {
    const auto& c = *stats.cpu;
    usage.cpu_ns = c.usage_ns;
    usage.cpu_user_ns = c.user_ns;
    usage.cpu_system_ns = c.system_ns;
    usage.cpu_periods = c.periods;
    usage.cpu_throttled_periods = c.throttled_periods;
    usage.cpu_throttled_ns = c.throttled_ns;
    usage.cpu_per_cpu_ns = c.per_cpu_ns;
  }
  const auto host_memory = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  usage.memory_limit = host_memory;
  if (stats.memory) {
    const auto& m = *stats.memory;
    usage.memory_total = m.usage;
    usage.memory = m.usage - std::min(m.usage, m.inactive_file);
    usage.memory_limit = std::min(m.limit.value_or(host_memory), host_memory);
    usage.memory_peak = m.peak;
    usage.memory_failures = m.failures;
    usage.memory_stat = m.raw;
    usage.oom_kills = m.oom_kills;
  }
  if (stats.pids) {
    usage.pids = stats.pids->current;
    usage.pids_limit = stats.pids->limit.value_or(0);
  }
  for (const auto& device : stats.io) {
    usage.io_read_bytes += device.read_bytes;
    usage.io_write_bytes += device.write_bytes;
    usage.io_reads += device.read_ops;
    usage.io_writes += device.write_ops;
    usage.devices.push_back({.major = device.major,
                             .minor = device.minor,
                             .read_bytes = device.read_bytes,
                             .write_bytes = device.write_bytes,
                             .reads = device.read_ops,
                             .writes = device.write_ops});
  }
  return usage;
}

Result<std::vector<std::int64_t>> NamespaceSandbox::processes(const WorkloadId& id) {
  TRY(ask(id, {.type = shim::Type::status}));
  const auto group = TRY(find_cgroup(id));
  if (!group) return processes_like(TRY(ask(id, {.type = shim::Type::status})).pid);
  const auto pids = TRY(group->processes());
  return std::vector<std::int64_t>(pids.begin(), pids.end());
}

Result<> NamespaceSandbox::attach(const WorkloadId& id, UniqueFd client, const StreamFormat& format) {
  TRY(check_early(format));
  TRY(ask(id, {.type = shim::Type::attach, .format = format_bits(format), .detach_keys = format.detach_keys, .early = format.early},
          &client));
  return {};
}

Result<> NamespaceSandbox::resize(const WorkloadId& id, std::uint16_t height, std::uint16_t width) {
  TRY(ask(id, {.type = shim::Type::resize, .height = height, .width = width}));
  return {};
}

Result<oci::Process> NamespaceSandbox::make_exec_process(const WorkloadId& id, const api::ExecSpec& spec) {
  if (spec.command.empty()) return fail(Code::invalid_argument, "exec: no command");
  auto process = TRY(oci::parse_process(TRY(sys::read_file(run(id) + "/process.json", oci::kMaxSpecBytes))), "exec");
  process.args = spec.command.words;
  process.terminal = spec.tty;
  process.console_size.reset();
  if (spec.console_size.size() == 2) process.console_size = oci::Box{.height = spec.console_size[0], .width = spec.console_size[1]};
  const bool has_term = std::ranges::any_of(process.env, [](const auto& one) { return one.starts_with("TERM="); });
  if (spec.tty && !has_term) process.env.emplace_back("TERM=xterm");
  merge_environment(process.env, spec.env);
  if (!spec.working_dir.empty()) {
    process.cwd = spec.working_dir.starts_with('/') ? spec.working_dir : process.cwd + "/" + spec.working_dir;
  }
  if (!spec.user.empty()) {
    const auto inside = TRY(running_root(id));
    const auto ids = TRY(find_user(spec.user, {}, TRY(user_files(inside.get()))), "exec");
    process.user = {.uid = ids.uid, .gid = ids.gid, .additional_gids = ids.groups};
  }
  if (spec.privileged) {
    process.capabilities = capability_sets(facts_.capabilities);
    process.no_new_privileges = false;
  }
  return process;
}

Result<ExecState> NamespaceSandbox::exec(const WorkloadId& id, const std::string& exec_id, const api::ExecSpec& spec, UniqueFd client,
                                         const StreamFormat& format) {
  TRY(check_early(format));
  if (!shim::valid_exec_id(exec_id)) return fail(Code::invalid_argument, "\"{}\" is no exec id", exec_id);
  const auto seen = TRY(observe(id));
  if (seen.state == State::paused) return fail(Code::failed_precondition, "workload {} is paused", id.str());
  if (seen.state != State::running) return fail(Code::failed_precondition, "workload {} does not run", id.str());
  const auto path = run(id) + "/exec-" + exec_id + ".process.json";
  if (sys::exists(run(id) + "/exec-" + exec_id + ".json")) return fail(Code::already_exists, "exec {} exists", exec_id);
  const auto process = TRY(make_exec_process(id, spec));
  TRY(oci::validate(process), "exec");
  {
    const auto file = TRY(sys::open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600));
    TRY(sys::write_all(file.get(), oci::to_json(process)), "exec");
  }
  shim::Request request{.type = shim::Type::exec,
                        .exec_id = exec_id,
                        .path = path,
                        .tty = spec.tty,
                        .format = format_bits(format),
                        .detach_keys = format.detach_keys,
                        .early = format.early};
  const auto reply = TRY(ask(id, request, &client));
  return ExecState{.id = exec_id, .pid = reply.pid, .running = true};
}

Result<ExecState> NamespaceSandbox::exec_state(const WorkloadId& id, const std::string& exec_id) {
  if (!shim::valid_exec_id(exec_id)) return fail(Code::not_found, "no such exec: {}", exec_id);
  if (const auto reply = ask(id, {.type = shim::Type::status, .exec_id = exec_id})) {
    ExecState state{.id = exec_id, .pid = reply->pid, .running = reply->state != shim::RunState::stopped};
    if (!state.running) state.exit_code = reply->exit_code;
    return state;
  }
  const auto text = sys::read_file(run(id) + "/exec-" + exec_id + ".json", 4096);
  if (!text) return fail(Code::not_found, "no such exec: {}", exec_id);
  return parse_exec(*text);
}

Result<UniqueFd> NamespaceSandbox::exec_watch(const WorkloadId& id, const std::string& exec_id) {
  if (!shim::valid_exec_id(exec_id)) return fail(Code::not_found, "no such exec: {}", exec_id);
  return watch_shim(id, {.type = shim::Type::watch, .exec_id = exec_id});
}

Result<> NamespaceSandbox::exec_resize(const WorkloadId& id, const std::string& exec_id, std::uint16_t height, std::uint16_t width) {
  TRY(ask(id, {.type = shim::Type::resize, .exec_id = exec_id, .height = height, .width = width}));
  return {};
}

Result<> NamespaceSandbox::exec_signal(const WorkloadId& id, const std::string& exec_id, int signo) {
  TRY(ask(id, {.type = shim::Type::signal, .exec_id = exec_id, .signal = signo}));
  return {};
}

}  // namespace fulcrum::sandbox
