#include "server/native/process_table.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>
#include <optional>

#include "base/sys.h"
#include "base/words.h"

namespace fulcrum::server::native {

namespace {

struct ColumnName {
  Column column;
  std::string_view title, word;
};
constexpr std::array kColumns = {ColumnName{Column::uid, "UID", "uid"},
                                 ColumnName{Column::user, "USER", "user"},
                                 ColumnName{Column::pid, "PID", "pid"},
                                 ColumnName{Column::cpu_share, "%CPU", "pcpu"},
                                 ColumnName{Column::memory_share, "%MEM", "pmem"},
                                 ColumnName{Column::ppid, "PPID", "ppid"},
                                 ColumnName{Column::cpu, "C", "c"},
                                 ColumnName{Column::state, "STAT", "stat"},
                                 ColumnName{Column::start, "STIME", "stime"},
                                 ColumnName{Column::tty, "TTY", "tty"},
                                 ColumnName{Column::time, "TIME", "time"},
                                 ColumnName{Column::rss, "RSS", "rss"},
                                 ColumnName{Column::vsz, "VSZ", "vsz"},
                                 ColumnName{Column::nice, "NI", "ni"},
                                 ColumnName{Column::threads, "NLWP", "nlwp"},
                                 ColumnName{Column::comm, "COMMAND", "comm"},
                                 ColumnName{Column::args, "CMD", "args"}};

/// Fields of /proc/PID/stat behind the command, which may hold anything.
struct Stat {
  std::string comm;
  std::vector<std::string> fields;  // fields[0] is the state (field 3 of proc(5))
  std::int64_t number(std::size_t field) const {
    return field - 3 < fields.size() ? std::strtoll(fields[field - 3].c_str(), nullptr, 10) : 0;
  }
};

std::optional<Stat> read_stat(std::int64_t pid) {
  const auto text = sys::read_file(fmt::format("/proc/{}/stat", pid), 1 << 16);
  if (!text) return std::nullopt;
  const auto open = text->find('(');
  const auto close = text->rfind(')');
  if (open == std::string::npos || close == std::string::npos || close + 2 > text->size()) return std::nullopt;
  return Stat{.comm = text->substr(open + 1, close - open - 1), .fields = split(std::string_view(*text).substr(close + 2), ' ')};
}

std::string clock_text(std::int64_t ticks) {
  const auto seconds = ticks / ::sysconf(_SC_CLK_TCK);
  return fmt::format("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

std::int64_t boot_time() {
  const auto text = sys::read_file("/proc/stat", 1 << 22).value_or("");
  const auto at = text.find("btime ");
  return at == std::string::npos ? 0 : std::strtoll(text.c_str() + at + 6, nullptr, 10);
}

std::string start_text(std::int64_t ticks) {
  const std::time_t started = boot_time() + ticks / ::sysconf(_SC_CLK_TCK);
  const std::time_t now = ::time(nullptr);
  struct tm local{};
  ::localtime_r(&started, &local);
  char text[16];
  ::strftime(text, sizeof text, now - started < 86'400 ? "%H:%M" : "%b%d", &local);
  return text;
}

/// Percent of one CPU over the life of the process, as ps counts.
double cpu_percent(std::int64_t used, std::int64_t started) {
  const auto uptime = std::strtod(sys::read_file("/proc/uptime", 256).value_or("0").c_str(), nullptr);
  const auto alive = static_cast<std::int64_t>(uptime * static_cast<double>(::sysconf(_SC_CLK_TCK))) - started;
  return alive > 0 ? static_cast<double>(used) * 100 / static_cast<double>(alive) : 0;
}

/// Percent of the machine's memory.
std::string memory_text(std::int64_t pages) {
  return fmt::format("{:.1f}", static_cast<double>(pages) * 100 / static_cast<double>(::sysconf(_SC_PHYS_PAGES)));
}

std::string tty_text(std::int64_t device) {
  if (device == 0) return "?";
  const auto number = static_cast<dev_t>(device);
  if (major(number) >= 136 && major(number) <= 143) return fmt::format("pts/{}", minor(number));
  return fmt::format("{}:{}", major(number), minor(number));
}

std::string arguments_text(std::int64_t pid, const std::string& comm) {
  auto text = sys::read_file(fmt::format("/proc/{}/cmdline", pid), 1 << 20).value_or("");
  if (text.empty()) return "[" + comm + "]";
  while (!text.empty() && text.back() == '\0') text.pop_back();
  std::replace(text.begin(), text.end(), '\0', ' ');
  return text;
}

std::string cell(Column column, std::int64_t pid, const Stat& stat, uid_t uid) {
  switch (column) {
    case Column::uid:
    case Column::user: return uid == 0 ? "root" : fmt::format("{}", uid);  // names inside may differ from the host's
    case Column::pid: return fmt::format("{}", pid);
    case Column::ppid: return fmt::format("{}", stat.number(4));
    case Column::cpu: return fmt::format("{:.0f}", std::floor(cpu_percent(stat.number(14) + stat.number(15), stat.number(22))));
    case Column::cpu_share: return fmt::format("{:.1f}", cpu_percent(stat.number(14) + stat.number(15), stat.number(22)));
    case Column::memory_share: return memory_text(stat.number(24));
    case Column::state: return stat.fields.empty() ? "?" : stat.fields.front();
    case Column::start: return start_text(stat.number(22));
    case Column::tty: return tty_text(stat.number(7));
    case Column::time: return clock_text(stat.number(14) + stat.number(15));
    case Column::rss: return fmt::format("{}", stat.number(24) * (::sysconf(_SC_PAGESIZE) / 1024));
    case Column::vsz: return fmt::format("{}", stat.number(23) / 1024);
    case Column::nice: return fmt::format("{}", stat.number(19));
    case Column::threads: return fmt::format("{}", stat.number(20));
    case Column::comm: return stat.comm;
    case Column::args: return arguments_text(pid, stat.comm);
  }
  return {};
}

}  // namespace

Result<std::vector<Column>> parse_ps_arguments(std::string_view arguments) {
  using enum Column;
  if (arguments.empty() || arguments == "-ef") return std::vector{uid, pid, ppid, cpu, start, tty, time, args};
  if (arguments == "aux") return std::vector{user, pid, cpu_share, memory_share, vsz, rss, tty, state, start, time, args};
  const auto words = TRY(split_words(arguments));
  std::string list;
  if (words.size() == 2 && (words[0] == "-o" || words[0] == "-eo")) list = words[1];
  if (words.size() == 1 && words[0].starts_with("-o")) list = words[0].substr(2);
  if (list.empty()) return fail(Code::unimplemented, "args: \"{}\" is not known here; use -ef, aux, or -o with columns", arguments);
  std::vector<Column> columns;
  for (const auto& word : split(list, ',')) {
    const auto it = std::find_if(kColumns.begin(), kColumns.end(),
                                 [&](const auto& c) { return c.word == word || (word == "cmd" && c.word == "args"); });
    if (it == kColumns.end()) return fail(Code::unimplemented, "args: there is no column \"{}\" here", word);
    columns.push_back(it->column);
  }
  return columns;
}

ProcessTable process_table(const std::vector<std::int64_t>& pids, const std::vector<Column>& columns) {
  ProcessTable table;
  for (const auto column : columns)
    table.titles.emplace_back(std::find_if(kColumns.begin(), kColumns.end(), [&](const auto& c) { return c.column == column; })->title);
  for (const auto pid : pids) {
    struct stat owner{};
    const auto stat = read_stat(pid);
    if (!stat || ::stat(fmt::format("/proc/{}", pid).c_str(), &owner) != 0) continue;
    auto& row = table.rows.emplace_back();
    for (const auto column : columns) row.push_back(cell(column, pid, *stat, owner.st_uid));
  }
  return table;
}

}  // namespace fulcrum::server::native
