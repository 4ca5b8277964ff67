// The log files of one workload, in the format of the Kubernetes CRI:
//
//   2024-05-01T10:00:00.000000001Z stdout F a whole line
//   2024-05-01T10:00:00.000000002Z stderr P a part of a line, whose end comes in a later record
//
// Every chunk that was read is written at once: nothing waits in memory for the end of its line. `log` is the newest file, then log.1, …
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/unique_fd.h"

namespace fulcrum::sandbox::shim {

inline constexpr std::size_t kMaxLogPart = 16 << 10;  ///< longest text of one record

enum class Stream : std::uint8_t { output, error };

struct LogOptions {
  std::string directory;             ///< empty: nothing is logged
  std::int64_t max_size = 10 << 20;  ///< of one file; 0: never rotated
  std::uint32_t max_files = 5;       ///< the newest included
};

/// Writes never block and never fail for the caller: what the disk does not take is counted, and the log says so when there is room again.
class LogWriter {
 public:
  [[nodiscard]] static Result<LogWriter> open(LogOptions options);

  /// At most kMaxLogPart bytes.
  void write(Stream stream, std::string_view chunk);
  /// Opens the files by name again (they were moved away).
  void reopen();

  const LogOptions& options() const { return options_; }
  bool enabled() const { return !options_.directory.empty(); }
  /// Grows by one with each rotation: the file with sequence s is called log.(sequence() - s), or log.
  std::uint64_t sequence() const { return sequence_; }
  std::int64_t size() const { return size_; }
  std::uint64_t dropped_bytes() const { return dropped_; }

 private:
  explicit LogWriter(LogOptions options) : options_(std::move(options)) {}
  [[nodiscard]] Result<> open_file();
  void rotate_if_due();
  bool append(std::string_view records);
  std::string stamp();

  LogOptions options_;
  UniqueFd file_;
  std::int64_t size_ = 0;
  std::uint64_t sequence_ = 0;
  std::uint64_t dropped_ = 0;
  std::int64_t last_ns_ = 0;
  bool partial_[2] = {false, false};  // the stream's last record was P
};

/// The path of log file number `back` (0: the newest).
std::string log_path(const std::string& directory, std::uint64_t back);

/// One record taken apart.
struct LogRecord {
  Stream stream = Stream::output;
  bool partial = false;
  std::string_view text;  ///< without the line end
};
/// A line without its '\n'. False when it is no record.
bool parse_log_record(std::string_view line, LogRecord& record);

}  // namespace fulcrum::sandbox::shim
