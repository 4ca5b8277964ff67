#include "runtime/exec_program.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/keyctl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "base/sys.h"
#include "os/pty.h"
#include "runtime/rootfs.h"
#include "runtime/security.h"

namespace fulcrum::runtime {
namespace {

std::vector<const char*> pointers(const std::vector<std::string>& words) {
  std::vector<const char*> result;
  result.reserve(words.size() + 1);
  for (const auto& word : words) result.push_back(word.c_str());
  result.push_back(nullptr);
  return result;
}

std::string_view name_of(const std::string& variable) { return std::string_view(variable).substr(0, variable.find('=')); }

/// The last of several values of a variable counts. HOME is added when it is missing.
std::vector<std::string> environment(const ProcessPlan& plan) {
  const auto& given = plan.process->env;
  std::vector<std::string> result;
  bool home = false;
  for (std::size_t i = 0; i < given.size(); ++i) {
    const auto name = name_of(given[i]);
    const bool overridden = std::any_of(given.begin() + static_cast<std::ptrdiff_t>(i) + 1, given.end(),
                                        [&](const auto& later) { return name_of(later) == name; });
    if (overridden) continue;
    // An empty HOME counts as missing, as runc has it.
    if (name == "HOME" && given[i] == "HOME=") continue;
    home = home || name == "HOME";
    result.push_back(given[i]);
  }
  if (!home) result.push_back("HOME=" + home_directory(plan.process->user.uid));
  if (plan.listen_fds > 0) {
    result.push_back(fmt::format("LISTEN_FDS={}", plan.listen_fds));
    result.push_back("LISTEN_PID=1");
  }
  return result;
}

Result<> install_filter(ProcessPlan& plan) {
  if (!plan.seccomp) return {};
  auto listener = TRY(install_seccomp(*plan.seccomp));
  if (!listener.valid()) return {};
  TRY(plan.sync.say(Listener{std::move(listener)}));
  TRY(plan.sync.wait_proceed());
  return {};
}

Result<> take_root_of_user_namespace(ProcessPlan& plan) {
  // Ids that are not mapped stay as they are: the process has its capabilities all the same.
  if (::syscall(SYS_setresgid, 0, 0, 0) != 0 && errno != EINVAL) return fail_errno(errno, "take root group");
  if (plan.may_set_groups && ::syscall(SYS_setgroups, 0, nullptr) != 0) {
    if (errno != EPERM) return fail_errno(errno, "drop groups");
    plan.may_set_groups = false;
  }
  if (::syscall(SYS_setresuid, 0, 0, 0) != 0 && errno != EINVAL) return fail_errno(errno, "take root");
  return {};
}

/// Closes every descriptor from `first` on that is not kept.
Result<> close_all_but(std::vector<int> kept, unsigned first) {
  std::sort(kept.begin(), kept.end());
  for (const int fd : kept) {
    if (fd < static_cast<int>(first)) continue;
    const auto next = static_cast<unsigned>(fd);
    if (next > first && ::close_range(first, next - 1, 0) != 0) return fail_errno(errno, "close descriptors");
    first = next + 1;
  }
  if (::close_range(first, ~0U, 0) != 0) return fail_errno(errno, "close descriptors");
  return {};
}

}  // namespace

Result<> Program::execute() const {
  const auto argv = pointers(args);
  const auto envp = pointers(env);
  ::execve(path.c_str(), const_cast<char* const*>(argv.data()), const_cast<char* const*>(envp.data()));
  return fail_errno(errno, "exec {}", path);
}

Result<> begin(ProcessPlan& plan, const std::function<void(std::vector<UniqueFd>)>& take) {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) return fail_errno(errno, "set parent-death signal");
  sigset_t none;
  ::sigemptyset(&none);
  if (::sigprocmask(SIG_SETMASK, &none, nullptr) != 0) return fail_errno(errno, "unblock signals");
  if (::setsid() < 0) return fail_errno(errno, "setsid");
  if (plan.cgroup != nullptr) {
    if (const int err = plan.cgroup->enter(plan.cloned_into_cgroup); err != 0) return fail_errno(err, "enter cgroup");
  }
  if (plan.wait_for_maps) take(TRY(plan.sync.wait_proceed()));
  if (plan.user_namespace) TRY(take_root_of_user_namespace(plan));
  // Processes of a joined namespace must not trace us or open what we hold. execve makes the process dumpable again.
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return fail_errno(errno, "become undumpable");
  ::umask(0);
  return {};
}

