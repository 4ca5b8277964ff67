// How `process` travels.
#pragma once

#include "api/oci/process.h"
#include "schema/schema.h"

namespace fulcrum::schema {

template <>
struct Schema<oci::Box> {
  static constexpr std::string_view name = "Box";
  static constexpr std::string_view doc = "A size in character cells.";
  static constexpr auto fields = std::tuple{
      always("height", &oci::Box::height, "Rows."),
      always("width", &oci::Box::width, "Columns."),
  };
};

template <>
struct Schema<oci::User> {
  static constexpr std::string_view name = "User";
  static constexpr std::string_view doc = "Whom the process runs as.";
  static constexpr auto fields = std::tuple{
      always("uid", &oci::User::uid, "User ID in the container."),
      always("gid", &oci::User::gid, "Group ID in the container."),
      optional("umask", &oci::User::umask, "File mode creation mask."),
      optional("additionalGids", &oci::User::additional_gids, "Supplementary groups."),
      optional("username", &oci::User::username, "Windows only."),
  };
};

template <>
struct Schema<oci::Capabilities> {
  static constexpr std::string_view name = "Capabilities";
  static constexpr std::string_view doc = "The five capability sets.";
  static constexpr auto fields = std::tuple{
      optional("bounding", &oci::Capabilities::bounding, "Bounding set."),
      optional("effective", &oci::Capabilities::effective, "Effective set."),
      optional("inheritable", &oci::Capabilities::inheritable, "Inheritable set."),
      optional("permitted", &oci::Capabilities::permitted, "Permitted set."),
      optional("ambient", &oci::Capabilities::ambient, "Ambient set."),
  };
};

template <>
struct Schema<oci::Rlimit> {
  static constexpr std::string_view name = "Rlimit";
  static constexpr std::string_view doc = "One resource limit of setrlimit(2).";
  static constexpr auto fields = std::tuple{
      required("type", &oci::Rlimit::type, "RLIMIT_NOFILE and so on."),
      always("hard", &oci::Rlimit::hard, "Ceiling."),
      always("soft", &oci::Rlimit::soft, "Value enforced."),
  };
};

template <>
struct Schema<oci::Scheduler> {
  static constexpr std::string_view name = "Scheduler";
  static constexpr std::string_view doc = "Attributes of sched_setattr(2).";
  static constexpr auto fields = std::tuple{
      required("policy", &oci::Scheduler::policy, "SCHED_OTHER, SCHED_FIFO and so on."),
      optional("nice", &oci::Scheduler::nice, "Nice value."),
      optional("priority", &oci::Scheduler::priority, "Static priority."),
      optional("flags", &oci::Scheduler::flags, "SCHED_FLAG_*."),
      optional("runtime", &oci::Scheduler::runtime, "Deadline policy: nanoseconds of run time in a period."),
      optional("deadline", &oci::Scheduler::deadline, "Deadline policy: nanoseconds."),
      optional("period", &oci::Scheduler::period, "Deadline policy: nanoseconds."),
  };
};

template <>
struct Schema<oci::IoPriority> {
  static constexpr std::string_view name = "IoPriority";
  static constexpr std::string_view doc = "I/O scheduling class and priority.";
  static constexpr auto fields = std::tuple{
      required("class", &oci::IoPriority::io_class, "IOPRIO_CLASS_RT, IOPRIO_CLASS_BE or IOPRIO_CLASS_IDLE."),
      always("priority", &oci::IoPriority::priority, "0-7."),
  };
};

template <>
struct Schema<oci::CpuAffinity> {
  static constexpr std::string_view name = "CpuAffinity";
  static constexpr std::string_view doc = "CPU lists of an exec process.";
  static constexpr auto fields = std::tuple{
      optional("initial", &oci::CpuAffinity::initial, "Before it enters the cgroup."),
      optional("final", &oci::CpuAffinity::final, "After it entered the cgroup."),
  };
};

template <>
struct Schema<oci::Process> {
  static constexpr std::string_view name = "Process";
  static constexpr std::string_view doc = "The container's process.";
  static constexpr auto fields = std::tuple{
      optional("terminal", &oci::Process::terminal, "Attach a terminal."),
      optional("consoleSize", &oci::Process::console_size, "Size of the terminal."),
      always("user", &oci::Process::user, "Whom it runs as."),
      optional("args", &oci::Process::args, "Program and arguments."),
      optional("commandLine", &oci::Process::command_line, "Windows only."),
      optional("env", &oci::Process::env, "NAME=value pairs."),
      always("cwd", &oci::Process::cwd, "Absolute working directory."),
      optional("capabilities", &oci::Process::capabilities, "Capability sets."),
      optional("rlimits", &oci::Process::rlimits, "Resource limits."),
      optional("noNewPrivileges", &oci::Process::no_new_privileges, "Set no_new_privs."),
      optional("apparmorProfile", &oci::Process::apparmor_profile, "AppArmor profile."),
      optional("oomScoreAdj", &oci::Process::oom_score_adj, "OOM score adjustment."),
      optional("scheduler", &oci::Process::scheduler, "CPU scheduler."),
      optional("selinuxLabel", &oci::Process::selinux_label, "SELinux context."),
      optional("ioPriority", &oci::Process::io_priority, "I/O priority."),
      optional("execCPUAffinity", &oci::Process::exec_cpu_affinity, "CPU affinity of exec."),
  };
};

}  // namespace fulcrum::schema
