// Turning the calling process into the one that config.json describes: user, capabilities, priorities, limits.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "api/oci/linux.h"
#include "api/oci/process.h"
#include "base/error.h"

namespace fulcrum::runtime {

/// Sets the limits of a process (0: the caller) that is about to be executed. Before it changes its user: limits of others' processes need
/// CAP_SYS_RESOURCE. In a user namespace the runtime does it, since init has no right to raise limits there.
/// Error: permission_denied naming the limit.
[[nodiscard]] Result<> set_rlimits(pid_t pid, const std::vector<oci::Rlimit>& rlimits);
/// Writes oom_score_adj. Run by the runtime.
[[nodiscard]] Result<> set_oom_score(pid_t pid, int score);

/// scheduler and ioPriority of the calling thread.
[[nodiscard]] Result<> set_scheduler(const oci::Scheduler& scheduler);
[[nodiscard]] Result<> set_io_priority(const oci::IoPriority& priority);
[[nodiscard]] Result<> set_personality(const oci::Personality& personality);
[[nodiscard]] Result<> set_memory_policy(const oci::MemoryPolicy& policy);
/// sched_setaffinity(2) from a list such as "0-3,7".
[[nodiscard]] Result<> set_affinity(pid_t pid, const std::string& cpus);

/// Bounding set, groups, ids, umask, then the other four capability sets, and the working folder, which must lie inside the container.
/// `warning` gets the names of capabilities that cannot be granted here.
[[nodiscard]] Result<> become_user(const oci::Process& process, bool may_set_groups, std::string* warning);

/// HOME as the container's /etc/passwd has it for this user; "/" when it does not say.
std::string home_directory(uid_t uid);
/// Path of a program: as it is when it has a slash, else found in PATH of `env`. Error wording as runc: `exec: "x": executable file not
/// found in $PATH`.
[[nodiscard]] Result<std::string> find_program(const std::string& name, const std::vector<std::string>& env);

}  // namespace fulcrum::runtime
