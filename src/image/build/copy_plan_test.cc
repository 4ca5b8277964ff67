#include "image/build/copy_plan.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include "base/sys.h"
#include "base/testing.h"
#include "image/tar_fixture.h"

namespace fulcrum::image::build {
namespace {

using fulcrum::testing::ErrorIs;
using fulcrum::testing::TemporaryDirectory;
using image::testing::make_tar;
using ::testing::ElementsAre;
using ::testing::StartsWith;

/// A context and an empty root file system.
class CopyTest : public ::testing::Test {
 protected:
  CopyTest() {
    for (const char* folder : {"context", "context/dir", "context/dir/sub", "root", "root/etc", "root/have"})
      EXPECT_EQ(::mkdir((top_ / folder).c_str(), 0755), 0);
    for (const char* file : {"a.txt", "b.txt", "dir/c.txt", "dir/d.o", "dir/sub/e.o"}) put(file, file);
    EXPECT_EQ(::symlink("dir/c.txt", (top_ / "context/link").c_str()), 0);
    EXPECT_EQ(::symlink("/nowhere", (top_ / "context/dir/broken").c_str()), 0);
    EXPECT_OK(sys::write_file_atomic(top_ / "root/etc/passwd", "root:x:0:0::/:\nme:x:12:34::/:\n"));
    EXPECT_OK(sys::write_file_atomic(top_ / "root/etc/group", "root:x:0:\nme:x:56:\nstaff:x:78:\n"));
    context_ = sys::open(top_ / "context", O_PATH | O_DIRECTORY).value();
    root_ = sys::open(top_ / "root", O_PATH | O_DIRECTORY).value();
  }

  void put(const std::string& name, const std::string& text) {
    EXPECT_OK(sys::write_file_atomic(top_ / ("context/" + name), text));
    EXPECT_EQ(::chmod((top_ / ("context/" + name)).c_str(), 0640), 0);
  }
  Result<CopyPlan> plan(std::string_view line, std::string_view workdir = "/work") const {
    return plan_copy(parse_instruction(line).value(), {.root = context_.get()}, workdir);
  }
  Result<> copy(std::string_view line, std::optional<Owner> owner = {}) const {
    return perform_copy(TRY(plan(line)), root_.get(), owner, StopSource::never());
  }
  std::string text(const std::string& name) const { return sys::read_file(top_ / ("root/" + name)).value_or("(none)"); }
  struct stat stat(const std::string& name) const {
    struct stat none{};
    return sys::lstat(top_ / ("root/" + name)).value().value_or(none);
  }

