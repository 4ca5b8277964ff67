#include "image/image_archive.h"

#include "base/testing.h"
#include "image/tar_fixture.h"

namespace fulcrum::image {
namespace {

using fulcrum::testing::ErrorIs;
using fulcrum::testing::IsOk;
using fulcrum::testing::TemporaryDirectory;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::make_tar;
using testing::memory_file;

struct ImageArchiveTest : ::testing::Test {
  TemporaryDirectory dir;
  FakeClock clock;
  ImageStore store = ImageStore::open(dir / "a", clock).value();
  ImageStore other = ImageStore::open(dir / "b", clock).value();
  const UnpackOptions unpack{.user_xattr = true, .durable = false, .keep_owner = false};
  const StopSource& stop = StopSource::never();

  Result<ImageId> import(const std::string& tar, const std::string& name, std::vector<std::string> changes = {}) {
    const auto file = memory_file(tar);
    return import_image(
        store, {.source = file.get(), .changes = std::move(changes), .tags = {Reference::parse(name).value()}, .unpack = unpack}, stop);
  }
  static Sink into(std::string& out) {
    return [&out](std::string_view data) -> Result<> {
      out += data;
      return {};
    };
  }
  Result<std::string> save(const std::vector<std::string>& names) {
    std::string out;
    TRY(save_images(store, names, into(out), stop));
    return out;
  }
  Result<std::vector<LoadedImage>> load(ImageStore& target, const std::string& archive) {
    const auto file = memory_file(archive);
    return load_images(target, {.source = file.get(), .unpack = unpack}, stop);
  }
  static std::string config_of(const std::string& tar) {
    return to_json(oci::ImageConfig{.architecture = "amd64", .os = "linux", .rootfs = {.diff_ids = {digest_of(tar)}}});
  }
};

TEST_F(ImageArchiveTest, ImportsARootFileSystem) {
  const auto tar = make_tar({{.name = "etc/os-release", .data = "ID=x"}});
  const auto id = import(tar, "base:1", {"CMD [\"nginx\", \"-g\"]", "ENV A=1 B=\"two words\"", "EXPOSE 80 443/udp", "WORKDIR /srv"});
  ASSERT_OK(id);
  const auto image = store.resolve("base:1").value();
  EXPECT_EQ(sys::read_file(image.layer_dirs.at(0) + "/etc/os-release").value(), "ID=x");
  const auto config = oci::parse_image_config(image.config).value();
  EXPECT_THAT(config.config.cmd, ElementsAre("nginx", "-g"));
  EXPECT_THAT(config.config.env, ElementsAre("A=1", "B=two words"));
  EXPECT_TRUE(config.config.exposed_ports.contains("443/udp"));
  EXPECT_EQ(config.rootfs.diff_ids.at(0), digest_of(tar));
  EXPECT_EQ(store.content().list()->size(), 3U);
}

TEST_F(ImageArchiveTest, BadImportsLeaveNothing) {
  EXPECT_THAT(import("", "x"), ErrorIs(Code::invalid_argument, "empty"));
  EXPECT_FALSE(import("no tar, but more than a few bytes of text", "x"));
  EXPECT_THAT(import(make_tar({{.name = "../x"}}), "x"), ErrorIs(Code::invalid_argument, "leads out"));
  EXPECT_THAT(import(make_tar({}), "x", {"RUN rm"}), ErrorIs(Code::invalid_argument, "RUN"));
  ASSERT_OK(store.collect());
  EXPECT_THAT(store.content().list().value(), IsEmpty());
  EXPECT_THAT(store.layers().list().value(), IsEmpty());
}

TEST_F(ImageArchiveTest, SaveAndLoadKeepEveryByte) {
  ASSERT_OK(import(make_tar({{.name = "a", .data = "1"}}), "x:1", {"LABEL k=v"}));
  ASSERT_OK(import(make_tar({{.name = "a", .data = "2"}}), "localhost:5000/y:2"));
  ASSERT_OK(store.tag("x:1", Reference::parse("x:also").value()));
  const auto archive = save({"x:1", "x:also", "localhost:5000/y:2"}).value();
  EXPECT_EQ(save({"x:1", "x:also", "localhost:5000/y:2"}).value(), archive);
  const auto loaded = load(other, archive);
  ASSERT_OK(loaded);
  for (const char* name : {"x:1", "x:also", "localhost:5000/y:2"}) {
    const auto ours = store.inspect(name).value();
    const auto theirs = other.inspect(name);
    ASSERT_OK(theirs);
    EXPECT_EQ(theirs->id, ours.id);
    EXPECT_EQ(theirs->manifest, ours.manifest);
    EXPECT_EQ(theirs->layers[0].blob, ours.layers[0].blob);
  }
  EXPECT_EQ(other.content().list()->size(), store.content().list()->size());
}

TEST_F(ImageArchiveTest, LoadsAnUnpackedLayout) {
  const auto id = import(make_tar({{.name = "a", .data = std::string(300'000, 'a')}}), "x:1").value();
  // An archive is a tar like a layer is: unpacked, it is a layout folder.
  const auto archive = save({"x:1"}).value();
  const auto file = memory_file(archive);
  auto folders = LayerStore::open(dir / "layouts").value();
  const auto layout = folders.path(folders.unpack_new(file.get(), unpack, stop).value());
  const auto folder = sys::open(layout, O_RDONLY | O_DIRECTORY).value();
  const auto loaded = load_folder(other, folder.get(), {.unpack = unpack}, stop);
  ASSERT_OK(loaded);
  EXPECT_EQ(loaded->at(0).id, id);
  EXPECT_EQ(other.inspect("x:1")->manifest, store.inspect("x:1")->manifest);
  const auto empty = sys::open(dir / "layouts", O_RDONLY | O_DIRECTORY).value();
  EXPECT_FALSE(load_folder(other, empty.get(), {.unpack = unpack}, stop));
}

TEST_F(ImageArchiveTest, AnIdIsSavedWithoutNames) {
  const auto id = import(make_tar({{.name = "a"}}), "x").value();
  const auto loaded = load(other, save({id.str()}).value()).value();
  ASSERT_EQ(loaded.size(), 1U);
  EXPECT_EQ(loaded[0].id, id);
  EXPECT_THAT(loaded[0].names, IsEmpty());
  EXPECT_THAT(save({"nothing"}), ErrorIs(Code::not_found));
}

TEST_F(ImageArchiveTest, LoadsOldDockerArchivesWithLinks) {
  const auto tar = make_tar({{.name = "f", .data = "x"}});
  const auto config = config_of(tar);
  const auto archive =
      make_tar({{.name = "top/layer.tar", .type = '2', .link = "../base/layer.tar"},
                {.name = "base/layer.tar", .data = tar},
                {.name = "c.json", .data = config},
                {.name = "manifest.json", .data = R"([{"Config":"c.json","RepoTags":["x:1"],"Layers":["top/layer.tar"]}])"}});
  const auto loaded = load(store, archive);
  ASSERT_OK(loaded);
  EXPECT_EQ(loaded->at(0).id, digest_of(config));
  EXPECT_THAT(loaded->at(0).names, ElementsAre("x:1"));
  EXPECT_OK(store.resolve("x:1"));
}

TEST_F(ImageArchiveTest, HostileArchivesAreRefused) {
  const auto tar = make_tar({{.name = "f", .data = "x"}});
  const auto config = config_of(tar);
  const auto with = [&](const std::string& manifest, const std::string& layer) {
    return load(
        store,
        make_tar({{.name = "l.tar", .data = layer}, {.name = "c.json", .data = config}, {.name = "manifest.json", .data = manifest}}));
  };
  EXPECT_THAT(with(R"([{"Config":"c.json","Layers":["l.tar"]}])", tar + std::string(512, '\0')), ErrorIs(Code::data_loss, "diffID"));
  EXPECT_THAT(with(R"([{"Config":"../../etc/passwd","Layers":["l.tar"]}])", tar), ErrorIs(Code::invalid_argument, "leads out"));
  EXPECT_THAT(with(R"([{"Config":"/etc/passwd","Layers":["l.tar"]}])", tar), ErrorIs(Code::not_found, "no etc/passwd"));
  EXPECT_THAT(with(R"([{"Config":"c.json","Layers":["none.tar"]}])", tar), ErrorIs(Code::not_found, "none.tar"));
  EXPECT_THAT(with(R"([{"Config":"c.json","Layers":[]}])", tar), ErrorIs(Code::invalid_argument, "0 layers"));
  EXPECT_THAT(with("[]", tar), ErrorIs(Code::invalid_argument));
  EXPECT_THAT(with("{", tar), ErrorIs(Code::invalid_argument));
  EXPECT_THAT(with(R"([{"Config":"c.json","RepoTags":["UPPER:x y"],"Layers":["l.tar"]}])", tar), ErrorIs(Code::invalid_argument));
  EXPECT_THAT(load(store, make_tar({{.name = "x"}})), ErrorIs(Code::invalid_argument, "neither"));
  EXPECT_THAT(
      load(store, make_tar({{.name = "a", .type = '2', .link = "manifest.json"}, {.name = "manifest.json", .type = '2', .link = "a"}})),
      ErrorIs(Code::invalid_argument, "neither"));
  EXPECT_THAT(load(store, make_tar({{.name = "blobs/sha256/" + std::string(64, 'a'), .data = "lie"}})), ErrorIs(Code::data_loss));
  const auto whole = save({import(tar, "y").value().str()}).value();
  for (std::size_t size = 0; size + 3000 < whole.size(); size += 700) EXPECT_FALSE(load(other, whole.substr(0, size))) << size;
  EXPECT_TRUE(other.list()->empty());
}

}  // namespace
}  // namespace fulcrum::image
