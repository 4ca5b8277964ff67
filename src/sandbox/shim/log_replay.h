// What was logged so far, handed out piece by piece.
#pragma once

#include <cstdint>
#include <string>

#include "sandbox/shim/log_writer.h"

namespace fulcrum::sandbox::shim {

/// A position in the log files that follows rotation: no file stays open, nothing is remembered but two numbers.
class LogReplay {
 public:
  /// From the oldest file on.
  explicit LogReplay(const LogWriter& log);

  /// Calls `take(stream, bytes)` for the next records, about 16 KiB of them. False when everything written so far was handed out.
  template <class Take>
  bool step(const LogWriter& log, Take take) {
    if (!fill(log)) return false;
    for (std::size_t end; (end = buffer_.find('\n', used_)) != std::string::npos; used_ = end + 1) {
      LogRecord record;
      if (!parse_log_record(std::string_view(buffer_).substr(used_, end - used_), record)) continue;
      take(record.stream, record.partial
                              ? record.text
                              : std::string_view(buffer_).substr(used_, end - used_ + 1).substr(end - used_ - record.text.size()));
    }
    offset_ += static_cast<std::int64_t>(used_);
    return true;
  }

 private:
  bool fill(const LogWriter& log);
  std::uint64_t sequence_;
  std::int64_t offset_ = 0;
  std::string buffer_;
  std::size_t used_ = 0;
};

}  // namespace fulcrum::sandbox::shim
