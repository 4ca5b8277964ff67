#include "sandbox/shim/log_writer.h"

#include <sys/resource.h>

#include <csignal>

#include "base/sys.h"
#include "base/testing.h"
#include "base/units.h"
#include "base/words.h"
#include "sandbox/shim/log_replay.h"

namespace fulcrum::sandbox::shim {
namespace {

using fulcrum::testing::TemporaryDirectory;

struct Line {
  Time time;
  LogRecord record;
  std::string text;
};

std::vector<Line> read_log(const std::string& path) {
  std::vector<Line> lines;
  const auto file = sys::read_file(path);
  if (!file) return lines;
  for (const auto& text : split(*file, '\n')) {
    if (text.empty()) continue;
    LogRecord record;
    EXPECT_TRUE(parse_log_record(text, record)) << text;
    const auto time = parse_time(text.substr(0, text.find(' ')));
    EXPECT_THAT(time, fulcrum::testing::IsOk());
    lines.push_back({time.value_or(Time{}), record, std::string(record.text)});
  }
  return lines;
}

TEST(LogWriter, WritesWholeLinesAndParts) {
  TemporaryDirectory folder;
  auto log = LogWriter::open({.directory = folder.path()});
  ASSERT_OK(log);
  log->write(Stream::output, "one\ntwo\n\npart");
  log->write(Stream::error, "oops\n");
  log->write(Stream::output, "ial\n");
  const auto lines = read_log(folder / "log");
  ASSERT_EQ(lines.size(), 6U);
  EXPECT_EQ(lines[0].text, "one");
  EXPECT_EQ(lines[2].text, "");
  EXPECT_FALSE(lines[2].record.partial);
  EXPECT_EQ(lines[3].text, "part");
  EXPECT_TRUE(lines[3].record.partial);
  EXPECT_EQ(lines[4].record.stream, Stream::error);
  EXPECT_EQ(lines[5].text, "ial");
  EXPECT_FALSE(lines[5].record.partial);
  for (std::size_t i = 1; i < lines.size(); ++i) EXPECT_GE(lines[i].time, lines[i - 1].time);
}

TEST(LogWriter, RotatesBySizeAndKeepsSoManyFiles) {
  TemporaryDirectory folder;
  auto log = LogWriter::open({.directory = folder.path(), .max_size = 1000, .max_files = 3});
  ASSERT_OK(log);
  for (int i = 0; i < 100; ++i) log->write(Stream::output, "line " + std::to_string(i) + "\n");
  EXPECT_THAT(*sys::list_directory(folder.path()), ::testing::ElementsAre("log", "log.1", "log.2"));
  const auto oldest = read_log(folder / "log.2");
  const auto middle = read_log(folder / "log.1");
  ASSERT_FALSE(oldest.empty());
  EXPECT_EQ(std::stoi(oldest.back().text.substr(5)) + 1, std::stoi(middle.front().text.substr(5)));
}

TEST(LogWriter, ALineIsNotTornByRotationUnlessItIsEndless) {
  TemporaryDirectory folder;
  auto log = LogWriter::open({.directory = folder.path(), .max_size = 1000, .max_files = 3});
  ASSERT_OK(log);
  for (int i = 0; i < 30; ++i) log->write(Stream::output, std::string(100, 'x'));
  EXPECT_FALSE(sys::exists(folder / "log.1"));
  log->write(Stream::output, "end\n");
  log->write(Stream::output, "next\n");
  EXPECT_TRUE(sys::exists(folder / "log.1"));
  for (int i = 0; i < 1000; ++i) log->write(Stream::output, std::string(100, 'x'));
  EXPECT_TRUE(sys::exists(folder / "log.2"));
}

TEST(LogWriter, NothingIsWrittenWithoutAFolder) {
  auto log = LogWriter::open({});
  ASSERT_OK(log);
  log->write(Stream::output, "x\n");
  EXPECT_EQ(log->size(), 0);
}

// A limit on file sizes stands in for a full disk: write(2) fails in the same place, after a short write.
TEST(LogWriter, AFullDiskCostsLinesButNothingElse) {
  TemporaryDirectory folder;
  auto log = LogWriter::open({.directory = folder.path(), .max_size = 0});
  ASSERT_OK(log);
  ASSERT_NE(::signal(SIGXFSZ, SIG_IGN), SIG_ERR);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit tight{.rlim_cur = 1000, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
  for (int i = 0; i < 50; ++i) log->write(Stream::output, "line " + std::to_string(i) + "\n");
  const auto dropped = log->dropped_bytes();
  EXPECT_GT(dropped, 0U);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  log->write(Stream::output, "room again\n");
  EXPECT_EQ(log->dropped_bytes(), 0U);
  const auto lines = read_log(folder / "log");  // fails on a torn record
  ASSERT_GE(lines.size(), 3U);
  EXPECT_EQ(lines.back().text, "room again");
  EXPECT_EQ(lines[lines.size() - 2].text, fmt::format("[fulcrum: {} bytes of this log were lost: it could not be written]", dropped));
}

std::string replayed(LogReplay& replay, const LogWriter& log) {
  std::string text;
  while (replay.step(log, [&](Stream, std::string_view bytes) { text += bytes; })) {
  }
  return text;
}

TEST(LogReplay, GivesBackEveryByteAcrossRotation) {
  TemporaryDirectory folder;
  auto log = LogWriter::open({.directory = folder.path(), .max_size = 2000, .max_files = 5});
  ASSERT_OK(log);
  std::string written;
  for (int i = 0; i < 50; ++i) {
    const auto text = "line " + std::to_string(i) + (i % 3 == 0 ? "" : "\n");
    log->write(Stream::output, text);
    written += text;
  }
  LogReplay replay(*log);
  EXPECT_EQ(replayed(replay, *log), written);
  log->write(Stream::output, "more\n");
  for (int i = 0; i < 30; ++i) log->write(Stream::output, "later " + std::to_string(i) + "\n");
  EXPECT_THAT(replayed(replay, *log), ::testing::StartsWith("more\nlater 0\n"));
}

TEST(LogReplay, FindsFilesOfAnEarlierRun) {
  TemporaryDirectory folder;
  ASSERT_OK(sys::write_file_atomic(folder / "log.1", "2024-05-01T10:00:00.000000001Z stdout F old\n"));
  auto log = LogWriter::open({.directory = folder.path()});
  ASSERT_OK(log);
  log->write(Stream::output, "new\n");
  LogReplay replay(*log);
  EXPECT_EQ(replayed(replay, *log), "old\nnew\n");
}

TEST(LogRecord, RefusesWhatIsNone) {
  LogRecord record;
  for (const char* text : {"", "x", "2024 stdout X y", "2024 stdnul F y", "2024 stdout F", "2024 stdoutF y"})
    EXPECT_FALSE(parse_log_record(text, record)) << text;
  EXPECT_TRUE(parse_log_record("2024 stdout F ", record));
  EXPECT_EQ(record.text, "");
}

}  // namespace
}  // namespace fulcrum::sandbox::shim
