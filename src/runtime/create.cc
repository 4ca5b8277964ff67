#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdlib>

#include "base/clock.h"
#include "base/process.h"
#include "base/scope_exit.h"
#include "base/sys.h"
#include "base/units.h"
#include "os/namespaces.h"
#include "os/user_namespace.h"
#include "runtime/container.h"
#include "runtime/credentials.h"
#include "runtime/hooks.h"
#include "runtime/init.h"
#include "runtime/overlay_root.h"
#include "runtime/resources.h"
#include "runtime/root_path.h"
#include "runtime/security.h"
#include "runtime/sysctl.h"

namespace fulcrum::runtime {

/// One creation from start to end. What was made is undone when it is dropped before finish().
class Creation {
 public:
  Creation(const CreateOptions& options, bool run) : options_(options), run_(run) {}
  ~Creation();
  Creation(const Creation&) = delete;
  Creation& operator=(const Creation&) = delete;

  Result<Container> make();

 private:
  Result<> load();  // read, check, claim the id
  Result<> make_cgroup();
  Result<> plan();  // everything that init needs and that can be had before the clone
  Result<> clone();
  Result<> serve();  // the conversation until init is ready
  Result<> send_maps_and_mounts();
  Result<> on_ready(const Ready& ready);
  Result<Container> finish();
  void undo() noexcept;

