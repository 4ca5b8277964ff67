#include "runtime/init.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sys.h"
#include "os/pty.h"
#include "runtime/exec_program.h"
#include "runtime/hooks.h"
#include "runtime/sysctl.h"

namespace fulcrum::runtime {
namespace {

constexpr int kNewTime = 0x80;
constexpr int kNewCgroup = 0x02000000;

/// lo is down in a new network namespace.
Result<> raise_loopback() {
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return fail_errno(errno, "raise loopback");
  struct ifreq request = {};
  request.ifr_name[0] = 'l';
  request.ifr_name[1] = 'o';
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  if (::ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0) return fail_errno(errno, "raise loopback");
  return {};
}

/// A time namespace takes offsets only while nobody is in it, so it is made, written, and then entered.
Result<> make_time_namespace(const oci::Spec& spec) {
  if (::unshare(kNewTime) != 0) return fail_errno(errno, "make time namespace");
  std::string offsets;
  for (const auto& [clock, offset] : spec.linux->time_offsets) offsets += fmt::format("{} {} {}\n", clock, offset.secs, offset.nanosecs);
  if (!offsets.empty()) TRY(sys::write_existing("/proc/self/timens_offsets", offsets), "set time offsets");
  auto ns = TRY(sys::open("/proc/self/ns/time_for_children", O_RDONLY));
  if (::setns(ns.get(), kNewTime) != 0) return fail_errno(errno, "enter time namespace");
  return {};
}

/// Namespaces that can only be made from inside, and what belongs to them.
Result<> finish_namespaces(InitPlan& plan) {
  if (plan.new_time_namespace) TRY(make_time_namespace(*plan.spec));
  // After the cgroup was entered: its place at that moment becomes the top of the namespace.
  if (plan.new_cgroup_namespace && ::unshare(kNewCgroup) != 0) return fail_errno(errno, "make cgroup namespace");
  if (plan.new_network_namespace) TRY(raise_loopback());
  return {};
}

Result<> set_names(const oci::Spec& spec) {
  if (!spec.hostname.empty() && ::sethostname(spec.hostname.data(), spec.hostname.size()) != 0) return fail_errno(errno, "sethostname");
  if (!spec.domainname.empty() && ::setdomainname(spec.domainname.data(), spec.domainname.size()) != 0)
    return fail_errno(errno, "setdomainname");
  return {};
}

Result<> run_create_hooks(const InitPlan& plan) {
  if (!plan.spec->hooks) return {};
  const auto& hooks = *plan.spec->hooks;
  if (!hooks.prestart.empty() || !hooks.create_runtime.empty()) {
    TRY(plan.common.sync.say(RunHooks{}));
    TRY(plan.common.sync.wait_proceed());
  }
  if (hooks.create_container.empty()) return {};
  return run_hooks("createContainer", hooks.create_container, hook_state(*plan.state, Status::creating, ::getpid()));
}

Result<> make_rootfs(InitPlan& plan) {
  auto root = TRY(build_root(plan.rootfs, plan.mounts));
  if (plan.common.console_socket.valid()) TRY(open_console(plan.common, root.get(), plan.rootfs.mount_namespace));
  TRY(run_create_hooks(plan));
  TRY(seal_root(plan.rootfs, root.get()));
  return enter_root(plan.rootfs, root.get());
}

/// Blocks until `start` writes a byte.
Result<> wait_at_fifo(const UniqueFd& fifo) {
  char byte = 0;
  for (;;) {
    const auto n = ::read(fifo.get(), &byte, 1);
    if (n == 1) return {};
    if (n < 0 && errno == EINTR) continue;
    return fail_errno(n < 0 ? errno : EPIPE, "wait for start");
  }
}

Result<> init(InitPlan& plan) {
  auto& common = plan.common;
  TRY(begin(common, [&](std::vector<UniqueFd> fds) {
    std::size_t first = 0;
    if (plan.overlay_comes && !fds.empty()) plan.rootfs.overlay = std::move(fds[first++]);
    for (; first < fds.size(); ++first) plan.mounts.prepared.push_back(std::move(fds[first]));
  }));
  TRY(finish_namespaces(plan));
  if (common.new_keyring) TRY(join_new_keyring(common));
  TRY(make_rootfs(plan));
  TRY(set_names(*plan.spec));
  TRY(write_sysctls(*plan.spec, common.proc.get()));
  if (plan.spec->linux && plan.spec->linux->memory_policy) TRY(set_memory_policy(*plan.spec->linux->memory_policy));
  if (plan.fifo.valid()) common.kept = {common.sync.fd(), common.proc.get(), plan.fifo.get(), plan.report.get(), StopSource::never().fd()};
  const auto program = TRY(become(common));
  if (plan.fifo.valid()) {
    common.sync.close();
    TRY(wait_at_fifo(plan.fifo));
  } else {
    TRY(common.sync.wait_proceed());
  }
  if (plan.spec->hooks && !plan.spec->hooks->start_container.empty()) {
    TRY(run_hooks("startContainer", plan.spec->hooks->start_container, hook_state(*plan.state, Status::created, ::getpid()), &program.env));
  }
  return program.execute();
}

Result<> exec(ProcessPlan& plan) {
  TRY(begin(plan, [](std::vector<UniqueFd>) {}));
  if (plan.new_keyring) TRY(join_new_keyring(plan));
  if (plan.root.valid() && (::fchdir(plan.root.get()) != 0 || ::chroot(".") != 0)) return fail_errno(errno, "chroot");
  if (plan.console_socket.valid()) {
    auto root = TRY(sys::open("/", O_PATH | O_DIRECTORY));
    TRY(open_console(plan, root.get(), false));
  }
  const auto program = TRY(become(plan));
  TRY(plan.sync.wait_proceed());
  return program.execute();
}

}  // namespace

void die(const SyncSocket& sync, const Error& error) {
  if (sync.fd() < 0 || !sync.say(Failed{error})) {
    const auto line = error.message + "\n";
    (void)!::write(STDERR_FILENO, line.data(), line.size());
  }
  ::_exit(1);
}

void run_init(InitPlan& plan) {
  const auto done = init(plan);
  if (plan.report.valid() && plan.common.sync.fd() < 0) {
    const auto& text = done.error().message;
    (void)!::write(plan.report.get(), text.data(), text.size());
  }
  die(plan.common.sync, done.error());
}

void run_exec(ProcessPlan& plan) {
  const auto done = exec(plan);
  die(plan.sync, done.error());
}

}  // namespace fulcrum::runtime
