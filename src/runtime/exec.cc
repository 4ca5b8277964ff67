#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/process.h"
#include "base/scope_exit.h"
#include "base/sys.h"
#include "os/namespaces.h"
#include "os/user_namespace.h"
#include "runtime/container.h"
#include "runtime/credentials.h"
#include "runtime/init.h"
#include "runtime/resources.h"
#include "runtime/security.h"

namespace fulcrum::runtime {
namespace {

/// The namespaces of init, through its pidfd: one setns for all of them.
Result<LaunchPlan> join_plan(const SavedState& state) {
  LaunchPlan plan;
  Join join{.fd = TRY(open_pidfd(state.pid)), .flags = 0, .name = "the container's namespaces"};
  if (!is_alive(state.pid, state.start_time)) return fail(Code::failed_precondition, "cannot exec in a stopped container");
  for (const auto& name : state.namespaces) {
    if (const auto* kind = os::find_namespace_kind(name)) join.flags |= kind->flag;
  }
  plan.joined = join.flags;
  plan.joins.push_back(std::move(join));
  return plan;
}

/// One exec: the child is killed when this is dropped before it was executed.
struct Attempt {
  Launched launched;
  bool done = false;
  ~Attempt() {
    if (done || !launched.pidfd.valid()) return;
    (void)signal_pidfd(launched.pidfd.get(), SIGKILL);
    while (::waitpid(launched.pid, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
};

Result<> wait_ready(const SyncSocket& sync, const SavedState& state, const oci::Spec& spec, pid_t pid, const ExecOptions& options) {
  for (;;) {
    auto message = TRY(sync.listen());
    if (auto* failed = std::get_if<Failed>(&message)) return std::unexpected(std::move(failed->error));
    if (std::holds_alternative<Closed>(message)) return fail(Code::internal, "the process died before it was ready");
    if (auto* ready = std::get_if<Ready>(&message)) {
      if (!ready->warning.empty() && options.warn) options.warn(ready->warning);
      return {};
    }
    if (auto* listener = std::get_if<Listener>(&message)) {
      const SeccompListenerState text{.oci_version = state.oci_version,
                                      .id = state.id,
                                      .status = "running",
                                      .bundle = state.bundle,
                                      .annotations = {state.annotations.begin(), state.annotations.end()},
                                      .pid = pid,
                                      .container_pid = state.pid,
                                      .metadata = spec.linux->seccomp->listener_metadata};
      TRY(send_seccomp_listener(spec.linux->seccomp->listener_path, text, listener->fd.get()));
    }
    TRY(sync.proceed());
  }
}

}  // namespace

Result<StartedProcess> Container::exec(const oci::Process& process, const ExecOptions& options) const {
  const auto now = TRY(status());
  if (now == Status::stopped) return fail(Code::failed_precondition, "cannot exec in a stopped container");
  if (now == Status::paused && !options.ignore_paused)
    return fail(Code::failed_precondition, "cannot exec in a paused container (use --ignore-paused to override)");
  TRY(oci::validate(process));
  TRY(check_security(process));
  const auto config = TRY(spec());
  auto launch_plan = TRY(join_plan(state_));
  ProcessPlan plan;
  plan.process = &process;
  plan.proc = TRY(sys::open("/proc", O_PATH | O_DIRECTORY));
  plan.user_namespace = (launch_plan.joined & CLONE_NEWUSER) != 0;
  plan.wait_for_maps = plan.user_namespace;
  plan.may_set_groups = os::may_set_groups();
  plan.new_keyring = !options.no_new_keyring;
  plan.id = state_.id;
  if (config.linux && config.linux->personality) plan.personality = &*config.linux->personality;
  plan.extra_fds = options.preserve_fds + options.listen_fds;
  plan.listen_fds = options.listen_fds;
  if ((launch_plan.joined & CLONE_NEWNS) == 0) plan.root = TRY(sys::open(fmt::format("/proc/{}/root", state_.pid), O_PATH | O_DIRECTORY));
  if (config.linux && config.linux->seccomp) plan.seccomp = TRY(load_seccomp(*config.linux->seccomp, seccomp_cache(root_)), "seccomp");
  std::optional<CgroupEntry> entry;
  if (!state_.cgroup_path.empty()) {
    auto group =
        TRY(Cgroup::open(TRY(CgroupLayout::detect()), state_.cgroup_path + (options.sub_cgroup.empty() ? "" : "/" + options.sub_cgroup)));
    if (!group.exists()) return fail(Code::not_found, "cgroup {} does not exist", group.path());
    entry = TRY(group.open_entry());
    plan.cgroup = &*entry;
  }
  plan.plain_line_feeds = options.plain_line_feeds;
  plan.console_socket = TRY(console_socket_for(process.terminal, options.console_socket, options.console));
  auto pair = TRY(SyncSocket::make());
  plan.sync = std::move(pair.init);
  Attempt attempt;
  auto launched = launch(
      launch_plan,
      [&] {
        pair.runtime.close();
        // Before it enters the cgroup, so that it never runs where it should not (runtime-spec, execCPUAffinity).
        if (process.exec_cpu_affinity && !process.exec_cpu_affinity->initial.empty())
          if (const auto set = set_affinity(0, process.exec_cpu_affinity->initial); !set) die(plan.sync, set.error());
        run_exec(plan);
      },
      [&](const Error& error) { die(plan.sync, error); });
  plan.sync.close();
  plan.console_socket.reset();
  if (!launched) return std::unexpected(std::move(launched).error());
  attempt.launched = std::move(*launched);
  const pid_t pid = attempt.launched.pid;
  if (process.oom_score_adj) TRY(set_oom_score(pid, *process.oom_score_adj), "oom_score_adj");
  if (plan.wait_for_maps) {
    TRY(set_rlimits(pid, process.rlimits));
    TRY(pair.runtime.proceed());
  }
  TRY(wait_ready(pair.runtime, state_, config, pid, options));
  if (process.exec_cpu_affinity && !process.exec_cpu_affinity->final.empty()) TRY(set_affinity(pid, process.exec_cpu_affinity->final));
  if (!options.pidfd_socket.empty()) TRY(send_pidfd(options.pidfd_socket, attempt.launched.pidfd.get()));
  if (!options.pid_file.empty()) TRY(write_pid_file(options.pid_file, pid));
  TRY(pair.runtime.proceed());
  auto message = TRY(pair.runtime.listen());
  if (auto* failed = std::get_if<Failed>(&message)) return std::unexpected(std::move(failed->error));
  attempt.done = true;
  return StartedProcess{pid, std::move(attempt.launched.pidfd)};
}

}  // namespace fulcrum::runtime
