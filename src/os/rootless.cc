#include "os/rootless.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "base/process.h"
#include "base/scope_exit.h"
#include "base/sys.h"
#include "os/namespaces.h"
#include "os/rootless_files.h"
#include "os/rootless_holder.h"
#include "os/subid.h"
#include "os/user_namespace.h"

namespace fulcrum::os {
namespace {

using namespace rootless;

constexpr auto kDying = std::chrono::seconds(20);
constexpr std::size_t kMaxFile = 16 << 20;

bool installed(const std::string& program) {
  const char* path = std::getenv("PATH");
  std::string_view rest = path != nullptr ? path : "/usr/bin:/bin";
  while (!rest.empty()) {
    const auto end = rest.find(':');
    const auto folder = rest.substr(0, end);
    if (!folder.empty() && ::access((std::string(folder) + "/" + program).c_str(), X_OK) == 0) return true;
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  }
  return false;
}

/// What the user may map, from the system's files.
struct Maps {
  std::vector<IdRange> users, groups;
  std::string warning;
};

Maps find_maps() {
  const auto uid = ::getuid();
  const auto gid = ::getgid();
  const auto name = user_name(sys::read_file("/etc/passwd", kMaxFile).value_or(""), uid).value_or("");
  const auto users = parse_subids(sys::read_file("/etc/subuid", kMaxFile).value_or(""), name, uid);
  const auto groups = parse_subids(sys::read_file("/etc/subgid", kMaxFile).value_or(""), name, uid);
  std::string lack;
  if (!installed("newuidmap") || !installed("newgidmap")) {
    lack = "newuidmap and newgidmap are not installed (package uidmap)";
  } else if (users.empty() || groups.empty()) {
    lack =
        fmt::format("{} has no line for user {}", users.empty() ? "/etc/subuid" : "/etc/subgid", name.empty() ? std::to_string(uid) : name);
  }
  Maps maps{.users = map_for_user(uid, users), .groups = map_for_user(gid, groups), .warning = {}};
  if (lack.empty()) return maps;
  maps.users.resize(1);
  maps.groups.resize(1);
  maps.warning =
      lack +
      ": only one user exists inside. Files of images all belong to it, workloads that run as another user than root are refused, "
      "and so is changing the owner of a file";
  return maps;
}

/// A process whose parent is init (or the nearest subreaper), so that nobody has to wait for it: child of a child that ends at once.
Result<pid_t> clone_holder(const HolderPipes& pipes) {
  auto report = TRY(sys::pipe());
  const auto middle = TRY(clone_process({.flags = 0}));
  if (middle.pid == 0) {
    const auto holder = clone_process({.flags = pipes.join == 0 ? CLONE_NEWUSER : 0ULL});
    if (holder && holder->pid == 0) run_holder(pipes);
    const pid_t answer = holder ? holder->pid : -holder.error().sys_errno;
    const auto written = ::write(report.write.get(), &answer, sizeof answer);
    ::_exit(written == sizeof answer ? 0 : 1);
  }
  report.write.reset();
  pid_t answer = 0;
  const auto got = ::read(report.read.get(), &answer, sizeof answer);
  while (::waitpid(middle.pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (got != sizeof answer) return fail(Code::internal, "make user namespace: the helper died");
  if (answer > 0) return answer;
  auto error = fail_errno(-answer, "make user namespace");
  if (answer == -EPERM || answer == -ENOSPC || answer == -EACCES) {
    return fail(Code::failed_precondition,
                "{}; this machine does not let ordinary users make user namespaces (see /proc/sys/user/max_user_namespaces, "
                "kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns)",
                error.error().message);
  }
  return error;
}

/// Namespaces in the making. The holder ends unless keep() was reached.
struct Making {
  pid_t holder = 0;
  UniqueFd orders;
  Result<> keep(const std::string& run_dir) {
    TRY(write_pin(holder_pin(run_dir), holder), "write down the holder");
    if (::write(orders.get(), &kKeep, 1) != 1) return fail(Code::internal, "the holder of the namespaces died");
    return {};
  }
};

/// A workload's supervisor that still lives in namespaces whose holder was killed: its command line names a sandbox of this run folder.
std::optional<pid_t> find_survivor(const std::string& run_dir) {
  const auto names = sys::list_directory("/proc");
  struct stat own = {};
  if (!names || ::stat("/proc/self/ns/user", &own) != 0) return std::nullopt;
  const auto argument = "--directory=" + run_dir + "/sandboxes/";
  for (const auto& name : *names) {
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const auto line = sys::read_file("/proc/" + name + "/cmdline", 1 << 20);
    struct stat process = {}, theirs = {};
    if (::stat(("/proc/" + name).c_str(), &process) != 0 || process.st_uid != ::geteuid()) continue;  // anybody can take any name
    if (!line || line->find(argument) == std::string::npos || ::stat(("/proc/" + name + "/ns/user").c_str(), &theirs) != 0) continue;
    if (theirs.st_ino != own.st_ino) return static_cast<pid_t>(std::stol(name));
  }
  return std::nullopt;
}

/// A holder of new namespaces, or of the survivor's.
Result<Making> make_holder(const std::string& run_dir, std::optional<pid_t> survivor, std::vector<std::string>& warnings) {
  auto maps = find_maps();
  if (!maps.warning.empty()) warnings.push_back(maps.warning);
  const auto fifo = alive_fifo(run_dir);
  ::unlink(fifo.c_str());
  if (::mkfifo(fifo.c_str(), 0600) != 0) return fail_errno(errno, "make {}", fifo);
  auto orders = TRY(sys::pipe());
  auto reports = TRY(sys::pipe());
  const auto alive = TRY(sys::open(fifo, O_RDWR | O_NONBLOCK));
  Making making{.holder = TRY(clone_holder({.orders = orders.read.get(),
                                            .reports = reports.write.get(),
                                            .alive = alive.get(),
                                            .run_dir = run_dir,
                                            .join = survivor.value_or(0)})),
                .orders = std::move(orders.write)};
  reports.write.reset();
  if (!survivor) TRY(write_id_maps(making.holder, maps.users, maps.groups), "map ids");
  if (::write(making.orders.get(), &kMapped, 1) != 1) return fail(Code::internal, "the holder of the namespaces died");
  const auto answer = TRY(read_answer(reports.read.get(), "the holder of the namespaces"));
  if (answer != "ready") return fail(Code::failed_precondition, "make namespaces: {}", answer.empty() ? "the holder died" : answer);
  return making;
}

Result<UniqueFd> lock(const std::string& run_dir) {
  TRY(sys::make_directories(run_dir, 0711), "--run-dir");
  TRY(sys::make_directories(folder(run_dir), 0700));
  auto file = TRY(sys::open(folder(run_dir) + "/lock", O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
  while (::flock(file.get(), LOCK_EX) != 0) {
    if (errno != EINTR) return fail_errno(errno, "lock {}", folder(run_dir));
  }
  return file;
}

Result<std::string> choose_network(const std::string& wanted, std::vector<std::string>& warnings) {
  if (wanted != "auto" && wanted != "none" && wanted != "slirp4netns")
    return fail(Code::invalid_argument, "--rootless-network: \"{}\" is not auto, slirp4netns or none", wanted);
  if (wanted == "none") return wanted;
  std::string lack;
  if (!installed("slirp4netns")) {
    lack = "slirp4netns is not installed";
  } else if (::access("/dev/net/tun", R_OK | W_OK) != 0) {
    lack = "slirp4netns needs /dev/net/tun, which this user may not open";
  }
  if (lack.empty()) return std::string("slirp4netns");
  if (wanted == "slirp4netns") return fail(Code::failed_precondition, "--rootless-network: {}", lack);
  warnings.push_back(lack +
                     ": workloads reach each other, but neither the outside nor registries, and publishing ports is refused "
                     "(--rootless-network none: publish inside only)");
  return std::string("none");
}

}  // namespace

namespace rootless {

/// Joins all three, opened before the first is entered: afterwards other rights hold.
Result<> join_namespaces(pid_t holder) {
  struct Kind {
    const char* file;
    unsigned flag;
    const char* name;
  };
  constexpr std::array kKinds = {Kind{"user", CLONE_NEWUSER, "user"}, Kind{"net", CLONE_NEWNET, "network"},
                                 Kind{"mnt", CLONE_NEWNS, "mount"}};
  std::array<UniqueFd, 3> fds;
  for (std::size_t i = 0; i < kKinds.size(); ++i) fds[i] = TRY(sys::open(fmt::format("/proc/{}/ns/{}", holder, kKinds[i].file), O_RDONLY));
  uid_t owner = 0;
  if (::ioctl(fds[0].get(), NS_GET_OWNER_UID, &owner) != 0) return fail_errno(errno, "look up the owner of the user namespace");
  if (owner != ::geteuid()) return fail(Code::permission_denied, "the user namespace of process {} belongs to user {}", holder, owner);
  char cwd[4096];
  const bool has_cwd = ::getcwd(cwd, sizeof cwd) != nullptr;
  for (std::size_t i = 0; i < kKinds.size(); ++i) TRY(enter_namespace(fds[i].get(), kKinds[i].flag, kKinds[i].name));
  if (!has_cwd || ::chdir(cwd) != 0) {
    if (::chdir("/") != 0) return fail_errno(errno, "enter /");
  }
  if (::setresgid(0, 0, 0) != 0 || ::setresuid(0, 0, 0) != 0) return fail_errno(errno, "become root of the user namespace");
  // Otherwise /proc/self would belong to nobody whom this namespace knows.
  if (::prctl(PR_SET_DUMPABLE, 1) != 0) return fail_errno(errno, "set dumpable");
  return {};
}

}  // namespace rootless

Result<Rootless> enter_rootless(const RootlessOptions& options) {
  const auto& run_dir = options.run_dir;
  const auto guard = TRY(lock(run_dir));
  Rootless result;
  result.network = TRY(choose_network(options.network, result.warnings));
  Making making;
  bool new_holder = false;
  if (const auto holder = read_pin(holder_pin(run_dir))) {
    making.holder = *holder;
  } else {
    const auto survivor = find_survivor(run_dir);
    making = TRY(make_holder(run_dir, survivor, result.warnings));
    new_holder = true;
    result.fresh = !survivor;
  }
  const bool slirp = result.network == "slirp4netns";
  if (slirp) {
    TRY(ensure_slirp(run_dir, making.holder, new_holder));
    result.forwards = slirp_socket(run_dir);
  }
  TRY(join_namespaces(making.holder), "enter the namespaces of process {}", making.holder);
  if (slirp && result.fresh) TRY(use_slirp_resolver(run_dir), "name servers");
  if (new_holder) TRY(making.keep(run_dir));
  result.holder = making.holder;
  result.user_ids = mapped_user_ids();
  return result;
}

std::optional<std::string> settle_in_delegated_cgroup(const CgroupLayout& layout) {
  constexpr std::string_view kEngine = "/engine";
  const auto* unified = layout.unified();
  if (layout.mode() != CgroupMode::v2 || unified == nullptr) return std::nullopt;
  std::string own = unified->own_path;
  if (own.ends_with(kEngine)) own.resize(own.size() - kEngine.size());  // started by hand from where an earlier one settled
  if (own.empty() || own == "/") return std::nullopt;
  const auto folder = unified->directory(own);
  if (::access(folder.c_str(), W_OK | X_OK) != 0 || ::access((folder + "/cgroup.procs").c_str(), W_OK) != 0) return std::nullopt;
  const auto child = folder + std::string(kEngine);
  if (::mkdir(child.c_str(), 0755) != 0 && errno != EEXIST) return std::nullopt;
  if (!sys::write_existing(child + "/cgroup.procs", "0")) return std::nullopt;
  return own;
}

Result<> join_rootless(const std::string& run_dir) {
  const auto holder = read_pin(holder_pin(run_dir));
  if (!holder) return fail(Code::not_found, "no rootless engine has its namespaces in {}", run_dir);
  return join_namespaces(*holder);
}

Result<> end_rootless(const std::string& run_dir) {
  const auto guard = TRY(lock(run_dir));
  for (const auto& pin : {holder_pin(run_dir), slirp_pin(run_dir)}) {
    if (const auto pid = read_pin(pin)) {
      const auto pidfd = open_pidfd(*pid);
      if (pidfd && read_pin(pin) == pid) {
        // slirp4netns ends by itself once the holder is gone.
        if (pin == holder_pin(run_dir)) TRY(signal_pidfd(pidfd->get(), SIGKILL), "end the holder of the namespaces");
        TRY(wait_any(StopSource::never(), Deadline::in(kDying), {{pidfd->get(), POLLIN}}), "wait for process {} to end", *pid);
      }
    }
    if (::unlink(pin.c_str()) != 0 && errno != ENOENT) return fail_errno(errno, "remove {}", pin);
  }
  return {};
}

}  // namespace fulcrum::os
