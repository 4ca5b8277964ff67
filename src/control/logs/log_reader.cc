#include "control/logs/log_reader.h"

#include <sys/inotify.h>

#include <algorithm>

#include "base/sys.h"

namespace fulcrum::control {

namespace {

constexpr std::size_t kChunk = 64 << 10;

struct LogFile {
  std::uint64_t back = 0;  // 0: the newest
  std::string name;
};

std::vector<LogFile> list_files(const std::string& directory) {
  std::vector<LogFile> files;
  for (const auto& name : sys::list_directory(directory).value_or(std::vector<std::string>{})) {
    if (name == "log") files.push_back({0, name});
    if (name.starts_with("log.") && name.size() < 12 && name.find_first_not_of("0123456789", 4) == std::string::npos && name.size() > 4)
      files.push_back({std::strtoull(name.c_str() + 4, nullptr, 10), name});
  }
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.back > b.back; });
  return files;
}

/// Looks for the start of the last `*wanted` whole lines of a file, reading backwards. Returns the offset; *wanted is what is still
/// missing.
Result<std::int64_t> tail_offset(int fd, const LogSelection& selection, std::uint64_t* wanted) {
  struct stat info{};
  if (::fstat(fd, &info) != 0) return fail_errno(errno, "stat of a log file");
  std::int64_t end = info.st_size;
  std::string rest;  // the beginning of a record whose end was in the chunk after this one
  std::int64_t offset = end;
  while (end > 0) {
    const auto begin = std::max<std::int64_t>(0, end - static_cast<std::int64_t>(kChunk));
    std::string chunk(static_cast<std::size_t>(end - begin), '\0');
    if (::pread(fd, chunk.data(), chunk.size(), begin) != static_cast<ssize_t>(chunk.size())) return fail_errno(errno, "read a log file");
    chunk += rest;
    std::size_t stop = chunk.size();
    while (stop > 0) {
      const auto line_end = chunk[stop - 1] == '\n' ? stop - 1 : stop;
      const auto before = line_end == 0 ? std::string::npos : chunk.rfind('\n', line_end - 1);
      if (before == std::string::npos && begin > 0) break;  // its beginning is further up
      const auto first = before == std::string::npos ? 0 : before + 1;
      const auto record = parse_log_record(std::string_view(chunk).substr(first, line_end - first));
      const bool counts = record && !record->partial && (record->error_output ? selection.error_output : selection.output);
      if (counts) {
        if (*wanted == 0) return offset;
        --*wanted;
      }
      offset = begin + static_cast<std::int64_t>(first);
      stop = first;
    }
    rest = chunk.substr(0, stop);
    if (rest.size() > LogReader::kMaxRecord) rest.clear();
    end = begin;
  }
  return 0;
}

}  // namespace

std::optional<LogRecord> parse_log_record(std::string_view line) {
  const auto space = line.find(' ');
  if (space == std::string_view::npos || space > 40 || line.size() < space + 10) return std::nullopt;
  const auto time = parse_time(line.substr(0, space));
  if (!time) return std::nullopt;
  LogRecord record{.time = *time};
  const auto stream = line.substr(space + 1, 7);
  if (stream == "stderr ") {
    record.error_output = true;
  } else if (stream != "stdout ") {
    return std::nullopt;
  }
  const auto tag = line.substr(space + 8, 2);
  if (tag != "F " && tag != "P ") return std::nullopt;
  record.partial = tag[0] == 'P';
  record.text = line.substr(space + 10);
  return record;
}

Result<LogReader> LogReader::open(std::string directory, const LogSelection& selection) {
  LogReader reader(std::move(directory), selection);
  TRY(reader.watch());
  TRY(reader.position());
  return reader;
}

Result<> LogReader::watch() {
  if (!inotify_.valid()) inotify_ = UniqueFd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!inotify_.valid()) return fail_errno(errno, "inotify");
  if (watched_ || !sys::exists(directory_)) return {};
  if (::inotify_add_watch(inotify_.get(), directory_.c_str(), IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0)
    return fail_errno(errno, "watch {}", directory_);
  watched_ = true;
  return {};
}

