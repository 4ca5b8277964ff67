#include "runtime/launch.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "base/process.h"
#include "base/scope_exit.h"
#include "base/sys.h"
#include "os/namespaces.h"

namespace fulcrum::runtime {
namespace {

constexpr unsigned kNewTime = 0x80;
constexpr unsigned kNewCgroup = 0x02000000;

Result<Join> open_join(const oci::Namespace& ns, const os::NamespaceKind& kind) {
  auto name = fmt::format("{} namespace {}", ns.type, ns.path);
  auto fd = TRY(sys::open(ns.path, O_RDONLY), "{}", name);
  const int type = ::ioctl(fd.get(), NS_GET_NSTYPE);
  if (type >= 0 && static_cast<unsigned>(type) != kind.flag)
    return fail(Code::invalid_argument, "{}: is a namespace of another type", name);
  return Join{.fd = std::move(fd), .flags = kind.flag, .name = std::move(name)};
}

Result<> enter(const Join& join, unsigned flags) {
  if (flags == 0) return {};
  if (::setns(join.fd.get(), static_cast<int>(flags)) != 0) return fail_errno(errno, "join {}", join.name);
  return {};
}

Result<> enter_all(const LaunchPlan& plan, unsigned without) {
  for (const auto& join : plan.joins) TRY(enter(join, join.flags & ~without));
  return {};
}

/// Joins a pid namespace for the next child only.
class PidNamespaceForChild {
 public:
  Result<> enter(const LaunchPlan& plan) {
    if ((plan.joined & CLONE_NEWPID) == 0) return {};
    own_ = TRY(sys::open("/proc/self/ns/pid", O_RDONLY));
    for (const auto& join : plan.joins) TRY(runtime::enter(join, join.flags & CLONE_NEWPID));
    return {};
  }
  ~PidNamespaceForChild() {
    if (own_.valid()) (void)::setns(own_.get(), CLONE_NEWPID);
  }

 private:
  UniqueFd own_;
};

Result<Launched> launch_directly(const LaunchPlan& plan, const std::function<void()>& child,
                                 const std::function<void(const Error&)>& join_failed) {
  os::Cloned cloned;
  {
    PidNamespaceForChild pid_namespace;
    TRY(pid_namespace.enter(plan));
    cloned = TRY(os::clone_process({.flags = plan.new_namespaces, .cgroup = plan.cgroup}));
    if (cloned.pid == 0) {
      if (auto joined = enter_all(plan, CLONE_NEWPID); !joined) {
        join_failed(joined.error());
        ::_exit(1);
      }
      child();
      ::_exit(1);
    }
  }
  return Launched{cloned.pid, std::move(cloned.pidfd)};
}

/// In a joined user namespace only its root may make and join the rest.
void take_root() {
  (void)::setresgid(0, 0, 0);
  (void)::setresuid(0, 0, 0);
}

[[noreturn]] void run_joiner(const LaunchPlan& plan, int report, const std::function<void()>& child,
                             const std::function<void(const Error&)>& join_failed) {
  auto joined = enter_all(plan, 0);
  if (!joined) {
    join_failed(joined.error());
    ::_exit(1);
  }
  if ((plan.joined & CLONE_NEWUSER) != 0) take_root();
  auto cloned = os::clone_process({.flags = plan.new_namespaces | CLONE_PARENT});
  if (!cloned) {
    join_failed(cloned.error());
    ::_exit(1);
  }
  if (cloned->pid == 0) {
    child();
    ::_exit(1);
  }
  const pid_t pid = cloned->pid;
  ::_exit(::write(report, &pid, sizeof pid) == sizeof pid ? 0 : 1);
}

Result<Launched> launch_through_joiner(const LaunchPlan& plan, const std::function<void()>& child,
                                       const std::function<void(const Error&)>& join_failed) {
  auto report = TRY(sys::pipe());
  auto joiner = TRY(os::clone_process({}));
  if (joiner.pid == 0) run_joiner(plan, report.write.get(), child, join_failed);
  report.write.reset();
  pid_t pid = 0;
  const auto n = ::read(report.read.get(), &pid, sizeof pid);
  while (::waitpid(joiner.pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (n != sizeof pid) return fail(Code::failed_precondition, "join namespaces");
  auto pidfd = TRY(open_pidfd(pid));
  return Launched{pid, std::move(pidfd)};
}

}  // namespace

Result<LaunchPlan> plan_namespaces(const std::vector<oci::Namespace>& namespaces) {
  LaunchPlan plan;
  for (const auto& kind : os::namespace_kinds()) {
    const auto found = std::find_if(namespaces.begin(), namespaces.end(), [&](const auto& ns) { return ns.type == kind.name; });
    if (found == namespaces.end()) continue;
    if (!found->path.empty()) {
      plan.joins.push_back(TRY(open_join(*found, kind)));
      plan.joined |= kind.flag;
    } else if (kind.flag == kNewCgroup) {
      plan.new_cgroup = true;
    } else if (kind.flag == kNewTime) {
      plan.new_time = true;
    } else {
      plan.new_namespaces |= kind.flag;
    }
  }
  return plan;
}

bool needs_joiner(const LaunchPlan& plan) {
  const bool joins_under_new_user = (plan.new_namespaces & CLONE_NEWUSER) != 0 && (plan.joined & ~static_cast<unsigned>(CLONE_NEWPID)) != 0;
  const bool user_with_more = (plan.joined & CLONE_NEWUSER) != 0 && (plan.new_namespaces != 0 || ::geteuid() != 0);
  return joins_under_new_user || user_with_more;
}

Result<Launched> launch(const LaunchPlan& plan, const std::function<void()>& child, const std::function<void(const Error&)>& join_failed) {
  return needs_joiner(plan) ? launch_through_joiner(plan, child, join_failed) : launch_directly(plan, child, join_failed);
}

}  // namespace fulcrum::runtime
