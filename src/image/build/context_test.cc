#include "image/build/context.h"

#include "base/sys.h"
#include "base/testing.h"
#include "image/tar_fixture.h"

namespace fulcrum::image::build {
namespace {

using fulcrum::testing::ErrorIs;
using fulcrum::testing::IsOkAndHolds;
using fulcrum::testing::TemporaryDirectory;
using image::testing::make_tar;
using image::testing::memory_file;
using ::testing::ElementsAre;
using ::testing::StartsWith;

class ContextTest : public ::testing::Test {
 protected:
  TemporaryDirectory top_;

  Result<BuildContext> unpack(const std::string& tar) {
    const auto file = memory_file(tar);
    return BuildContext::from_tar(file.get(), top_.path(), {}, StopSource::never());
  }
};

TEST_F(ContextTest, TheDockerfileIsTakenOut) {
  auto context = unpack(
      make_tar({{.name = "Dockerfile", .data = "FROM x"}, {.name = ".dockerignore", .data = "Dockerfile\n"}, {.name = "a", .data = "1"}}));
  ASSERT_TRUE(context) << context.error().message;
  EXPECT_THAT(context->take_dockerfile(""), IsOkAndHolds("FROM x"));
  EXPECT_FALSE(sys::exists(context->path() + "/Dockerfile"));
  EXPECT_TRUE(sys::exists(context->path() + "/.dockerignore"));
  EXPECT_THAT(context->take_dockerfile("sub/other"), ErrorIs(Code::invalid_argument, "Cannot locate specified Dockerfile: sub/other"));
  const auto path = context->path();
  {
    const auto gone = std::move(*context);
  }
  EXPECT_FALSE(sys::exists(path));
}

TEST_F(ContextTest, OddContexts) {
  auto lower = unpack(make_tar({{.name = "dockerfile", .data = "FROM y"},
                                {.name = "empty", .data = ""},
                                {.name = "pipe", .type = '6'},
                                {.name = "up", .type = '2', .link = "../../../etc/passwd"}}));
  ASSERT_TRUE(lower);
  EXPECT_THAT(lower->take_dockerfile(""), IsOkAndHolds("FROM y"));
  EXPECT_THAT(lower->take_dockerfile("empty"), ErrorIs(Code::invalid_argument, "the Dockerfile (empty) cannot be empty"));
  EXPECT_THAT(lower->take_dockerfile("pipe"), ErrorIs(Code::invalid_argument, "not a regular file"));
  EXPECT_THAT(lower->take_dockerfile("up"), ErrorIs(Code::invalid_argument, "Cannot locate"));
  EXPECT_THAT(unpack(make_tar({{.name = "../x", .data = "1"}})), ErrorIs(Code::invalid_argument, "leads out"));
  EXPECT_THAT(unpack(make_tar({{.name = "a/.wh.x", .data = "1"}})), ErrorIs(Code::invalid_argument, ".wh."));
  EXPECT_THAT(unpack("no tar at all"), ErrorIs(Code::data_loss));
  EXPECT_THAT(sys::list_directory(top_.path()).value(), ElementsAre(StartsWith("context-")));
}

TEST_F(ContextTest, DownloadsAreTarsOrDockerfiles) {
  const auto from = [&](const std::string& data) {
    const auto file = memory_file(data);
    return BuildContext::from_download(file.get(), top_.path(), {}, StopSource::never());
  };
  EXPECT_THAT(from("FROM z\n")->take_dockerfile(""), IsOkAndHolds("FROM z\n"));
  EXPECT_THAT(from(make_tar({{.name = "Dockerfile", .data = "FROM t"}}))->take_dockerfile(""), IsOkAndHolds("FROM t"));
  EXPECT_THAT(from(""), ErrorIs(Code::invalid_argument, "empty response"));
  EXPECT_EQ(remote_kind("https://x/y.git#main:dir"), RemoteKind::git);
  EXPECT_EQ(remote_kind("github.com/a/b"), RemoteKind::git);
  EXPECT_EQ(remote_kind("http://x/y.tar.gz"), RemoteKind::url);
  EXPECT_EQ(remote_kind("client-session"), RemoteKind::unknown);
}

}  // namespace
}  // namespace fulcrum::image::build
