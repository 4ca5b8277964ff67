#include "runtime/container.h"

#include <signal.h>
#include <unistd.h>

#include "base/process.h"
#include "base/sys.h"
#include "runtime/hooks.h"
#include "runtime/resources.h"

namespace fulcrum::runtime {
namespace {

constexpr auto kKillTimeout = std::chrono::seconds(10);
constexpr auto kFreezeTimeout = std::chrono::seconds(10);
constexpr auto kStartTimeout = std::chrono::seconds(60);

std::unexpected<Error> not_running() { return fail(Code::failed_precondition, "container not running"); }

}  // namespace

std::string seccomp_cache(const std::string& root) { return root + "/~seccomp"; }

Result<UniqueFd> console_socket_for(bool terminal, const std::string& path, const std::function<Result<UniqueFd>()>& console) {
  if (!terminal && !path.empty()) return fail(Code::invalid_argument, "cannot use console socket if runc will not detach or allocate tty");
  if (!terminal) return UniqueFd();
  if (console) return console();
  if (path.empty()) return fail(Code::invalid_argument, "cannot allocate tty if runc will detach without setting console socket");
  return TRY(sys::connect_unix(path), "console socket");
}

Result<> send_pidfd(const std::string& path, int pidfd) {
  auto socket = TRY(sys::connect_unix(path), "pidfd socket");
  return sys::send_message(socket.get(), "pidfd", std::span(&pidfd, 1));
}

Result<> write_pid_file(const std::string& path, pid_t pid) {
  const auto slash = path.rfind('/');
  const auto folder = slash == std::string::npos ? std::string() : path.substr(0, slash + 1);
  const auto aside = folder + "." + path.substr(slash == std::string::npos ? 0 : slash + 1);
  {
    auto file = TRY(sys::open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0644), "write pid file");
    TRY(sys::write_all(file.get(), std::to_string(pid)), "write pid file");
  }
  if (::rename(aside.c_str(), path.c_str()) != 0) return fail_errno(errno, "write pid file {}", path);
  return {};
}

Result<Container> Container::open(const std::string& root, const std::string& id) {
  auto directory = TRY(StateDirectory::open(root, id));
  if (directory.being_created()) return fail(Code::not_found, "container does not exist: {} is being created", id);
  auto state = TRY(directory.load());
  return Container(root, std::move(directory), std::move(state));
}

Result<> Container::remove_remains(const std::string& root, const std::string& id) {
  auto directory = StateDirectory::open(root, id);
  if (!directory && directory.error().code == Code::not_found) return {};
  if (!directory) return std::unexpected(std::move(directory).error());
  if (directory->being_created()) return fail(Code::failed_precondition, "cannot delete container {} that is being created", id);
  return directory->remove();
}

Result<Status> Container::status() const {
  if (state_.pid == 0) return Status::stopped;
  if (!is_alive(state_.pid, state_.start_time)) return Status::stopped;
  if (TRY(directory_.open_start_fifo())) return Status::created;
  auto group = TRY(cgroup());
  if (group) {
    const auto frozen = group->frozen();
    if (frozen && *frozen) return Status::paused;
  }
  return Status::running;
}

Result<oci::Spec> Container::spec() const {
  if (!spec_) spec_ = TRY(oci::parse_spec(TRY(directory_.config())));
  return *spec_;
}

Result<std::optional<Cgroup>> Container::cgroup() const {
  if (state_.cgroup_path.empty()) return std::optional<Cgroup>();
  if (!layout_) layout_ = TRY(CgroupLayout::detect());
  return std::optional<Cgroup>(TRY(Cgroup::open(*layout_, state_.cgroup_path)));
}

Result<> Container::run_poststart() {
  const auto config = TRY(spec());
  if (!config.hooks || config.hooks->poststart.empty()) return {};
  return run_hooks("poststart", config.hooks->poststart, hook_state(state_, Status::running, state_.pid));
}

Result<> Container::start() {
  const auto now = TRY(status());
  if (now == Status::stopped) return fail(Code::failed_precondition, "cannot start a container that has stopped");
  if (now == Status::running) return fail(Code::failed_precondition, "cannot start an already running container");
  auto fifo = now == Status::created ? TRY(directory_.open_start_fifo()) : std::optional<UniqueFd>();
  if (!fifo) return fail(Code::failed_precondition, "cannot start a container in the {} state", to_string(now));
  TRY(sys::write_all(fifo->get(), "0"), "start");
  // Init closes its end by executing the program, or by dying: POLLERR on ours. Then `state` says running.
  TRY(wait_any(StopSource::never(), Deadline::in(kStartTimeout), {Interest{fifo->get(), 0}}), "start");
  const auto failure = directory_.start_report();
  directory_.remove_start_fifo();
  if (!failure.empty()) return fail(Code::failed_precondition, "unable to start container process: {}", failure);
  auto done = run_poststart();
  if (done) return done;
  // "generate an error, stop the container, and continue the lifecycle" with its deletion (runtime.md, Lifecycle, step 9).
  if (auto removed = remove(true); !removed) return std::unexpected(with_context(std::move(removed).error(), done.error().message));
  return done;
}

