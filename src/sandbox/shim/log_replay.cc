#include "sandbox/shim/log_replay.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "base/sys.h"

namespace fulcrum::sandbox::shim {

// A sequence may have gone below zero for files that an earlier run left: unsigned arithmetic wraps, differences stay right.
LogReplay::LogReplay(const LogWriter& log) : sequence_(log.sequence()) {
  if (!log.enabled()) return;
  for (std::uint64_t back = 1; back < log.options().max_files; ++back) {
    if (!sys::exists(log_path(log.options().directory, back))) break;
    sequence_ = log.sequence() - back;
  }
}

bool LogReplay::fill(const LogWriter& log) {
  if (!log.enabled()) return false;
  used_ = 0;
  for (;;) {
    const auto back = log.sequence() - sequence_;
    buffer_.clear();
    if (back < log.options().max_files) {
      if (const auto file = sys::open(log_path(log.options().directory, back), O_RDONLY | O_NOFOLLOW)) {
        buffer_.resize(kMaxLogPart + 4096);
        const auto n = ::pread(file->get(), buffer_.data(), buffer_.size(), offset_);
        buffer_.resize(static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
      }
    }
    if (buffer_.find('\n') != std::string::npos) return true;
    if (back == 0) return false;
    ++sequence_;
    offset_ = 0;
  }
}

}  // namespace fulcrum::sandbox::shim
