#include "sandbox/shim/log_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "base/sys.h"
#include "base/units.h"

namespace fulcrum::sandbox::shim {
namespace {

// A line that never ends may hold rotation back by this much.
constexpr std::int64_t kRotationSlack = 64 << 10;
// Records are written together up to this size, which bounds the memory that a chunk of empty lines takes.
constexpr std::size_t kBatch = 24 << 10;

}  // namespace

std::string log_path(const std::string& directory, std::uint64_t back) {
  return back == 0 ? directory + "/log" : fmt::format("{}/log.{}", directory, back);
}

bool parse_log_record(std::string_view line, LogRecord& record) {
  const auto blank = line.find(' ');
  if (blank == std::string_view::npos) return false;
  line.remove_prefix(blank + 1);
  if (line.size() < 9 || line[6] != ' ' || line[8] != ' ' || (line[7] != 'F' && line[7] != 'P')) return false;
  const auto stream = line.substr(0, 6);
  if (stream != "stdout" && stream != "stderr") return false;
  record = {.stream = stream == "stdout" ? Stream::output : Stream::error, .partial = line[7] == 'P', .text = line.substr(9)};
  return true;
}

Result<LogWriter> LogWriter::open(LogOptions options) {
  options.max_files = std::max<std::uint32_t>(options.max_files, 1);
  LogWriter writer(std::move(options));
  if (writer.enabled()) TRY(writer.open_file());
  return writer;
}

Result<> LogWriter::open_file() {
  file_ = TRY(sys::open(log_path(options_.directory, 0), O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0640));
  struct stat st;
  size_ = ::fstat(file_.get(), &st) == 0 ? st.st_size : 0;
  return {};
}

void LogWriter::reopen() {
  if (enabled()) (void)open_file();  // on failure the old file goes on
}

std::string LogWriter::stamp() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  last_ns_ = std::max<std::int64_t>(last_ns_, std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
  return format_time(Time{std::chrono::nanoseconds(last_ns_)});
}

bool LogWriter::append(std::string_view records) {
  while (!records.empty()) {
    const auto n = ::write(file_.get(), records.data(), records.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      (void)!::ftruncate(file_.get(), size_);  // no torn record stays
      return false;
    }
    records.remove_prefix(static_cast<std::size_t>(n));
    if (records.empty()) break;
  }
  return true;
}

void LogWriter::write(Stream stream, std::string_view chunk) {
  if (!enabled() || chunk.empty()) return;
  const auto now = stamp();
  const std::string_view name = stream == Stream::output ? "stdout" : "stderr";
  std::string records;
  if (dropped_ > 0)
    records = fmt::format("{} stderr F [fulcrum: {} bytes of this log were lost: it could not be written]\n", now, dropped_);
  bool partial = false;
  auto lost = chunk.size();  // not written so far
  const auto flush = [&](std::size_t left) {
    if (!append(records)) return false;
    size_ += static_cast<std::int64_t>(records.size());
    dropped_ = 0;
    lost = left;
    records.clear();
    partial_[static_cast<std::size_t>(stream)] = partial;
    rotate_if_due();
    return true;
  };
  for (auto rest = chunk; !rest.empty();) {
    const auto end = rest.find('\n');
    partial = end == std::string_view::npos;
    records += now;
    records += ' ';
    records += name;
    records += partial ? " P " : " F ";
    records += rest.substr(0, end);
    records += '\n';
    rest.remove_prefix(partial ? rest.size() : end + 1);
    if ((records.size() >= kBatch || rest.empty()) && !flush(rest.size())) break;
  }
  dropped_ += lost;
}

void LogWriter::rotate_if_due() {
  if (options_.max_size <= 0 || size_ < options_.max_size) return;
  if ((partial_[0] || partial_[1]) && size_ < options_.max_size + kRotationSlack) return;
  if (options_.max_files == 1) {
    if (::ftruncate(file_.get(), 0) == 0) {
      size_ = 0;
      ++sequence_;
    }
    return;
  }
  for (auto back = options_.max_files - 1; back > 0; --back) {
    ::rename(log_path(options_.directory, back - 1).c_str(), log_path(options_.directory, back).c_str());
  }
  if (open_file()) ++sequence_;
}

}  // namespace fulcrum::sandbox::shim
