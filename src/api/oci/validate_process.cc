#include <array>
#include <set>

#include "api/oci/checker.h"

namespace fulcrum::oci {
namespace {

constexpr auto kRlimits = std::to_array<std::string_view>(
    {"RLIMIT_AS", "RLIMIT_CORE", "RLIMIT_CPU", "RLIMIT_DATA", "RLIMIT_FSIZE", "RLIMIT_LOCKS", "RLIMIT_MEMLOCK", "RLIMIT_MSGQUEUE",
     "RLIMIT_NICE", "RLIMIT_NOFILE", "RLIMIT_NPROC", "RLIMIT_RSS", "RLIMIT_RTPRIO", "RLIMIT_RTTIME", "RLIMIT_SIGPENDING", "RLIMIT_STACK"});
constexpr auto kPolicies =
    std::to_array<std::string_view>({"SCHED_OTHER", "SCHED_FIFO", "SCHED_RR", "SCHED_BATCH", "SCHED_ISO", "SCHED_IDLE", "SCHED_DEADLINE"});
constexpr auto kSchedulerFlags =
    std::to_array<std::string_view>({"SCHED_FLAG_RESET_ON_FORK", "SCHED_FLAG_RECLAIM", "SCHED_FLAG_DL_OVERRUN", "SCHED_FLAG_KEEP_POLICY",
                                     "SCHED_FLAG_KEEP_PARAMS", "SCHED_FLAG_UTIL_CLAMP_MIN", "SCHED_FLAG_UTIL_CLAMP_MAX"});
constexpr auto kIoClasses = std::to_array<std::string_view>({"IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE"});

void check_rlimits(Checker& c, const Process& process, const std::string& path) {
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < process.rlimits.size(); ++i) {
    const auto& limit = process.rlimits[i];
    const auto here = at(path + ".rlimits", i);
    c.one_of(here + ".type", limit.type, kRlimits);
    if (!seen.insert(limit.type).second) c.add(here + ".type", "\"{}\" is given twice", limit.type);
    if (limit.soft > limit.hard) c.add(here + ".soft", "{} is more than the hard limit {}", limit.soft, limit.hard);
  }
}

void check_scheduler(Checker& c, const Scheduler& s, const std::string& path) {
  c.one_of(path + ".policy", s.policy, kPolicies);
  for (const auto& flag : s.flags) c.one_of(path + ".flags", flag, kSchedulerFlags);
  if ((s.policy == "SCHED_OTHER" || s.policy == "SCHED_BATCH") && (s.nice < -20 || s.nice > 19)) {
    c.add(path + ".nice", "{} is not in -20..19", s.nice);
  }
  if (s.priority != 0 && s.policy != "SCHED_FIFO" && s.policy != "SCHED_RR") {
    c.add(path + ".priority", "can only be specified for SCHED_FIFO or SCHED_RR");
  }
  if (s.policy != "SCHED_DEADLINE" && (s.runtime != 0 || s.deadline != 0 || s.period != 0)) {
    c.add(path, "runtime, deadline and period can only be specified for SCHED_DEADLINE");
  }
}

}  // namespace

void check_process(Checker& c, const Process& process, const std::string& path) {
  if (process.args.empty()) c.add(path + ".args", "must not be empty");
  for (const auto& text : process.args) c.no_nul(path + ".args", text);
  for (std::size_t i = 0; i < process.env.size(); ++i) {
    const auto& entry = process.env[i];
    c.no_nul(at(path + ".env", i), entry);
    if (entry.find('=') == std::string::npos) c.add(at(path + ".env", i), "\"{}\" has no '='", entry);
  }
  c.absolute(path + ".cwd", process.cwd);
  if (process.user.umask && *process.user.umask > 0777) c.add(path + ".user.umask", "{} is more than 0777", *process.user.umask);
  constexpr std::size_t kMaxGroups = 65536;  // NGROUPS_MAX
  if (process.user.additional_gids.size() > kMaxGroups) c.add(path + ".user.additionalGids", "has more than {} entries", kMaxGroups);
  constexpr std::uint32_t kMaxCells = 65535;  // struct winsize
  if (process.console_size && (process.console_size->height > kMaxCells || process.console_size->width > kMaxCells)) {
    c.add(path + ".consoleSize", "is larger than {}", kMaxCells);
  }
  check_rlimits(c, process, path);
  if (process.oom_score_adj && (*process.oom_score_adj < -1000 || *process.oom_score_adj > 1000)) {
    c.add(path + ".oomScoreAdj", "{} is not in -1000..1000", *process.oom_score_adj);
  }
  c.no_nul(path + ".apparmorProfile", process.apparmor_profile);
  c.no_nul(path + ".selinuxLabel", process.selinux_label);
  if (process.scheduler) check_scheduler(c, *process.scheduler, path + ".scheduler");
  if (process.io_priority) {
    c.one_of(path + ".ioPriority.class", process.io_priority->io_class, kIoClasses);
    const auto priority = process.io_priority->priority;
    if (priority < 0 || priority > 7) c.add(path + ".ioPriority.priority", "{} is not in 0..7", priority);
  }
  if (process.exec_cpu_affinity) {
    const auto& affinity = *process.exec_cpu_affinity;
    if (!affinity.initial.empty() && !valid_number_list(affinity.initial)) c.add(path + ".execCPUAffinity.initial", "is not a CPU list");
    if (!affinity.final.empty() && !valid_number_list(affinity.final)) c.add(path + ".execCPUAffinity.final", "is not a CPU list");
  }
}

}  // namespace fulcrum::oci
