#include "control/logs/log_reader.h"

#include <fstream>

#include "base/testing.h"

namespace fulcrum::control {
namespace {

using testing::TemporaryDirectory;

std::string stamp(int second) { return fmt::format("2024-05-01T10:00:{:02}.000000001Z", second); }

class LogReaderTest : public ::testing::Test {
 protected:
  void write(const std::string& file, const std::string& text) { std::ofstream(dir_ / file, std::ios::app) << text; }
  void line(const std::string& file, int second, const std::string& text, bool error = false, bool partial = false) {
    write(file, stamp(second) + (error ? " stderr " : " stdout ") + (partial ? "P " : "F ") + text + "\n");
  }
  std::vector<std::string> read(LogReader& reader) {
    std::vector<std::string> lines;
    for (;;) {
      const auto record = reader.next().value();
      if (!record) return lines;
      lines.emplace_back(record->text);
    }
  }
  std::vector<std::string> read(const LogSelection& selection) {
    auto reader = LogReader::open(dir_.path(), selection).value();
    return read(reader);
  }
  TemporaryDirectory dir_;
};

using ::testing::ElementsAre;

TEST_F(LogReaderTest, ReadsRotatedFilesOldestFirst) {
  line("log.2", 1, "a");
  line("log.1", 2, "b");
  line("log", 3, "c");
  write("log.txt", "no log\n");
  EXPECT_THAT(read({}), ElementsAre("a", "b", "c"));
}

TEST_F(LogReaderTest, SelectsByTimeAndStream) {
  line("log", 1, "a");
  line("log", 2, "b", true);
  line("log", 3, "c");
  EXPECT_THAT(read({.since = parse_time(stamp(2)).value()}), ElementsAre("b", "c"));
  EXPECT_THAT(read({.until = parse_time(stamp(2)).value()}), ElementsAre("a", "b"));
  EXPECT_THAT(read({.output = false}), ElementsAre("b"));
  EXPECT_THAT(read({.error_output = false}), ElementsAre("a", "c"));
}

TEST_F(LogReaderTest, TailCountsWholeLinesBackwardsAcrossFiles) {
  for (int i = 0; i < 50; ++i) line("log.1", 1, "old" + std::to_string(i));
  line("log", 2, "long ", false, true);
  line("log", 2, "line");
  line("log", 3, "last");
  EXPECT_THAT(read({.tail = 0}), ElementsAre());
  EXPECT_THAT(read({.tail = 1}), ElementsAre("last"));
  EXPECT_THAT(read({.tail = 2}), ElementsAre("long ", "line", "last"));
  EXPECT_THAT(read({.tail = 3}), ElementsAre("old49", "long ", "line", "last"));
  EXPECT_EQ(read({.tail = 1000}).size(), 53U);
}

TEST_F(LogReaderTest, TailReadsBackOverManyChunks) {
  for (int i = 0; i < 3000; ++i) line("log", 1, std::string(100, 'x') + std::to_string(i));
  const auto lines = read({.tail = 2500});
  ASSERT_EQ(lines.size(), 2500U);
  EXPECT_EQ(lines.front(), std::string(100, 'x') + "500");
}

TEST_F(LogReaderTest, FollowsThroughRotation) {
  line("log", 1, "a");
  auto reader = LogReader::open(dir_.path(), {}).value();
  EXPECT_THAT(read(reader), ElementsAre("a"));
  line("log", 2, "b");
  ASSERT_EQ(::rename((dir_ / "log").c_str(), (dir_ / "log.1").c_str()), 0);
  line("log", 3, "c");
  EXPECT_THAT(wait_any(StopSource::never(), Deadline::in(std::chrono::seconds(10)), {{reader.fd(), POLLIN}}), testing::IsOk());
  ASSERT_OK(reader.changed());
  EXPECT_THAT(read(reader), ElementsAre("b", "c"));
  line("log", 4, "d");
  EXPECT_THAT(read(reader), ElementsAre("d"));
}

TEST_F(LogReaderTest, AFolderMayComeLater) {
  auto reader = LogReader::open(dir_ / "later", {}).value();
  EXPECT_THAT(read(reader), ElementsAre());
  ASSERT_OK(sys::make_directories(dir_ / "later"));
  std::ofstream(dir_ / "later/log") << stamp(1) << " stdout F x\n";
  ASSERT_OK(reader.changed());
  EXPECT_THAT(read(reader), ElementsAre("x"));
}

TEST_F(LogReaderTest, PassesOverWhatIsNoRecord) {
  write("log", "garbage\n\n" + stamp(1) + " stdout X y\n");
  line("log", 1, "a");
  write("log", "cut off in the midd");
  EXPECT_THAT(read({}), ElementsAre("a"));
}

}  // namespace
}  // namespace fulcrum::control