Result<> LogReader::position() {
  std::deque<UniqueFd> files;
  for (const auto& entry : list_files(directory_)) {
    auto fd = sys::open(directory_ + "/" + entry.name, O_RDONLY | O_NOFOLLOW);
    if (fd) files.push_back(std::move(*fd));
  }
  std::int64_t offset = 0;
  if (selection_.tail) {
    std::uint64_t wanted = *selection_.tail;
    std::size_t first = files.size();
    while (first > 0) {
      --first;
      offset = TRY(tail_offset(files[first].get(), selection_, &wanted));
      if (wanted == 0) break;
    }
    files.erase(files.begin(), files.begin() + static_cast<std::ptrdiff_t>(first));
  }
  newer_ = std::move(files);
  if (newer_.empty()) return {};
  file_ = std::move(newer_.front());
  newer_.pop_front();
  if (::lseek(file_.get(), offset, SEEK_SET) < 0) return fail_errno(errno, "seek in a log file");
  return {};
}

/// Goes on to the next newer file, when there is one.
Result<bool> LogReader::next_file() {
  if (!newer_.empty()) {
    file_ = std::move(newer_.front());
    newer_.pop_front();
    return true;
  }
  struct stat mine{};
  if (file_.valid() && ::fstat(file_.get(), &mine) != 0) return fail_errno(errno, "stat of a log file");
  // Rotation moves log to log.1: the file after ours is the one before which ours stands now.
  const auto files = list_files(directory_);
  for (std::size_t i = 0; i < files.size(); ++i) {
    auto fd = sys::open(directory_ + "/" + files[i].name, O_RDONLY | O_NOFOLLOW);
    struct stat info{};
    if (!fd || ::fstat(fd->get(), &info) != 0) continue;
    if (!file_.valid()) {
      file_ = std::move(*fd);
      return true;
    }
    if (info.st_ino != mine.st_ino || info.st_dev != mine.st_dev) continue;
    if (i + 1 >= files.size()) return false;
    auto next = sys::open(directory_ + "/" + files[i + 1].name, O_RDONLY | O_NOFOLLOW);
    if (!next) return false;  // being rotated this moment: the next look finds it
    // Nothing is written to a file once it was moved away: what came before the move is read first.
    if (::fstat(file_.get(), &mine) == 0 && mine.st_size > ::lseek(file_.get(), 0, SEEK_CUR)) return true;
    file_ = std::move(*next);
    buffer_.clear();
    return true;
  }
  if (files.empty()) return false;
  auto oldest = sys::open(directory_ + "/" + files.front().name, O_RDONLY | O_NOFOLLOW);  // ours was rotated away altogether
  if (!oldest) return false;
  file_ = std::move(*oldest);
  return true;
}

Result<std::optional<std::string_view>> LogReader::line() {
  for (;;) {
    if (const auto end = buffer_.find('\n', used_); end != std::string::npos) {
      const auto text = std::string_view(buffer_).substr(used_, end - used_);
      used_ = end + 1;
      return text;
    }
    buffer_.erase(0, used_);
    used_ = 0;
    if (buffer_.size() > kMaxRecord) buffer_.clear();  // no record is that long
    ssize_t got = 0;
    if (file_.valid()) {
      const auto have = buffer_.size();
      buffer_.resize(have + kChunk);
      got = ::read(file_.get(), buffer_.data() + have, kChunk);
      buffer_.resize(have + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
      if (got < 0) return fail_errno(errno, "read a log file");
    }
    if (got > 0) continue;
    if (!TRY(next_file())) return std::optional<std::string_view>();
  }
}

Result<std::optional<LogRecord>> LogReader::next() {
  while (!past_until_) {
    const auto text = TRY(line());
    if (!text) return std::optional<LogRecord>();
    const auto record = parse_log_record(*text);
    if (!record || !(record->error_output ? selection_.error_output : selection_.output)) continue;
    if (selection_.since && record->time < *selection_.since) continue;
    if (selection_.until && record->time > *selection_.until) {
      past_until_ = true;
      break;
    }
    return record;
  }
  return std::optional<LogRecord>();
}

Result<> LogReader::changed() {
  char buffer[4096];
  while (::read(inotify_.get(), buffer, sizeof buffer) > 0) {
  }
  return watch();
}

}  // namespace fulcrum::control
