#include "volume/local.h"

#include "base/testing.h"

namespace fulcrum::volume {
namespace {

using testing::ErrorIs;
using testing::IsOkAndHolds;

TEST(LocalVolumes, MakesListsAndRemovesFolders) {
  testing::TemporaryDirectory dir;
  const LocalVolumes volumes(dir / "volumes");
  EXPECT_THAT(volumes.list(), IsOkAndHolds(::testing::IsEmpty()));
  ASSERT_OK(volumes.create("a"));
  ASSERT_OK(volumes.create("a"));
  EXPECT_THAT(volumes.is_empty("a"), IsOkAndHolds(true));
  ASSERT_OK(sys::write_file_atomic(volumes.data_path("a") + "/f", std::string(10'000, 'x')));
  EXPECT_THAT(volumes.is_empty("a"), IsOkAndHolds(false));
  EXPECT_GE(volumes.disk_usage("a").value(), 10'000U);
  EXPECT_THAT(volumes.list(), IsOkAndHolds(::testing::ElementsAre("a")));
  ASSERT_OK(volumes.remove("a"));
  ASSERT_OK(volumes.remove("a"));
  EXPECT_THAT(volumes.list(), IsOkAndHolds(::testing::IsEmpty()));
}

TEST(LocalVolumes, SaysWhatOptionsMean) {
  const LocalVolumes volumes("/v");
  EXPECT_EQ(volumes.source("a", {}).value().path, "/v/a/_data");
  const auto tmpfs = volumes.source("a", {{"type", "tmpfs"}, {"device", "tmpfs"}, {"o", "size=64m,uid=1000"}}).value();
  EXPECT_EQ(tmpfs.kind, Source::Kind::tmpfs);
  EXPECT_EQ(tmpfs.size, 64 << 20);
  EXPECT_THAT(tmpfs.options, ::testing::ElementsAre("uid=1000"));
  const auto bind = volumes.source("a", {{"type", "none"}, {"device", "/srv"}, {"o", "bind,ro"}}).value();
  EXPECT_EQ(bind.kind, Source::Kind::bind);
  EXPECT_EQ(bind.path, "/srv");
  EXPECT_TRUE(bind.read_only);
}

TEST(LocalVolumes, RefusesByNameWhatItCannotDo) {
  const LocalVolumes volumes("/v");
  EXPECT_THAT(volumes.source("a", {{"size", "1Gi"}}), ErrorIs(Code::unimplemented, "options.size"));
  EXPECT_THAT(volumes.source("a", {{"type", "nfs"}, {"device", ":/x"}, {"o", "addr=h"}}), ErrorIs(Code::unimplemented, "\"nfs\""));
  EXPECT_THAT(volumes.source("a", {{"color", "red"}}), ErrorIs(Code::invalid_argument, "options.color"));
  EXPECT_THAT(volumes.source("a", {{"device", "/x"}}), ErrorIs(Code::invalid_argument, "options.device"));
  EXPECT_THAT(volumes.source("a", {{"o", "bind"}, {"device", "x"}}), ErrorIs(Code::invalid_argument, "absolute"));
}

TEST(Subpath, StaysInside) {
  testing::TemporaryDirectory dir;
  ASSERT_OK(sys::make_directories(dir / "v/in"));
  ASSERT_EQ(::symlink("/", (dir / "v/out").c_str()), 0);
  EXPECT_THAT(subpath(dir / "v", "in"), IsOkAndHolds(dir / "v/in"));
  EXPECT_THAT(subpath(dir / "v", "out"), IsOkAndHolds(dir / "v"));
  EXPECT_THAT(subpath(dir / "v", "../../in"), IsOkAndHolds(dir / "v/in"));
  EXPECT_THAT(subpath(dir / "v", "none"), ErrorIs(Code::not_found));
}

}  // namespace
}  // namespace fulcrum::volume