Result<> join_new_keyring(const ProcessPlan& plan) {
  const auto name = "_ses." + plan.id;
  const long key = ::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name.c_str(), 0, 0, 0);
  if (key < 0) {
    // Kernels without keyrings, and filters of outer containers: there is nothing to protect then.
    if (errno == ENOSYS || errno == EPERM) return {};
    return fail_errno(errno, "unable to join session keyring");
  }
  char description[512];
  const long n = ::syscall(SYS_keyctl, KEYCTL_DESCRIBE, key, description, sizeof description, 0);
  if (n <= 0 || static_cast<std::size_t>(n) > sizeof description) return {};
  // "type;uid;gid;perm;name": the user may search the keyring, so that keys added by others of the same uid are found.
  const std::string text(description);
  std::size_t at = 0;
  for (int field = 0; field < 3 && at != std::string::npos; ++field) at = text.find(';', at) + 1;
  const auto permissions = std::strtoul(text.c_str() + at, nullptr, 16);
  constexpr unsigned long kUserSearch = 0x00080000;
  if (::syscall(SYS_keyctl, KEYCTL_SETPERM, key, permissions | kUserSearch, 0, 0) != 0)
    return fail_errno(errno, "unable to mod keyring permissions");
  return {};
}

Result<> open_console(ProcessPlan& plan, int root, bool bind_on_dev_console) {
  auto ptmx = TRY(sys::open_in_root(root, "/dev/pts/ptmx", O_RDWR | O_NOCTTY), "open console");
  auto pty = TRY(os::open_pty(std::move(ptmx)), "open console");
  if (const auto& size = plan.process->console_size) TRY(os::set_window_size(pty.terminal.get(), size->height, size->width));
  if (plan.plain_line_feeds) TRY(os::leave_line_feeds(pty.terminal.get()));
  if (bind_on_dev_console) TRY(bind_console(root, pty.terminal.get()));
  const int master = pty.master.get();
  TRY(sys::send_message(plan.console_socket.get(), pty.path, std::span(&master, 1)), "send console");
  TRY(os::set_controlling_terminal(pty.terminal.get()));
  for (int fd = 0; fd < 3; ++fd) {
    if (::dup2(pty.terminal.get(), fd) < 0) return fail_errno(errno, "connect console");
  }
  plan.console_socket.reset();
  return {};
}

Result<Program> become(ProcessPlan& plan) {
  const auto& process = *plan.process;
  ::umask(0022);
  if (process.no_new_privileges && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return fail_errno(errno, "set no_new_privs");
  if (plan.personality != nullptr) TRY(set_personality(*plan.personality));
  if (process.scheduler) TRY(set_scheduler(*process.scheduler));
  if (process.io_priority) TRY(set_io_priority(*process.io_priority));
  // Nothing that the runtime or its caller had open goes into the container, by accident or by /proc/self/fd (CVE-2024-21626).
  const auto first = static_cast<unsigned>(3 + plan.extra_fds);
  if (::close_range(first, ~0U, CLOSE_RANGE_CLOEXEC) != 0) return fail_errno(errno, "close descriptors");
  for (int fd = 3; fd < 3 + plan.extra_fds; ++fd) (void)::fcntl(fd, F_SETFD, 0);
  if (!plan.kept.empty()) TRY(close_all_but(plan.kept, first));
  TRY(apply_security(process, plan.proc.get()));
  // Without no_new_privs, installing a filter needs CAP_SYS_ADMIN, which is about to go.
  if (!process.no_new_privileges) TRY(install_filter(plan));
  if (!plan.user_namespace) TRY(set_rlimits(0, process.rlimits));
  std::string warning;
  TRY(become_user(process, plan.may_set_groups, &warning));
  Program program{.path = {}, .args = process.args, .env = environment(plan)};
  program.path = TRY(find_program(process.args.at(0), program.env));
  if (process.no_new_privileges) TRY(install_filter(plan));
  if (::prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0) != 0) return fail_errno(errno, "clear parent-death signal");
  TRY(plan.sync.say(Ready{std::move(warning)}));
  return program;
}

}  // namespace fulcrum::runtime
