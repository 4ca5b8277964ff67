#include "api/oci/image_spec.h"

#include "base/testing.h"

namespace fulcrum::oci {
namespace {

using testing::ErrorIs;

const std::string kA = "sha256:" + std::string(64, 'a');

std::string manifest_with(const std::string& layer) {
  return R"({"schemaVersion":2,"config":{"mediaType":"x","digest":")" + kA + R"(","size":2},"layers":[)" + layer + "]}";
}

TEST(ImageSpecTest, ReadsAManifestAndIgnoresWhatItDoesNotKnow) {
  const auto manifest = parse_manifest(manifest_with(R"({"mediaType":"t","digest":")" + kA + R"(","size":7,"new":1})"));
  ASSERT_OK(manifest);
  EXPECT_EQ(manifest->layers.at(0).size, 7);
  EXPECT_EQ(parse_manifest(to_json(*manifest)).value(), *manifest);
}

TEST(ImageSpecTest, NamesEveryWrongField) {
  EXPECT_THAT(parse_manifest(manifest_with(R"({"digest":"md5:1","size":-1})")), ErrorIs(Code::invalid_argument, "layers[0].digest"));
  EXPECT_THAT(parse_manifest(manifest_with(R"({"digest":"md5:1","size":-1})")), ErrorIs(Code::invalid_argument, "layers[0].size"));
  EXPECT_THAT(parse_manifest("[]"), ErrorIs(Code::invalid_argument));
  EXPECT_THAT(parse_manifest("{"), ErrorIs(Code::invalid_argument));
  EXPECT_THAT(parse_manifest(R"({"schemaVersion":2,"layers":[]})"), ErrorIs(Code::invalid_argument, "config"));
}

TEST(ImageSpecTest, ReadsDockersConfigWithNulls) {
  const auto config = parse_image_config(
      R"({"architecture":"amd64","os":"linux","config":{"Cmd":null,"Volumes":null,"Env":["A=b"],"ExposedPorts":{"80/tcp":{}},
          "Healthcheck":{"Test":["CMD","x"],"Interval":1000000000}},"rootfs":{"type":"layers","diff_ids":[")" +
      kA + R"("]},"history":[{"created_by":"x","empty_layer":true}],"container_config":{"Hostname":"h"}})");
  ASSERT_OK(config);
  EXPECT_TRUE(config->config.exposed_ports.contains("80/tcp"));
  EXPECT_EQ(config->config.healthcheck->interval, 1'000'000'000);
  EXPECT_EQ(parse_image_config(to_json(*config)).value(), *config);
}

TEST(ImageSpecTest, TellsManifestFromIndex) {
  EXPECT_EQ(detect_media_type(R"({"schemaVersion":2,"manifests":[]})").value(), media::kOciIndex);
  EXPECT_EQ(detect_media_type(R"({"schemaVersion":2,"config":{},"layers":[]})").value(), media::kOciManifest);
  EXPECT_THAT(detect_media_type(R"({"schemaVersion":2,"manifests":[],"layers":[]})"), ErrorIs(Code::invalid_argument));
  EXPECT_THAT(detect_media_type(R"({"schemaVersion":1,"fsLayers":[]})"), ErrorIs(Code::unimplemented));
  EXPECT_THAT(detect_media_type(R"({"schemaVersion":2,"layers":[],"mediaType":"application/vnd.oci.image.index.v1+json"})"),
              ErrorIs(Code::invalid_argument));
}

Descriptor entry(const std::string& platform, char digit) {
  return {.digest = Digest("sha256:" + std::string(64, digit)), .platform = parse_platform(platform).value()};
}

TEST(ImageSpecTest, SelectsThePlatform) {
  const Index index{.manifests = {entry("unknown/unknown", '0'), entry("linux/arm/v6", '1'), entry("linux/arm/v7", '2'),
                                  entry("linux/amd64", '3'), entry("linux/arm64/v8", '4')}};
  const auto chosen = [&](const char* wanted) { return select_platform(index, parse_platform(wanted).value())->digest.str().back(); };
  EXPECT_EQ(chosen("linux/amd64"), '3');
  EXPECT_EQ(chosen("linux/x86_64"), '3');
  EXPECT_EQ(chosen("linux/arm64"), '4');
  EXPECT_EQ(chosen("linux/arm/v7"), '2');
  EXPECT_EQ(chosen("linux/arm/v8"), '2');
  EXPECT_EQ(chosen("linux/arm/v6"), '1');
  EXPECT_THAT(select_platform(index, {.architecture = "s390x", .os = "linux"}), ErrorIs(Code::not_found, "linux/arm64/v8"));
  EXPECT_THAT(parse_platform("linux"), ErrorIs(Code::invalid_argument));
  EXPECT_THAT(parse_platform("linux/"), ErrorIs(Code::invalid_argument));
}

TEST(ImageSpecTest, ReadsAnArchiveManifest) {
  const auto images = parse_archive_manifest(R"([{"Config":"c.json","RepoTags":null,"Layers":["l/layer.tar"]}])");
  ASSERT_OK(images);
  EXPECT_EQ(images->at(0).layers.at(0), "l/layer.tar");
  EXPECT_THAT(parse_archive_manifest("{}"), ErrorIs(Code::invalid_argument));
}

}  // namespace
}  // namespace fulcrum::oci
