// What `ps` would say of some processes, read from /proc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace fulcrum::server::native {

enum class Column { uid, user, pid, ppid, cpu, cpu_share, memory_share, state, start, tty, time, rss, vsz, nice, threads, comm, args };

/// "" and "-ef": UID PID PPID C STIME TTY TIME CMD; "aux": USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND; "-o pid,comm,…" as it
/// says. Errors: unimplemented for anything else, naming it.
[[nodiscard]] Result<std::vector<Column>> parse_ps_arguments(std::string_view arguments);

struct ProcessTable {
  std::vector<std::string> titles;
  std::vector<std::vector<std::string>> rows;
};
/// Processes that end meanwhile are left out.
ProcessTable process_table(const std::vector<std::int64_t>& pids, const std::vector<Column>& columns);

}  // namespace fulcrum::server::native