  const CreateOptions& options_;
  bool run_;
  bool finished_ = false;
  std::string bundle_;
  oci::Spec spec_;
  SavedState state_;
  std::optional<StateDirectory> directory_;
  std::optional<CgroupLayout> layout_;
  std::optional<Cgroup> cgroup_;
  std::optional<CgroupEntry> entry_;
  std::optional<OverlayRoot> overlay_;
  std::vector<PlannedMount> mounts_;
  LaunchPlan namespaces_;
  InitPlan init_;
  SyncSocket sync_;
  Launched launched_;
};

namespace {

constexpr auto kUndoTimeout = std::chrono::seconds(10);

std::vector<os::IdRange> ranges(const std::vector<oci::IdMapping>& mappings) {
  std::vector<os::IdRange> result;
  for (const auto& m : mappings) result.push_back({m.container_id, m.host_id, m.size});
  return result;
}

Result<std::string> absolute(const std::string& path) {
  char resolved[PATH_MAX];
  if (::realpath(path.c_str(), resolved) == nullptr) return fail_errno(errno, "{}", path);
  return std::string(resolved);
}

/// Init would stand still for ever as soon as it is in a frozen cgroup, and its creator with it.
Result<> check_not_frozen(const Cgroup& cgroup) {
  if (TRY(cgroup.frozen())) return fail(Code::failed_precondition, "container's cgroup unexpectedly frozen: {}", cgroup.path());
  return {};
}

/// The host's procfs, before the container could have put something in its place.
Result<UniqueFd> open_proc() {
  auto proc = TRY(sys::open("/proc", O_PATH | O_DIRECTORY | O_NOFOLLOW));
  struct statfs fs = {};
  if (::fstatfs(proc.get(), &fs) != 0) return fail_errno(errno, "stat /proc");
  if (fs.f_type != PROC_SUPER_MAGIC) return fail(Code::failed_precondition, "/proc is not a procfs");
  return proc;
}

}  // namespace

Creation::~Creation() {
  if (!finished_) undo();
}

void Creation::undo() noexcept {
  if (launched_.pidfd.valid()) {
    (void)signal_pidfd(launched_.pidfd.get(), SIGKILL);
    while (::waitpid(launched_.pid, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  if (cgroup_) (void)cgroup_->destroy(StopSource::never(), Deadline::in(kUndoTimeout));
  if (directory_) (void)directory_->remove();
}

Result<> Creation::load() {
  TRY(check_id(options_.id));
  bundle_ = TRY(absolute(options_.bundle), "bundle");
  auto text = sys::read_file(options_.config.starts_with('/') ? options_.config : bundle_ + "/" + options_.config, oci::kMaxSpecBytes);
  if (!text && text.error().sys_errno == ENOENT) return fail(Code::not_found, "JSON specification file {} not found", options_.config);
  if (!text) return std::unexpected(std::move(text).error());
  spec_ = TRY(oci::parse_spec(*text), "config.json");
  TRY(oci::validate(spec_), "config.json");
  if (!spec_.root) return fail(Code::invalid_argument, "config.json: root is required");
  if (!spec_.linux) spec_.linux.emplace();
  TRY(check_sysctls(spec_));
  TRY(check_security(spec_));
  overlay_ = TRY(parse_overlay_root(spec_.annotations));
  mounts_ = TRY(plan_mounts(spec_));
  const auto rootfs = spec_.root->path.starts_with('/') ? spec_.root->path : bundle_ + "/" + spec_.root->path;
  state_ = {.oci_version = spec_.oci_version,
            .id = options_.id,
            .bundle = bundle_,
            .rootfs = TRY(absolute(rootfs), "root"),
            .created = format_time(Clock::system().now()),
            .annotations = spec_.annotations,
            .no_pivot = options_.no_pivot};
  for (const auto& ns : spec_.linux->namespaces) {
    state_.namespaces.push_back(ns.type);
    if (ns.type == "pid") state_.own_pid_namespace = ns.path.empty();
  }
  directory_ = TRY(StateDirectory::create(options_.root, options_.id));
  return directory_->write("config.json", *text);
}

Result<> Creation::make_cgroup() {
  const auto make = [&]() -> Result<> {
    layout_ = TRY(CgroupLayout::detect());
    state_.cgroup_path = TRY(cgroup_path(*layout_, spec_.linux->cgroups_path, options_.id));
    TRY(directory_->save(state_));                                           // before the side effect that it describes
    TRY(check_not_frozen(TRY(Cgroup::open(*layout_, state_.cgroup_path))));  // one that was there before stays as it is
    cgroup_ = TRY(Cgroup::create(*layout_, state_.cgroup_path));
    TRY(check_not_frozen(*cgroup_));  // one that was made below a frozen one
    const bool user_namespace = spec_.linux->find_namespace("user") != nullptr;
    auto resources = spec_.linux->resources.value_or(oci::Resources());
    // The kernel lets only the machine's own root change device rules.
    const bool devices = ::geteuid() == 0 && !os::in_user_namespace() && !(user_namespace && resources.devices.empty());
    if (devices) resources.devices = with_default_device_rules(resources.devices);
    TRY(apply_resources(*cgroup_, resources, {.devices = devices}));
    entry_ = TRY(cgroup_->open_entry());
    return {};
  };
  auto made = make();
  if (made || !options_.ignore_cgroup_errors) return made;
  if (spec_.linux->resources && (spec_.linux->resources->memory || spec_.linux->resources->pids || spec_.linux->resources->cpu))
    return made;
  if (options_.warn) options_.warn("the container gets no cgroup: " + made.error().message);
  if (cgroup_) (void)cgroup_->destroy(StopSource::never(), Deadline::in(kUndoTimeout));
  cgroup_.reset();
  entry_.reset();
  state_.cgroup_path.clear();
  return {};
}

Result<> Creation::plan() {
  namespaces_ = TRY(plan_namespaces(spec_.linux->namespaces));
  const bool new_user = (namespaces_.new_namespaces & CLONE_NEWUSER) != 0;
  const bool user = spec_.linux->find_namespace("user") != nullptr;
  auto& common = init_.common;
  common.process = spec_.process ? &*spec_.process : nullptr;
  common.proc = TRY(open_proc());
  common.user_namespace = user;
  common.new_keyring = !options_.no_new_keyring;
  common.id = options_.id;
  if (spec_.linux->personality) common.personality = &*spec_.linux->personality;
  common.extra_fds = options_.preserve_fds + options_.listen_fds;
  common.listen_fds = options_.listen_fds;
  common.cgroup = entry_ ? &*entry_ : nullptr;
  common.cloned_into_cgroup = entry_ && entry_->clone_fd() >= 0 && !needs_joiner(namespaces_);
  if (common.cloned_into_cgroup) namespaces_.cgroup = entry_->clone_fd();
  const bool prepared = std::any_of(mounts_.begin(), mounts_.end(), [](const auto& mount) { return mount.prepared_by_runtime; });
  common.wait_for_maps = user || prepared;
  common.may_set_groups = (!new_user || ::geteuid() == 0) && os::may_set_groups();
  if (spec_.linux->seccomp) common.seccomp = TRY(load_seccomp(*spec_.linux->seccomp, seccomp_cache(options_.root)), "seccomp");
  const bool terminal = spec_.process && spec_.process->terminal;
  common.plain_line_feeds = options_.plain_line_feeds;
  common.console_socket = TRY(console_socket_for(terminal, options_.console_socket, options_.console));
  init_.spec = &spec_;
  init_.state = &state_;
  init_.new_cgroup_namespace = namespaces_.new_cgroup;
  init_.new_time_namespace = namespaces_.new_time;
  init_.new_network_namespace = (namespaces_.new_namespaces & CLONE_NEWNET) != 0;
  init_.rootfs = {.spec = &spec_,
                  .mounts = &mounts_,
                  .path = state_.rootfs,
                  .overlay = {},
                  .own_overlay = nullptr,
                  .no_pivot = options_.no_pivot,
                  .user_namespace = user,
                  .mount_namespace = spec_.linux->find_namespace("mount") != nullptr};
  if (!init_.rootfs.mount_namespace && (!mounts_.empty() || overlay_)) {
    return fail(Code::invalid_argument, "mounts need a mount namespace: without one they would stay on the host");
  }
  const bool privileged = ::geteuid() == 0;
  init_.overlay_comes = overlay_ && user && privileged;
  if (overlay_ && user && !privileged) init_.rootfs.own_overlay = &*overlay_;
  if (overlay_ && !user) init_.rootfs.overlay = TRY(mount_overlay_root(*overlay_, nullptr));
  init_.mounts.bundle = bundle_;
  init_.mounts.cgroups = layout_ ? &*layout_ : nullptr;
  init_.mounts.cgroup_path = state_.cgroup_path;
  init_.mounts.own_cgroup_namespace = spec_.linux->find_namespace("cgroup") != nullptr;
  if (!run_) {
    init_.fifo = TRY(directory_->make_start_fifo());
    init_.report = TRY(directory_->make_start_report());
  }
  return {};
}

Result<> Creation::clone() {
  auto pair = TRY(SyncSocket::make());
  sync_ = std::move(pair.runtime);
  init_.common.sync = std::move(pair.init);
  auto launched = launch(
      namespaces_,
      [&] {
        sync_.close();
        run_init(init_);
      },
      [&](const Error& error) { die(init_.common.sync, error); });
  init_.common.sync.close();
  init_.fifo.reset();
  init_.report.reset();
  init_.common.console_socket.reset();
  init_.rootfs.overlay.reset();
  if (!launched) {
    // What the joiner had to say is better than that it is gone.
    auto said = sync_.listen();
    if (said && std::holds_alternative<Failed>(*said)) return std::unexpected(std::get<Failed>(std::move(*said)).error);
    return std::unexpected(std::move(launched).error());
  }
  launched_ = std::move(*launched);
  const auto stat = os::process_stat(launched_.pid);
  if (!stat) return fail(Code::internal, "container init is gone");
  state_.pid = launched_.pid;
  state_.start_time = stat->start_time;
  TRY(directory_->save(state_));
  if (spec_.process && spec_.process->oom_score_adj) TRY(set_oom_score(launched_.pid, *spec_.process->oom_score_adj), "oom_score_adj");
  return {};
}

Result<> Creation::send_maps_and_mounts() {
  UniqueFd user_namespace;
  const auto& linux = *spec_.linux;
  if ((namespaces_.new_namespaces & CLONE_NEWUSER) != 0) {
    TRY(os::write_id_maps(launched_.pid, ranges(linux.uid_mappings), ranges(linux.gid_mappings)));
  }
  if (init_.common.user_namespace) user_namespace = TRY(sys::open(fmt::format("/proc/{}/ns/user", launched_.pid), O_RDONLY));
  std::vector<UniqueFd> fds;
  if (init_.overlay_comes) {
    const OverlayOwner owner{.user_namespace = user_namespace.get(),
                             .uid = TRY(os::outside_root(launched_.pid, "uid_map")),
                             .gid = TRY(os::outside_root(launched_.pid, "gid_map"))};
    fds.push_back(TRY(mount_overlay_root(*overlay_, &owner)));
  }
  auto mounts = TRY(prepare_mounts(mounts_, bundle_, user_namespace.get()));
  for (auto& mount : mounts) fds.push_back(std::move(mount));
  return sync_.proceed(fds);
}

Result<> Creation::on_ready(const Ready& ready) {
  if (!ready.warning.empty() && options_.warn) options_.warn(ready.warning);
  return {};
}

Result<> Creation::serve() {
  // In a user namespace init has no right to raise limits; it stands still until it has its maps.
  if (init_.common.user_namespace) TRY(set_rlimits(launched_.pid, spec_.process->rlimits));
  if (init_.common.wait_for_maps) TRY(send_maps_and_mounts());
  for (;;) {
    auto message = TRY(sync_.listen());
    if (auto* failed = std::get_if<Failed>(&message)) return std::unexpected(std::move(failed->error));
    if (std::holds_alternative<Closed>(message)) return fail(Code::internal, "container init died before it was ready");
    if (auto* ready = std::get_if<Ready>(&message)) return on_ready(*ready);
    if (auto* listener = std::get_if<Listener>(&message)) {
      SeccompListenerState state{.oci_version = state_.oci_version,
                                 .id = state_.id,
                                 .status = "creating",
                                 .bundle = state_.bundle,
                                 .annotations = {state_.annotations.begin(), state_.annotations.end()},
                                 .pid = launched_.pid,
                                 .container_pid = launched_.pid,
                                 .metadata = spec_.linux->seccomp->listener_metadata};
      TRY(send_seccomp_listener(spec_.linux->seccomp->listener_path, state, listener->fd.get()));
    } else {
      const auto text = hook_state(state_, Status::creating, launched_.pid);
      TRY(run_hooks("prestart", spec_.hooks->prestart, text));
      TRY(run_hooks("createRuntime", spec_.hooks->create_runtime, text));
    }
    TRY(sync_.proceed());
  }
}

Result<Container> Creation::finish() {
  if (!options_.pidfd_socket.empty()) TRY(send_pidfd(options_.pidfd_socket, launched_.pidfd.get()));
  if (!options_.pid_file.empty()) TRY(write_pid_file(options_.pid_file, launched_.pid));
  if (run_) {
    TRY(sync_.proceed());
    auto message = TRY(sync_.listen());
    if (auto* failed = std::get_if<Failed>(&message)) return std::unexpected(std::move(failed->error));
  }
  directory_->end_creation();
  Container container(options_.root, std::move(*directory_), state_);
  finished_ = true;
  container.layout_ = layout_;
  if (run_ && spec_.hooks && !spec_.hooks->poststart.empty()) {
    auto done = run_hooks("poststart", spec_.hooks->poststart, hook_state(state_, Status::running, state_.pid));
    if (!done) {
      (void)container.remove(true);
      return std::unexpected(std::move(done).error());
    }
  }
  container.spec_ = std::move(spec_);
  return container;
}

Result<Container> Creation::make() {
  TRY(load());
  if (!spec_.process) return fail(Code::invalid_argument, "config.json: process is required");
  TRY(make_cgroup());
  TRY(plan());
  TRY(clone());
  TRY(serve());
  return finish();
}

Result<Container> Container::create(const CreateOptions& options) { return Creation(options, false).make(); }

Result<Container> Container::run(const CreateOptions& options) { return Creation(options, true).make(); }

}  // namespace fulcrum::runtime