  TemporaryDirectory top_;
  UniqueFd context_;
  UniqueFd root_;
};

TEST_F(CopyTest, Destinations) {
  EXPECT_OK(copy("COPY a.txt new"));
  EXPECT_EQ(text("work/new"), "a.txt");
  EXPECT_EQ(stat("work/new").st_mode & 07777, 0640);
  EXPECT_EQ(stat("work").st_mode & 07777, 0755);
  EXPECT_OK(copy("COPY a.txt /have"));
  EXPECT_EQ(text("have/a.txt"), "a.txt");
  EXPECT_OK(copy("COPY a.txt b.txt x/"));
  EXPECT_EQ(text("work/x/b.txt"), "b.txt");
  EXPECT_OK(copy("COPY dir /copied"));
  EXPECT_EQ(text("copied/sub/e.o"), "dir/sub/e.o");
  EXPECT_EQ(text("copied/dir/c.txt"), "(none)");
  EXPECT_EQ(sys::read_link(top_ / "root/copied/broken").value(), "/nowhere");
  EXPECT_OK(copy("COPY link /have/"));
  EXPECT_EQ(text("have/link"), "dir/c.txt");
  EXPECT_TRUE(S_ISREG(stat("have/link").st_mode));
  EXPECT_OK(copy("COPY . /all"));
  EXPECT_EQ(text("all/dir/c.txt"), "dir/c.txt");
  EXPECT_EQ(sys::read_link(top_ / "root/all/link").value(), "dir/c.txt");
  EXPECT_OK(copy("COPY *.txt /glob/"));
  EXPECT_EQ(text("glob/a.txt") + text("glob/b.txt"), "a.txtb.txt");
  EXPECT_OK(copy("COPY --chmod=4711 dir/c.txt /suid"));
  EXPECT_EQ(stat("suid").st_mode & 07777, 04711);
}

TEST_F(CopyTest, NothingLeadsOutOfTheRoot) {
  EXPECT_EQ(::symlink("/../../../context", (top_ / "root/out").c_str()), 0);
  EXPECT_EQ(::symlink("../../../../tmp", (top_ / "root/up").c_str()), 0);
  EXPECT_OK(copy("COPY a.txt /out/x"));
  EXPECT_EQ(text("context/x"), "a.txt");
  EXPECT_FALSE(sys::exists(top_ / "context/x"));
  EXPECT_OK(copy("COPY a.txt /up/x/"));
  EXPECT_EQ(text("tmp/x/a.txt"), "a.txt");
  EXPECT_OK(copy("COPY a.txt ../../../y"));
  EXPECT_EQ(text("y"), "a.txt");
  EXPECT_EQ(::symlink("/etc", (top_ / "context/secret").c_str()), 0);
  EXPECT_THAT(plan("COPY secret/passwd /"), ErrorIs(Code::not_found, "file not found in build context"));
  EXPECT_THAT(plan("COPY ../x /"), ErrorIs(Code::invalid_argument, "COPY failed: forbidden path outside the build context: ../x ()"));
}

TEST_F(CopyTest, WhatIsInTheWayIsReplaced) {
  EXPECT_OK(copy("COPY dir /t"));
  EXPECT_EQ(::symlink("/etc", (top_ / "root/have/dir").c_str()), 0);
  EXPECT_OK(copy("COPY . /have"));
  EXPECT_EQ(text("have/dir/c.txt"), "dir/c.txt");
  EXPECT_EQ(text("etc/c.txt"), "(none)");
  EXPECT_THAT(copy("COPY dir /etc/passwd"), ErrorIs(Code::failed_precondition, "failed to copy files"));
}

TEST_F(CopyTest, ExcludesAndParents) {
  EXPECT_OK(copy("COPY --exclude=**/*.o --exclude=!sub/e.o dir /x"));
  EXPECT_EQ(text("x/d.o") + text("x/sub/e.o") + text("x/c.txt"), "(none)dir/sub/e.odir/c.txt");
  EXPECT_OK(copy("COPY --parents dir/sub/e.o a.txt /p"));
  EXPECT_EQ(text("p/dir/sub/e.o") + text("p/a.txt"), "dir/sub/e.oa.txt");
  EXPECT_OK(copy("COPY --parents dir/./sub /q/"));
  EXPECT_EQ(text("q/sub/e.o"), "dir/sub/e.o");
}

TEST_F(CopyTest, Owners) {
  EXPECT_EQ(parse_chown("me", root_.get()), (Owner{12, 56}));
  EXPECT_EQ(parse_chown("me:staff", root_.get()), (Owner{12, 78}));
  EXPECT_EQ(parse_chown("7", root_.get()), (Owner{7, 7}));
  EXPECT_EQ(parse_chown("7:me", root_.get()), (Owner{7, 56}));
  EXPECT_THAT(parse_chown("nobody", root_.get()), ErrorIs(Code::invalid_argument, "can't find uid for user nobody: no such user: nobody"));
  EXPECT_THAT(parse_chown("me:none", root_.get()), ErrorIs(Code::invalid_argument, "can't find gid for group none"));
  EXPECT_THAT(parse_chown("a:b:c", root_.get()), ErrorIs(Code::invalid_argument, "invalid chown string format"));
  EXPECT_EQ(parse_chmod("0755"), mode_t{0755});
  for (const char* bad : {"", "u+x", "99", "777777"}) EXPECT_THAT(parse_chmod(bad), ErrorIs(Code::invalid_argument)) << bad;
  if (::geteuid() != 0) GTEST_SKIP() << "owners are changed by root";
  EXPECT_OK(copy("COPY --chown=me dir /o/p", Owner{12, 56}));
  EXPECT_EQ(stat("o").st_uid, 0U);
  EXPECT_EQ(stat("o/p").st_uid, 12U);
  EXPECT_EQ(stat("o/p/broken").st_gid, 56U);
  EXPECT_OK(copy("COPY --chown=me a.txt /made/for/a", Owner{12, 56}));
  EXPECT_EQ(stat("made/for").st_uid, 12U);
}

TEST_F(CopyTest, HashesTellWhatMatters) {
  const auto hash = [&](std::string_view line) { return plan(line).value().source_hash; };
  const auto file = hash("COPY a.txt /");
  EXPECT_THAT(file, StartsWith("file:"));
  EXPECT_THAT(hash("COPY dir /"), StartsWith("dir:"));
  EXPECT_THAT(hash("COPY a.txt b.txt /"), StartsWith("multi:"));
  const timespec times[2] = {{1, 0}, {1, 0}};
  EXPECT_EQ(::utimensat(AT_FDCWD, (top_ / "context/a.txt").c_str(), times, 0), 0);
  EXPECT_EQ(hash("COPY ./a.txt /x"), file);
  EXPECT_EQ(::chmod((top_ / "context/a.txt").c_str(), 0600), 0);
  const auto mode = hash("COPY a.txt /");
  EXPECT_NE(mode, file);
  EXPECT_OK(sys::write_file_atomic(top_ / "context/a.txt", "other"));
  EXPECT_NE(hash("COPY a.txt /"), mode);
  const auto folder = hash("COPY dir /");
  EXPECT_EQ(::unlink((top_ / "context/dir/broken").c_str()), 0);
  EXPECT_EQ(::symlink("/elsewhere", (top_ / "context/dir/broken").c_str()), 0);
  EXPECT_NE(hash("COPY dir /"), folder);
}

TEST_F(CopyTest, Errors) {
  EXPECT_THAT(plan("COPY none /"),
              ErrorIs(Code::not_found,
                      "COPY failed: file not found in build context or excluded by .dockerignore: stat none: file does not exist"));
  EXPECT_THAT(plan("COPY *.none /"), ErrorIs(Code::invalid_argument, "COPY failed: no source files were specified"));
  EXPECT_THAT(plan("COPY a.txt b.txt x"),
              ErrorIs(Code::invalid_argument,
                      "When using COPY with more than one source file, the destination must be a directory and end with a /"));
  EXPECT_THAT(plan("COPY http://x/y z"), ErrorIs(Code::invalid_argument, "source can't be a URL for COPY"));
  EXPECT_THAT(plan("COPY [x a"), ErrorIs(Code::invalid_argument, "syntax error in pattern"));
  EXPECT_EQ(::symlink("loop", (top_ / "context/loop").c_str()), 0);
  EXPECT_THAT(plan("COPY loop /"), ErrorIs(Code::invalid_argument, "too many links"));
}

TEST_F(CopyTest, TextsArchivesAndDownloads) {
  EXPECT_OK(copy("COPY <<one <<two /t/\n1\none\n2\ntwo\n"));
  EXPECT_EQ(text("t/one") + text("t/two"), "1\n2\n");
  EXPECT_EQ(stat("t/one").st_mode & 07777, 0644);
  put("x.tar", make_tar({{.name = "./", .type = '5', .mode = 0700}, {.name = "in/side", .data = "deep"}}));
  EXPECT_OK(copy("ADD x.tar /u"));
  EXPECT_EQ(text("u/in/side"), "deep");
  EXPECT_EQ(stat("u").st_mode & 07777, 0755);
  EXPECT_OK(copy("COPY x.tar /v/"));
  EXPECT_TRUE(sys::exists(top_ / "root/v/x.tar"));
  EXPECT_OK(copy("ADD --unpack=false x.tar /w/"));
  EXPECT_TRUE(sys::exists(top_ / "root/w/x.tar"));
  EXPECT_OK(copy("ADD a.txt /w/"));
  EXPECT_EQ(text("w/a.txt"), "a.txt");
  put("bad.tar", make_tar({{.name = "../../escape", .data = "x"}}));
  EXPECT_THAT(copy("ADD bad.tar /w/"), ErrorIs(Code::invalid_argument, "leads out"));
  const CopySource source{.root = context_.get(), .download = [&](const std::string&) -> Result<Download> {
                            return Download{top_ / "context/a.txt", "name.bin", timespec{5, 0}};
                          }};
  const auto add = plan_copy(parse_instruction("ADD http://x/name.bin /d/").value(), source, "/");
  ASSERT_TRUE(add) << add.error().message;
  EXPECT_OK(perform_copy(*add, root_.get(), {}, StopSource::never()));
  EXPECT_EQ(stat("d/name.bin").st_mode & 07777, 0600);
  EXPECT_EQ(stat("d/name.bin").st_mtim.tv_sec, 5);
  EXPECT_THAT(plan_copy(parse_instruction("ADD --checksum=sha256:" + std::string(64, '0') + " http://x/name.bin /d/").value(), source, "/"),
              ErrorIs(Code::invalid_argument, "digest mismatch"));
}

TEST_F(CopyTest, HardLinksStay) {
  EXPECT_EQ(::link((top_ / "context/dir/c.txt").c_str(), (top_ / "context/dir/again").c_str()), 0);
  EXPECT_OK(copy("COPY dir /h"));
  EXPECT_EQ(stat("h/c.txt").st_ino, stat("h/again").st_ino);
}

}  // namespace
}  // namespace fulcrum::image::build
