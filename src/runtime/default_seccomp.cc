#include "runtime/default_seccomp.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

namespace fulcrum::runtime {
namespace {

// What ordinary programs use, on any architecture: names that an architecture lacks mean nothing there. Not among them: what changes
// the machine (mount, modules, clock, reboot), what looks into other users' processes without ptrace's own checks, io_uring (filters do
// not see what it does), keyrings (not namespaced), and calls with a record of holes (userfaultfd, bpf, perf_event_open).
constexpr std::string_view kAlways =
    "_llseek _newselect accept accept4 access adjtimex alarm bind brk cachestat capget capset chdir chmod chown chown32 "
    "clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep "
    "clock_nanosleep_time64 close close_range connect copy_file_range creat dup dup2 dup3 epoll_create epoll_create1 "
    "epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2 execve execveat exit "
    "exit_group faccessat faccessat2 fadvise64 fadvise64_64 fallocate fanotify_mark fchdir fchmod fchmodat fchmodat2 fchown "
    "fchown32 fchownat fcntl fcntl64 fdatasync fgetxattr flistxattr flock fork fremovexattr fsetxattr fstat fstat64 fstatat64 "
    "fstatfs fstatfs64 fsync ftruncate ftruncate64 futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake "
    "futimesat get_robust_list get_thread_area getcpu getcwd getdents getdents64 getegid getegid32 geteuid geteuid32 getgid "
    "getgid32 getgroups getgroups32 getitimer getpeername getpgid getpgrp getpid getppid getpriority getrandom getresgid "
    "getresgid32 getresuid getresuid32 getrlimit getrusage getsid getsockname getsockopt gettid gettimeofday getuid getuid32 "
    "getxattr getxattrat inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel io_destroy io_getevents "
    "io_pgetevents io_pgetevents_time64 io_setup io_submit ioctl ioprio_get ioprio_set ipc kill landlock_add_rule "
    "landlock_create_ruleset landlock_restrict_self lchown lchown32 lgetxattr link linkat listen listmount listxattr "
    "listxattrat llistxattr lremovexattr lseek lsetxattr lstat lstat64 madvise map_shadow_stack membarrier memfd_create "
    "memfd_secret mincore mkdir mkdirat mknod mknodat mlock mlock2 mlockall mmap mmap2 mprotect mq_getsetattr mq_notify "
    "mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink mremap mseal msgctl msgget "
    "msgrcv msgsnd msync munlock munlockall munmap name_to_handle_at nanosleep newfstatat open openat openat2 pause "
    "pidfd_open pidfd_send_signal pipe pipe2 pkey_alloc pkey_free pkey_mprotect poll ppoll ppoll_time64 prctl pread64 preadv "
    "preadv2 prlimit64 process_mrelease process_vm_readv process_vm_writev pselect6 pselect6_time64 ptrace pwrite64 pwritev "
    "pwritev2 read readahead readlink readlinkat readv recv recvfrom recvmmsg recvmmsg_time64 recvmsg remap_file_pages "
    "removexattr removexattrat rename renameat renameat2 restart_syscall riscv_hwprobe rmdir rseq rt_sigaction rt_sigpending "
    "rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo "
    "sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr sched_getparam sched_getscheduler "
    "sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam sched_setscheduler "
    "sched_yield seccomp select semctl semget semop semtimedop semtimedop_time64 send sendfile sendfile64 sendmmsg sendmsg "
    "sendto set_robust_list set_thread_area set_tid_address setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups "
    "setgroups32 setitimer setpgid setpriority setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid "
    "setreuid32 setrlimit setsid setsockopt setuid setuid32 setxattr setxattrat shmat shmctl shmdt shmget shutdown "
    "sigaltstack signalfd signalfd4 sigprocmask sigreturn socketcall socketpair splice stat stat64 statfs statfs64 statmount "
    "statx symlink symlinkat sync sync_file_range syncfs sysinfo tee tgkill time timer_create timer_delete timer_getoverrun "
    "timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64 "
    "timerfd_settime timerfd_settime64 times tkill truncate truncate64 ugetrlimit umask uname unlink unlinkat uretprobe utime "
    "utimensat utimensat_time64 utimes vfork vmsplice wait4 waitid waitpid write writev ";

#if defined(__x86_64__)
constexpr std::string_view kNative = "arch_prctl modify_ldt";
constexpr std::array<std::string_view, 3> kArchitectures{"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"};
#elif defined(__aarch64__)
constexpr std::string_view kNative = "arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls";
constexpr std::array<std::string_view, 2> kArchitectures{"SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"};
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
constexpr std::string_view kNative = "sync_file_range2 swapcontext";
constexpr std::array<std::string_view, 1> kArchitectures{"SCMP_ARCH_PPC64LE"};
#elif defined(__s390x__)
constexpr std::string_view kNative = "s390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr";
constexpr std::array<std::string_view, 2> kArchitectures{"SCMP_ARCH_S390X", "SCMP_ARCH_S390"};
#elif defined(__riscv) && __riscv_xlen == 64
constexpr std::string_view kNative = "riscv_flush_icache";
constexpr std::array<std::string_view, 1> kArchitectures{"SCMP_ARCH_RISCV64"};
#else
#error "the default seccomp profile does not know this architecture"
#endif

#if defined(__s390x__)
constexpr std::uint32_t kCloneFlags = 1;  // the argument that holds them
#else
constexpr std::uint32_t kCloneFlags = 0;
#endif

struct ByCapability {
  std::string_view capability;
  std::string_view calls;
};
/// A capability would be worth nothing without the calls that it is for.
constexpr auto kByCapability = std::to_array<ByCapability>({
    {"CAP_DAC_READ_SEARCH", "open_by_handle_at"},
    {"CAP_SYS_ADMIN",
     "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie lsm_get_self_attr "
     "lsm_list_modules lsm_set_self_attr mount mount_setattr move_mount open_tree perf_event_open quotactl "
     "quotactl_fd setdomainname sethostname setns syslog umount umount2 unshare"},
    {"CAP_SYS_BOOT", "reboot"},
    {"CAP_SYS_CHROOT", "chroot"},
    {"CAP_SYS_MODULE", "delete_module init_module finit_module"},
    {"CAP_SYS_PACCT", "acct"},
    {"CAP_SYS_PTRACE", "kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace"},
    {"CAP_SYS_RAWIO", "iopl ioperm"},
    {"CAP_SYS_TIME", "settimeofday stime clock_settime clock_settime64"},
    {"CAP_SYS_TTY_CONFIG", "vhangup"},
    {"CAP_SYS_NICE", "get_mempolicy mbind set_mempolicy set_mempolicy_home_node"},
    {"CAP_SYSLOG", "syslog"},
    {"CAP_BPF", "bpf"},
    {"CAP_PERFMON", "perf_event_open"},
});

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> out;
  while (true) {
    const auto start = text.find_first_not_of(' ');
    if (start == std::string_view::npos) return out;
    text.remove_prefix(start);
    const auto end = std::min(text.find(' '), text.size());
    out.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

constexpr std::string_view kAllow = "SCMP_ACT_ALLOW";

void allow(oci::Seccomp& profile, std::string_view calls, std::vector<oci::SeccompArg> args = {}) {
  profile.syscalls.push_back({.names = words(calls), .action = std::string(kAllow), .errno_ret = std::nullopt, .args = std::move(args)});
}

oci::SeccompArg compare(std::uint32_t index, std::string_view op, std::uint64_t value) {
  return {.index = index, .value = value, .value_two = 0, .op = std::string(op)};
}

void allow_sockets(oci::Seccomp& profile) {
  // All families but AF_ALG (38; kernel crypto with a record of holes) and AF_VSOCK (40; would reach the hypervisor).
  allow(profile, "socket", {compare(0, "SCMP_CMP_LT", 38)});
  allow(profile, "socket", {compare(0, "SCMP_CMP_EQ", 39)});
  allow(profile, "socket", {compare(0, "SCMP_CMP_GT", 40)});
}

void allow_personalities(oci::Seccomp& profile) {
  // PER_LINUX, PER_LINUX32, UNAME26, both, and the question which one is in force.
  for (const std::uint64_t persona : {0x0ULL, 0x8ULL, 0x20000ULL, 0x20008ULL, 0xffffffffULL}) {
    allow(profile, "personality", {compare(0, "SCMP_CMP_EQ", persona)});
  }
}

}  // namespace

oci::Seccomp default_seccomp(std::span<const std::string> capabilities) {
  const auto has = [&](std::string_view name) { return std::find(capabilities.begin(), capabilities.end(), name) != capabilities.end(); };
  oci::Seccomp profile{.default_action = "SCMP_ACT_ERRNO", .default_errno_ret = static_cast<std::uint32_t>(EPERM)};
  for (const auto name : kArchitectures) profile.architectures.emplace_back(name);
  allow(profile, kAlways);
  allow(profile, kNative);
  allow_sockets(profile);
  allow_personalities(profile);
  for (const auto& [capability, calls] : kByCapability) {
    if (has(capability)) allow(profile, calls);
  }
  if (!has("CAP_SYS_ADMIN")) {
    // Threads and processes, but no new namespaces. The flags of clone3 lie in memory where no filter sees them: ENOSYS makes programs
    // use clone instead.
    constexpr std::uint64_t kNamespaceFlags = 0x7e020000;
    allow(profile, "clone", {compare(kCloneFlags, "SCMP_CMP_MASKED_EQ", kNamespaceFlags)});
    profile.syscalls.push_back(
        {.names = {"clone3"}, .action = "SCMP_ACT_ERRNO", .errno_ret = static_cast<std::uint32_t>(ENOSYS), .args = {}});
  }
  return profile;
}

}  // namespace fulcrum::runtime
