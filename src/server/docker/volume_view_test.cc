#include "server/docker/volume_view.h"

#include "base/testing.h"
#include "control/workload/mounts.h"

namespace fulcrum::server::docker {
namespace {

using ::fulcrum::testing::ErrorIs;
using ::testing::ElementsAre;
using ::testing::Pair;

TEST(VolumeView, AnonymousVolumesHaveDockersLabelAndNotOurs) {
  api::Volume volume;
  volume.spec.name = "v";
  volume.spec.labels = {{std::string(control::kAnonymousLabel), "uid"}, {"a", "b"}};
  volume.anonymous = true;
  EXPECT_THAT(volume_labels(volume), ElementsAre(Pair("a", "b"), Pair("com.docker.volume.anonymous", "")));
}

TEST(VolumeView, ShowsOptionsAndNoUsage) {
  api::Volume volume;
  volume.spec.name = "v";
  volume.mountpoint = "/data/v/_data";
  const auto view = volume_view(volume);
  EXPECT_TRUE(view.labels.empty());
  EXPECT_TRUE(view.options.empty());
  EXPECT_FALSE(view.usage_data);
  EXPECT_EQ(view.mountpoint, "/data/v/_data");
  volume.spec.options = {{"type", "tmpfs"}};
  EXPECT_THAT(volume_view(volume).options, ElementsAre(Pair("type", "tmpfs")));
}

TEST(VolumeSpec, ChecksNamesInDockersWords) {
  const auto named = [](std::string name, std::string driver = "") {
    return volume_spec({.name = std::move(name), .driver = std::move(driver), .driver_opts = {}, .labels = {}});
  };
  EXPECT_OK(named(""));
  EXPECT_OK(named("a.b-c_d"));
  EXPECT_THAT(named("a"), ErrorIs(Code::invalid_argument, "too short"));
  EXPECT_THAT(named("../etc"), ErrorIs(Code::invalid_argument, "includes invalid characters for a local volume name"));
  EXPECT_THAT(named("_a"), ErrorIs(Code::invalid_argument, "includes invalid characters"));
  EXPECT_THAT(named(std::string(129, 'a')), ErrorIs(Code::invalid_argument, "too long"));
  EXPECT_OK(named("ab", "local"));
  EXPECT_THAT(named("ab", "nfs"), ErrorIs(Code::not_found, "plugin \"nfs\" not found"));
}

}  // namespace
}  // namespace fulcrum::server::docker