Result<> Container::signal(int signo) const {
  if (state_.pid == 0) return not_running();
  auto pidfd = open_pidfd(state_.pid);
  // Opened first, then compared: a reused pid has another start time.
  if (!pidfd || !is_alive(state_.pid, state_.start_time)) return not_running();
  auto sent = signal_pidfd(pidfd->get(), signo);
  if (!sent && sent.error().sys_errno == ESRCH) return not_running();
  if (!sent) return sent;
  // A frozen v1 cgroup would keep the process from dying.
  if (signo == SIGKILL) {
    auto group = TRY(cgroup());
    if (group && group->mode() != CgroupMode::v2) {
      if (const auto frozen = group->frozen(); frozen && *frozen) return group->thaw(StopSource::never(), Deadline::in(kFreezeTimeout));
    }
  }
  return {};
}

Result<> Container::signal_all(int signo) const {
  auto group = TRY(cgroup());
  if (!group) return signal(signo);
  return group->signal_all(signo);
}

Result<> Container::kill_all(const std::optional<Cgroup>& group) const {
  auto pidfd = open_pidfd(state_.pid);
  if (pidfd && is_alive(state_.pid, state_.start_time)) {
    if (auto sent = signal(SIGKILL); !sent && sent.error().code != Code::failed_precondition) return sent;
    auto gone = wait_any(StopSource::never(), Deadline::in(kKillTimeout), {Interest{pidfd->get(), POLLIN}});
    if (!gone) return fail(Code::deadline_exceeded, "container init still running");
  }
  // A pid namespace dies with its init; without one of its own, others may have outlived it.
  if (!group || state_.own_pid_namespace) return {};
  TRY(group->kill(StopSource::never(), Deadline::in(kKillTimeout)), "kill the container's processes");
  return {};
}

Result<> Container::remove(bool force, const std::function<void(const std::string&)>& warn) {
  if (!force) {
    const auto now = TRY(status());
    if (now != Status::stopped && now != Status::created) {
      return fail(Code::failed_precondition, "cannot delete container {} that is not stopped: {}", state_.id, to_string(now));
    }
  }
  auto group = TRY(cgroup());
  TRY(kill_all(group));
  if (group) TRY(group->destroy(StopSource::never(), Deadline::in(kKillTimeout)), "remove cgroup");
  std::vector<oci::Hook> poststop;
  if (auto config = spec(); config && config->hooks) poststop = config->hooks->poststop;
  TRY(directory_.remove());
  if (poststop.empty()) return {};
  // "log a warning, but the remaining hooks and lifecycle continue" (runtime.md, Lifecycle, step 13).
  run_last_hooks("poststop", poststop, hook_state(state_, Status::stopped, 0), warn);
  return {};
}

Result<> Container::pause() const {
  const auto now = TRY(status());
  if (now != Status::running && now != Status::created)
    return fail(Code::failed_precondition, "container not running or created: {}", to_string(now));
  auto group = TRY(cgroup());
  if (!group) return fail(Code::unimplemented, "pause: the container has no cgroup");
  return group->freeze(StopSource::never(), Deadline::in(kFreezeTimeout));
}

Result<> Container::resume() const {
  if (TRY(status()) != Status::paused) return fail(Code::failed_precondition, "container not paused");
  auto group = TRY(cgroup());
  return group->thaw(StopSource::never(), Deadline::in(kFreezeTimeout));
}

Result<> Container::update(const oci::Resources& resources) {
  if (TRY(status()) == Status::stopped) return not_running();
  TRY(oci::validate(resources));
  auto group = TRY(cgroup());
  if (!group) return fail(Code::unimplemented, "update: the container has no cgroup");
  TRY(apply_resources(*group, resources, {.devices = !resources.devices.empty()}));
  // What later updates and `exec` see is what is in force.
  auto config = TRY(spec());
  if (!config.linux) config.linux.emplace();
  config.linux->resources = merge_resources(config.linux->resources.value_or(oci::Resources()), resources);
  TRY(directory_.write("config.json", oci::to_json(config)));
  spec_ = std::move(config);
  return {};
}

Result<std::vector<pid_t>> Container::processes() const {
  auto group = TRY(cgroup());
  if (group) return group->processes();
  if (TRY(status()) == Status::stopped) return std::vector<pid_t>();
  return std::vector<pid_t>{state_.pid};
}

}  // namespace fulcrum::runtime
