#include <fcntl.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>

#include "base/sys.h"
#include "runtime/credentials.h"

namespace fulcrum::runtime {
namespace {

// The kernel's headers for these two do not go together with C++ or the C library.
struct sched_attr {
  std::uint32_t size;
  std::uint32_t sched_policy;
  std::uint64_t sched_flags;
  std::int32_t sched_nice;
  std::uint32_t sched_priority;
  std::uint64_t sched_runtime;
  std::uint64_t sched_deadline;
  std::uint64_t sched_period;
  std::uint32_t sched_util_min;
  std::uint32_t sched_util_max;
};
constexpr int kIoPriorityWhoProcess = 1;
constexpr int kIoPriorityClassShift = 13;

template <class T>
struct Named {
  std::string_view name;
  T value;
};

constexpr Named<int> kLimits[] = {
    {"RLIMIT_AS", RLIMIT_AS},           {"RLIMIT_CORE", RLIMIT_CORE},         {"RLIMIT_CPU", RLIMIT_CPU},
    {"RLIMIT_DATA", RLIMIT_DATA},       {"RLIMIT_FSIZE", RLIMIT_FSIZE},       {"RLIMIT_LOCKS", RLIMIT_LOCKS},
    {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK}, {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE}, {"RLIMIT_NICE", RLIMIT_NICE},
    {"RLIMIT_NOFILE", RLIMIT_NOFILE},   {"RLIMIT_NPROC", RLIMIT_NPROC},       {"RLIMIT_RSS", RLIMIT_RSS},
    {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},   {"RLIMIT_RTTIME", RLIMIT_RTTIME},     {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
    {"RLIMIT_STACK", RLIMIT_STACK},
};
constexpr Named<std::uint32_t> kPolicies[] = {{"SCHED_OTHER", 0}, {"SCHED_FIFO", 1}, {"SCHED_RR", 2},      {"SCHED_BATCH", 3},
                                              {"SCHED_ISO", 4},   {"SCHED_IDLE", 5}, {"SCHED_DEADLINE", 6}};
constexpr Named<std::uint64_t> kSchedulerFlags[] = {{"SCHED_FLAG_RESET_ON_FORK", 0x01}, {"SCHED_FLAG_RECLAIM", 0x02},
                                                    {"SCHED_FLAG_DL_OVERRUN", 0x04},    {"SCHED_FLAG_KEEP_POLICY", 0x08},
                                                    {"SCHED_FLAG_KEEP_PARAMS", 0x10},   {"SCHED_FLAG_UTIL_CLAMP_MIN", 0x20},
                                                    {"SCHED_FLAG_UTIL_CLAMP_MAX", 0x40}};
constexpr Named<int> kIoClasses[] = {{"IOPRIO_CLASS_RT", 1}, {"IOPRIO_CLASS_BE", 2}, {"IOPRIO_CLASS_IDLE", 3}};
constexpr Named<int> kMemoryModes[] = {{"MPOL_DEFAULT", MPOL_DEFAULT},       {"MPOL_PREFERRED", MPOL_PREFERRED}, {"MPOL_BIND", MPOL_BIND},
                                       {"MPOL_INTERLEAVE", MPOL_INTERLEAVE}, {"MPOL_LOCAL", MPOL_LOCAL},         {"MPOL_PREFERRED_MANY", 5},
                                       {"MPOL_WEIGHTED_INTERLEAVE", 6}};
constexpr Named<int> kMemoryFlags[] = {
    {"MPOL_F_STATIC_NODES", 1 << 15}, {"MPOL_F_RELATIVE_NODES", 1 << 14}, {"MPOL_F_NUMA_BALANCING", 1 << 13}};
constexpr Named<unsigned long> kDomains[] = {{"LINUX", PER_LINUX}, {"LINUX32", PER_LINUX32}};

template <class T, std::size_t N>
Result<T> value_of(const Named<T> (&table)[N], std::string_view name, std::string_view what) {
  for (const auto& entry : table) {
    if (entry.name == name) return entry.value;
  }
  return fail(Code::invalid_argument, "{} {:?} is unknown", what, name);
}

constexpr unsigned kMaxListed = 1024;

/// Numbers of a list such as "0-3,7", below `kMaxListed`.
Result<std::vector<unsigned>> parse_list(std::string_view text) {
  std::vector<unsigned> numbers;
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    auto item = text.substr(0, comma);
    text.remove_prefix(std::min(comma + 1, text.size()));
    unsigned first = 0;
    auto [end, error] = std::from_chars(item.data(), item.data() + item.size(), first);
    unsigned last = first;
    if (error == std::errc() && end != item.data() + item.size() && *end == '-') {
      std::tie(end, error) = [&] {
        const auto r = std::from_chars(end + 1, item.data() + item.size(), last);
        return std::pair(r.ptr, r.ec);
      }();
    }
    if (error != std::errc() || end != item.data() + item.size() || last < first || last >= kMaxListed) {
      return fail(Code::invalid_argument, "{:?} is not a list of numbers", item);
    }
    for (unsigned n = first; n <= last; ++n) numbers.push_back(n);
  }
  return numbers;
}

}  // namespace

Result<> set_rlimits(pid_t pid, const std::vector<oci::Rlimit>& rlimits) {
  for (const auto& limit : rlimits) {
    const auto resource = TRY(value_of(kLimits, limit.type, "rlimit"));
    const struct rlimit64 value = {limit.soft, limit.hard};
    if (::prlimit64(pid, static_cast<__rlimit_resource>(resource), &value, nullptr) != 0) {
      return fail_errno(errno, "error setting rlimits for {} (soft {}, hard {})", limit.type, limit.soft, limit.hard);
    }
  }
  return {};
}

Result<> set_oom_score(pid_t pid, int score) {
  return sys::write_existing(fmt::format("/proc/{}/oom_score_adj", pid), std::to_string(score));
}

Result<> set_scheduler(const oci::Scheduler& scheduler) {
  struct sched_attr attr = {};
  attr.size = sizeof attr;
  attr.sched_policy = TRY(value_of(kPolicies, scheduler.policy, "scheduler policy"));
  attr.sched_nice = scheduler.nice;
  attr.sched_priority = static_cast<std::uint32_t>(scheduler.priority);
  attr.sched_runtime = scheduler.runtime;
  attr.sched_deadline = scheduler.deadline;
  attr.sched_period = scheduler.period;
  for (const auto& flag : scheduler.flags) attr.sched_flags |= TRY(value_of(kSchedulerFlags, flag, "scheduler flag"));
  if (::syscall(SYS_sched_setattr, 0, &attr, 0) != 0) return fail_errno(errno, "set scheduler {}", scheduler.policy);
  return {};
}

Result<> set_io_priority(const oci::IoPriority& priority) {
  const auto io_class = TRY(value_of(kIoClasses, priority.io_class, "ioPriority class"));
  if (::syscall(SYS_ioprio_set, kIoPriorityWhoProcess, 0, (io_class << kIoPriorityClassShift) | priority.priority) != 0) {
    return fail_errno(errno, "set ioPriority {} {}", priority.io_class, priority.priority);
  }
  return {};
}

Result<> set_personality(const oci::Personality& personality) {
  if (!personality.flags.empty()) return fail(Code::invalid_argument, "personality flag {:?} is unknown", personality.flags[0]);
  const auto domain = TRY(value_of(kDomains, personality.domain, "personality domain"));
  if (::personality(domain) < 0) return fail_errno(errno, "set personality {}", personality.domain);
  return {};
}

Result<> set_memory_policy(const oci::MemoryPolicy& policy) {
  int mode = TRY(value_of(kMemoryModes, policy.mode, "memoryPolicy mode"));
  for (const auto& flag : policy.flags) mode |= TRY(value_of(kMemoryFlags, flag, "memoryPolicy flag"));
  unsigned long nodes[kMaxListed / (8 * sizeof(unsigned long))] = {};
  constexpr unsigned kBits = 8 * sizeof(unsigned long);
  for (const auto node : TRY(parse_list(policy.nodes), "memoryPolicy nodes")) nodes[node / kBits] |= 1UL << (node % kBits);
  const bool any = !policy.nodes.empty();
  if (::syscall(SYS_set_mempolicy, mode, any ? nodes : nullptr, any ? kMaxListed : 0) != 0)
    return fail_errno(errno, "set memoryPolicy {}", policy.mode);
  return {};
}

Result<> set_affinity(pid_t pid, const std::string& cpus) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const auto cpu : TRY(parse_list(cpus), "CPU affinity")) CPU_SET(cpu, &set);
  if (::sched_setaffinity(pid, sizeof set, &set) != 0) return fail_errno(errno, "set CPU affinity {}", cpus);
  return {};
}

}  // namespace fulcrum::runtime
