// Reads a workload's log files (the CRI's format, rotated: log, log.1, …), backwards to find the last lines, then forwards, and goes on as
// they grow.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "base/units.h"

namespace fulcrum::control {

/// One record, taken apart.
struct LogRecord {
  Time time{};
  bool error_output = false;
  bool partial = false;  ///< the line goes on in the next record
  std::string_view text;
};
/// "2024-05-01T10:00:00.000000001Z stdout F text" without the line feed. Nothing when it is no record.
std::optional<LogRecord> parse_log_record(std::string_view line);

struct LogSelection {
  std::optional<Time> since, until;
  std::optional<std::uint64_t> tail;  ///< whole lines from the end; unset: all
  bool output = true;
  bool error_output = true;
};

/// Follows rotation by holding the file that it reads: when `log` is another file, it reads the rest of its own, then opens the next
/// newer one.
class LogReader {
 public:
  static constexpr std::size_t kMaxRecord = 256 << 10;

  /// `directory` need not exist: then there is no output yet.
  [[nodiscard]] static Result<LogReader> open(std::string directory, const LogSelection& selection);
  LogReader(LogReader&&) noexcept = default;
  LogReader& operator=(LogReader&&) noexcept = default;

  /// The next record that the selection wants, or nothing: the end for now. The text is valid until the next call.
  [[nodiscard]] Result<std::optional<LogRecord>> next();
  /// True when a record later than `until` was met: nothing more will come.
  bool past_until() const { return past_until_; }
  /// An inotify descriptor that is readable when there may be more.
  int fd() const { return inotify_.get(); }
  /// Call when fd() was readable, and when the workload changed: a folder that came meanwhile is watched from now on.
  [[nodiscard]] Result<> changed();

 private:
  LogReader(std::string directory, const LogSelection& selection) : directory_(std::move(directory)), selection_(selection) {}
  Result<> position();
  Result<std::optional<std::string_view>> line();
  Result<bool> next_file();
  Result<> watch();

  std::string directory_;
  LogSelection selection_;
  UniqueFd inotify_;
  UniqueFd file_;               ///< being read; invalid: none yet
  std::deque<UniqueFd> newer_;  ///< to be read after it, oldest first; found at the start
  std::string buffer_;
  std::size_t used_ = 0;
  bool past_until_ = false;
  bool watched_ = false;
};

}  // namespace fulcrum::control
