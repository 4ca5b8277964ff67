#include "image/image_store.h"

#include <thread>

#include "api/oci/image_spec.h"
#include "base/testing.h"
#include "image/tar_fixture.h"

namespace fulcrum::image {
namespace {

using fulcrum::testing::ErrorIs;
using fulcrum::testing::IsOk;
using fulcrum::testing::TemporaryDirectory;
using ::testing::ElementsAre;
using testing::make_tar;

struct ImageStoreTest : ::testing::Test {
  TemporaryDirectory dir;
  FakeClock clock;
  std::optional<ImageStore> store_ = ImageStore::open(dir / "data", clock).value();
  ImageStore& store() { return *store_; }

  static Reference ref(const std::string& text) { return Reference::parse(text).value(); }

  oci::Descriptor put_layer(const std::string& content) {
    const auto tar = make_tar({{.name = "file", .data = content}});
    return {
        .media_type = std::string(oci::media::kOciLayer), .digest = store().content().put(tar).value(), .size = std::int64_t(tar.size())};
  }
  /// An image of plain tar layers, one for each content; `label` makes it unlike others.
  Digest put_manifest(const std::vector<std::string>& contents, const std::string& label = "") {
    oci::Manifest manifest{.media_type = std::string(oci::media::kOciManifest)};
    oci::ImageConfig config{.architecture = "amd64", .os = "linux"};
    config.config.labels["label"] = label;
    for (const auto& content : contents) {
      manifest.layers.push_back(put_layer(content));
      config.rootfs.diff_ids.push_back(manifest.layers.back().digest);
      config.history.push_back({.created_by = "add " + content});
    }
    config.history.push_back({.created_by = "CMD", .empty_layer = true});
    const auto text = to_json(config);
    manifest.config = {.media_type = std::string(oci::media::kOciConfig),
                       .digest = store().content().put(text).value(),
                       .size = std::int64_t(text.size())};
    return store().content().put(to_json(manifest)).value();
  }
  Result<ImageId> add(const Digest& manifest, const std::vector<std::string>& tags, const std::vector<std::string>& digests = {}) {
    auto lease = store().lease();
    AddSpec spec{.manifest = manifest, .unpack = {.user_xattr = true, .durable = false, .keep_owner = false}};
    for (const auto& tag : tags) spec.tags.push_back(ref(tag));
    for (const auto& digest : digests) spec.repo_digests.push_back(ref(digest));
    clock.advance(std::chrono::seconds(1));
    return store().add(spec, lease, StopSource::never());
  }
  std::size_t blobs() { return store().content().list()->size(); }
  std::size_t layers() { return store().layers().list()->size(); }
};

TEST_F(ImageStoreTest, AddsAndResolves) {
  const auto id = add(put_manifest({"one", "two"}), {"nginx"});
  ASSERT_OK(id);
  const auto image = store().resolve("nginx");
  ASSERT_OK(image);
  EXPECT_EQ(image->id, *id);
  ASSERT_EQ(image->layer_dirs.size(), 2U);
  EXPECT_EQ(sys::read_file(image->layer_dirs[0] + "/file").value(), "two");
  for (const auto& name : {std::string("docker.io/library/nginx:latest"), id->str(), id->str().substr(7), id->str().substr(7, 12)}) {
    EXPECT_EQ(store().inspect(name)->id, *id) << name;
  }
  EXPECT_THAT(store().inspect("nginx:1"), ErrorIs(Code::not_found, "no such image: nginx:1"));
  EXPECT_THAT(store().inspect("Nginx"), ErrorIs(Code::invalid_argument));
  EXPECT_THAT(store().inspect("nginx")->tags, ElementsAre("docker.io/library/nginx:latest"));
  EXPECT_EQ(store().inspect("nginx")->size, 6U);
}

TEST_F(ImageStoreTest, HistoryNamesLayersAndSizes) {
  ASSERT_OK(add(put_manifest({"a", "bbb"}), {"x"}));
  const auto history = store().history("x").value();
  ASSERT_EQ(history.size(), 3U);
  EXPECT_EQ(history[0].created_by, "CMD");
  EXPECT_FALSE(history[0].diff_id);
  EXPECT_EQ(history[1].size, 3U);
}

TEST_F(ImageStoreTest, SharedLayersExistOnce) {
  ASSERT_OK(add(put_manifest({"base", "a"}), {"a"}));
  ASSERT_OK(add(put_manifest({"base", "b"}), {"b"}));
  EXPECT_EQ(layers(), 3U);
  EXPECT_EQ(store().resolve("a")->layer_dirs.back(), store().resolve("b")->layer_dirs.back());
  ASSERT_OK(store().remove("a"));
  EXPECT_EQ(layers(), 2U);
  EXPECT_OK(store().resolve("b"));
}

TEST_F(ImageStoreTest, TagsMoveAndUntag) {
  const auto first = add(put_manifest({"1"}), {"x:1", "x:latest"}).value();
  const auto second = add(put_manifest({"2"}), {"x:latest"}).value();
  EXPECT_EQ(store().inspect("x")->id, second);
  EXPECT_EQ(store().inspect("x:1")->id, first);
  ASSERT_OK(store().tag("x:1", ref("localhost:5000/y:2")));
  const auto removed = store().remove("x:1").value();
  EXPECT_THAT(removed.untagged, ElementsAre("docker.io/library/x:1"));
  EXPECT_TRUE(removed.deleted.empty());
  EXPECT_THAT(store().remove("localhost:5000/y:2")->deleted, ElementsAre(first));
  EXPECT_THAT(store().tag("nothing", ref("y")), ErrorIs(Code::not_found));
}

TEST_F(ImageStoreTest, RemovalByIdIsCareful) {
  const auto id = add(put_manifest({"1"}), {"x:1", "y:1"}).value();
  EXPECT_THAT(store().remove(id.str()), ErrorIs(Code::failed_precondition, "several repositories"));
  ASSERT_OK(store().hold(id, "w1"));
  const auto forced = store().remove(id.str(), {.force = true}).value();
  EXPECT_EQ(forced.untagged.size(), 2U);
  EXPECT_TRUE(forced.deleted.empty());  // held
  EXPECT_OK(store().resolve(id.str()));
  EXPECT_THAT(store().remove(id.str()), ErrorIs(Code::failed_precondition, "used by w1"));
  ASSERT_OK(store().release("w1"));
  EXPECT_THAT(store().remove(id.str())->deleted, ElementsAre(id));
  EXPECT_EQ(blobs(), 0U);
  EXPECT_EQ(layers(), 0U);
}

TEST_F(ImageStoreTest, HeldImagesKeepTheirLastName) {
  const auto id = add(put_manifest({"1"}), {"x"}).value();
  ASSERT_OK(store().hold(id, "w1"));
  ASSERT_OK(store().hold(id, "w1"));
  EXPECT_THAT(store().remove("x"), ErrorIs(Code::failed_precondition, "used by w1"));
  EXPECT_OK(store().inspect("x"));
  EXPECT_TRUE(store().prune(true)->deleted.empty());
  EXPECT_OK(store().inspect("x"));
  EXPECT_THAT(store().holders(id).value(), ElementsAre("w1"));
  EXPECT_THAT(store().hold(digest_of("no"), "w2"), ErrorIs(Code::not_found));
}

TEST_F(ImageStoreTest, PruneTakesDanglingOrAll) {
  ASSERT_OK(add(put_manifest({"1"}), {"x"}));
  const auto dangling = add(put_manifest({"2"}), {}).value();
  const auto by_digest = put_manifest({"3"});
  ASSERT_OK(add(by_digest, {}, {"y@" + by_digest.str()}));
  EXPECT_EQ(store().inspect("y@" + by_digest.str())->repo_digests.size(), 1U);
  EXPECT_THAT(store().prune(false)->deleted, ElementsAre(dangling));
  EXPECT_EQ(store().prune(true)->deleted.size(), 2U);
  EXPECT_EQ(blobs(), 0U);
  EXPECT_EQ(layers(), 0U);
}

TEST_F(ImageStoreTest, TheLastTagTakesItsDigestAlong) {
  const auto manifest = put_manifest({"1"});
  ASSERT_OK(add(manifest, {"x:1"}, {"x@" + manifest.str()}));
  const auto removed = store().remove("x:1").value();
  EXPECT_EQ(removed.untagged.size(), 2U);
  EXPECT_EQ(removed.deleted.size(), 1U);
}

TEST_F(ImageStoreTest, LeasesKeepWhatIsOnItsWay) {
  auto lease = store().lease();
  const auto digest = digest_of("on its way");
  lease.protect(digest);
  ASSERT_OK(store().content().put("on its way"));
  ASSERT_OK(store().content().put("debris"));
  EXPECT_EQ(store().collect().value(), 6U);
  EXPECT_TRUE(store().content().contains(digest));
  {
    const auto done = std::move(lease);
  }
  ASSERT_OK(store().collect());
  EXPECT_EQ(blobs(), 0U);
}

TEST_F(ImageStoreTest, CollectionNeverHurtsAConcurrentAdd) {
  std::atomic<bool> done = false;
  std::jthread collector([&] {
    while (!done) ASSERT_OK(store().collect());
  });
  for (int i = 0; i < 30; ++i) {
    auto lease = store().lease();
    // As a pull does: protect, then look, then fetch.
    const auto tar = make_tar({{.name = "f", .data = std::to_string(i)}});
    oci::ImageConfig config{.architecture = "amd64", .os = "linux", .rootfs = {.diff_ids = {digest_of(tar)}}};
    const auto text = to_json(config);
    oci::Manifest manifest{.config = {.digest = digest_of(text), .size = std::int64_t(text.size())},
                           .layers = {{.digest = digest_of(tar), .size = std::int64_t(tar.size())}}};
    for (const auto& blob : {tar, text, to_json(manifest)}) {
      lease.protect(digest_of(blob));
      ASSERT_OK(store().content().put(blob));
    }
    AddSpec spec{.manifest = digest_of(to_json(manifest)),
                 .tags = {ref("x:" + std::to_string(i))},
                 .unpack = {.user_xattr = true, .durable = false, .keep_owner = false}};
    ASSERT_OK(store().add(spec, lease, StopSource::never()));
  }
  done = true;
  collector.join();
  for (int i = 0; i < 30; ++i) ASSERT_OK(store().resolve("x:" + std::to_string(i)));
}

TEST_F(ImageStoreTest, SurvivesReopening) {
  const auto id = add(put_manifest({"1"}), {"x"}).value();
  ASSERT_OK(store().hold(id, "w"));
  EXPECT_THAT(ImageStore::open(dir / "data"), ErrorIs(Code::failed_precondition, "another process"));
  store_.reset();
  store_ = ImageStore::open(dir / "data", clock).value();
  EXPECT_EQ(store().inspect("x")->id, id);
  EXPECT_THAT(store().holders(id).value(), ElementsAre("w"));
  EXPECT_EQ(store().list()->size(), 1U);
}

TEST_F(ImageStoreTest, RefusesWhatDoesNotFit) {
  EXPECT_THAT(add(digest_of("absent"), {"x"}), ErrorIs(Code::not_found));
  EXPECT_THAT(add(store().content().put("{}").value(), {"x"}), ErrorIs(Code::invalid_argument));
  oci::ImageConfig config{.architecture = "amd64", .os = "linux", .rootfs = {.diff_ids = {digest_of("x")}}};
  const auto put_config = [&] {
    const auto text = to_json(config);
    return oci::Descriptor{.digest = store().content().put(text).value(), .size = std::int64_t(text.size())};
  };
  oci::Manifest manifest{.config = put_config()};
  EXPECT_THAT(add(store().content().put(to_json(manifest)).value(), {"x"}), ErrorIs(Code::invalid_argument, "0 layers, its config 1"));
  manifest.layers = {put_layer("y")};
  EXPECT_THAT(add(store().content().put(to_json(manifest)).value(), {"x"}), ErrorIs(Code::data_loss, "diffID"));
  manifest.layers[0].size = 1;
  EXPECT_THAT(add(store().content().put(to_json(manifest)).value(), {"x"}), ErrorIs(Code::invalid_argument, "says 1"));
  manifest.layers[0].media_type = "application/vnd.in-toto+json";
  EXPECT_THAT(add(store().content().put(to_json(manifest)).value(), {"x"}), ErrorIs(Code::unimplemented, "media type"));
  config.os = "windows";
  manifest.config = put_config();
  EXPECT_THAT(add(store().content().put(to_json(manifest)).value(), {"x"}), ErrorIs(Code::unimplemented, "windows"));
  EXPECT_TRUE(store().list()->empty());
  EXPECT_EQ(layers(), 0U);
}

TEST_F(ImageStoreTest, AStopEndsAnAdd) {
  StopSource stop;
  stop.request_stop();
  auto lease = store().lease();
  EXPECT_THAT(store().add({.manifest = put_manifest({"1"})}, lease, stop), ErrorIs(Code::cancelled));
}

}  // namespace
}  // namespace fulcrum::image
