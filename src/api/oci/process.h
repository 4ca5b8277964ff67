// OCI runtime specification, `process`: what runs inside and as whom.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace fulcrum::oci {

/// `process.consoleSize`, in character cells.
struct Box {
  std::uint32_t height = 0;
  std::uint32_t width = 0;
  friend bool operator==(const Box&, const Box&) = default;
};

/// `process.user`: ids as seen inside the container.
struct User {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::optional<std::uint32_t> umask;
  std::vector<std::uint32_t> additional_gids;
  std::string username;  ///< Windows only; kept, never used
  friend bool operator==(const User&, const User&) = default;
};

/// `process.capabilities`: the five sets, names as "CAP_NET_RAW".
struct Capabilities {
  std::vector<std::string> bounding;
  std::vector<std::string> effective;
  std::vector<std::string> inheritable;
  std::vector<std::string> permitted;
  std::vector<std::string> ambient;
  friend bool operator==(const Capabilities&, const Capabilities&) = default;
};

/// `process.rlimits[]`; `type` as "RLIMIT_NOFILE". The largest 64-bit value means no limit.
struct Rlimit {
  std::string type;
  std::uint64_t hard = 0;
  std::uint64_t soft = 0;
  friend bool operator==(const Rlimit&, const Rlimit&) = default;
};

/// `process.scheduler`: what sched_setattr(2) takes. Times are nanoseconds.
struct Scheduler {
  std::string policy;  ///< "SCHED_OTHER", "SCHED_FIFO", …
  std::int32_t nice = 0;
  std::int32_t priority = 0;
  std::vector<std::string> flags;  ///< "SCHED_FLAG_RESET_ON_FORK", …
  std::uint64_t runtime = 0;
  std::uint64_t deadline = 0;
  std::uint64_t period = 0;
  friend bool operator==(const Scheduler&, const Scheduler&) = default;
};

/// `process.ioPriority`: what ioprio_set(2) takes.
struct IoPriority {
  std::string io_class;  ///< `class`: "IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE"
  std::int32_t priority = 0;
  friend bool operator==(const IoPriority&, const IoPriority&) = default;
};

/// `process.execCPUAffinity`: CPU lists ("0-3,7") for exec: before, and after, the process enters the container's cgroup.
struct CpuAffinity {
  std::string initial;
  std::string final;
  friend bool operator==(const CpuAffinity&, const CpuAffinity&) = default;
};

/// `process`.
struct Process {
  bool terminal = false;
  std::optional<Box> console_size;
  User user;
  std::vector<std::string> args;
  std::string command_line;  ///< Windows only; kept, never used
  std::vector<std::string> env;
  std::string cwd;
  std::optional<Capabilities> capabilities;
  std::vector<Rlimit> rlimits;
  bool no_new_privileges = false;
  std::string apparmor_profile;
  std::optional<std::int32_t> oom_score_adj;
  std::optional<Scheduler> scheduler;
  std::string selinux_label;
  std::optional<IoPriority> io_priority;
  std::optional<CpuAffinity> exec_cpu_affinity;
  friend bool operator==(const Process&, const Process&) = default;
};

}  // namespace fulcrum::oci
