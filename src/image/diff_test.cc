#include "image/diff.h"

#include <sys/xattr.h>

#include "base/testing.h"
#include "image/image_archive.h"
#include "image/layer_store.h"
#include "image/tar_fixture.h"

namespace fulcrum::image {
namespace {

using fulcrum::testing::ErrorIs;
using fulcrum::testing::IsOk;
using fulcrum::testing::TemporaryDirectory;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::memory_file;

struct DiffTest : ::testing::Test {
  TemporaryDirectory dir;
  TreeOptions options;
  const StopSource& stop = StopSource::never();
  const UnpackOptions unpack{.user_xattr = true, .durable = false, .keep_owner = false};

  void SetUp() override {
    for (const char* name : {"upper", "lower", "lower2"}) ASSERT_OK(sys::make_directories(dir / name));
  }
  void write(const std::string& name, const std::string& data) {
    ASSERT_OK(sys::make_directories((dir / name).substr(0, (dir / name).rfind('/'))));
    ASSERT_OK(sys::write_file_atomic(dir / name, data));
  }
  void whiteout(const std::string& name) { ASSERT_EQ(::mknod((dir / name).c_str(), S_IFCHR, 0), 0); }
  void opaque(const std::string& name) { ASSERT_EQ(::setxattr((dir / name).c_str(), "user.overlay.opaque", "y", 1, 0), 0); }
  UniqueFd upper() { return sys::open(dir / "upper", O_RDONLY | O_DIRECTORY).value(); }

  Result<std::string> layer() {
    std::string out;
    const Sink sink = [&](std::string_view data) -> Result<> {
      out += data;
      return {};
    };
    TRY(write_layer(upper().get(), sink, options, stop));
    return out;
  }
  /// Names in a tar, in order; links as "a -> b".
  static std::vector<std::string> names(const std::string& tar) {
    const auto file = memory_file(tar);
    auto reader = TarReader::open(file.get(), {}, StopSource::never()).value();
    std::vector<std::string> out;
    while (const auto entry = reader.next().value()) out.push_back(entry->name + (entry->target.empty() ? "" : " -> " + entry->target));
    return out;
  }
  std::vector<std::string> changes() {
    std::vector<std::string> out;
    const auto listed = list_changes(upper().get(), {dir / "lower2", dir / "lower"}, stop).value();
    for (const auto& change : listed) {
      out.push_back(std::string(1, static_cast<char>(change.kind)) + " " + change.path);
    }
    return out;
  }
};

TEST_F(DiffTest, WritesWhiteoutsLinksAndOrder) {
  write("upper/b/file", "x");
  write("upper/a", "y");
  ASSERT_EQ(::link((dir / "upper/a").c_str(), (dir / "upper/b/hard").c_str()), 0);
  ASSERT_EQ(::symlink("../a", (dir / "upper/b/soft").c_str()), 0);
  ASSERT_EQ(::mkfifo((dir / "upper/pipe").c_str(), 0600), 0);
  whiteout("upper/gone");
  opaque("upper/b");
  const auto tar = layer().value();
  EXPECT_THAT(names(tar), ElementsAre("./", "a", "b/", "b/.wh..wh..opq", "b/file", "b/hard -> a", "b/soft -> ../a", ".wh.gone", "pipe"));
  EXPECT_EQ(layer().value(), tar);
}

TEST_F(DiffTest, RoundTripsThroughTheLayerStore) {
  write("upper/etc/conf", "data");
  const std::string long_name(120, 'n');
  write("upper/" + long_name + "/" + long_name, "long");
  write("upper/\xc3\xa4-\xff", "bytes");
  ASSERT_EQ(::chmod((dir / "upper/etc/conf").c_str(), 04711), 0);
  ASSERT_EQ(::setxattr((dir / "upper/etc/conf").c_str(), "user.note", "a\0b=\n", 5, 0), 0);
  whiteout("upper/etc/gone");
  ASSERT_OK(sys::make_directories(dir / "upper/fresh"));
  opaque("upper/fresh");
  const auto tar = layer().value();
  auto store = LayerStore::open(dir / "layers").value();
  const auto blob = memory_file(tar);
  const auto diff_id = store.unpack_new(blob.get(), unpack, stop).value();
  EXPECT_EQ(diff_id, digest_of(tar));
  const auto again = sys::open(store.path(diff_id), O_RDONLY | O_DIRECTORY).value();
  std::string second;
  ASSERT_OK(write_layer(
      again.get(),
      [&](std::string_view data) -> Result<> {
        second += data;
        return {};
      },
      options, stop));
  EXPECT_EQ(digest_of(second), diff_id);
}

TEST_F(DiffTest, MountPointsOfTheRuntimeAreNoChanges) {
  write("lower/etc/passwd", "root");
  write("upper/etc/hosts", "");
  write("upper/etc/resolv.conf", "");
  ASSERT_EQ(::mkdir((dir / "upper/proc").c_str(), 0755), 0);
  EXPECT_THAT(changes(), IsEmpty());
  write("upper/etc/hostname", "written by somebody");
  ASSERT_EQ(::mkdir((dir / "upper/sys").c_str(), 0755), 0);
  write("upper/sys/file", "x");
  EXPECT_THAT(changes(), ElementsAre("C /etc", "A /etc/hostname", "A /sys", "A /sys/file"));
  options.leave_out_mount_points = true;
  EXPECT_THAT(names(layer().value()), ElementsAre("./", "etc/", "etc/hostname", "sys/", "sys/file"));
  options.leave_out_mount_points = false;
  EXPECT_THAT(names(layer().value()),
              ElementsAre("./", "etc/", "etc/hostname", "etc/hosts", "etc/resolv.conf", "proc/", "sys/", "sys/file"));
}

TEST_F(DiffTest, SparseFilesStaySmall) {
  const auto file = sys::open(dir / "upper/sparse", O_WRONLY | O_CREAT, 0644).value();
  ASSERT_EQ(::pwrite(file.get(), "tail", 4, (64 << 20) - 4), 4);
  ASSERT_EQ(::ftruncate(file.get(), 80 << 20), 0);
  const auto hollow = sys::open(dir / "upper/hollow", O_WRONLY | O_CREAT, 0644).value();
  ASSERT_EQ(::ftruncate(hollow.get(), 1 << 20), 0);
  const auto tar = layer().value();
  EXPECT_LT(tar.size(), 100'000U);
  auto store = LayerStore::open(dir / "layers").value();
  const auto blob = memory_file(tar);
  const auto diff_id = store.unpack_new(blob.get(), unpack, stop).value();
  const auto st = sys::lstat(store.path(diff_id) + "/sparse")->value();
  EXPECT_EQ(st.st_size, 80 << 20);
  EXPECT_LT(st.st_blocks * 512, 100'000);
  EXPECT_EQ(sys::lstat(store.path(diff_id) + "/hollow")->value().st_size, 1 << 20);
  const auto unpacked = sys::open(store.path(diff_id) + "/sparse", O_RDONLY).value();
  char tail[4];
  ASSERT_EQ(::pread(unpacked.get(), tail, 4, (64 << 20) - 4), 4);
  EXPECT_EQ(std::string(tail, 4), "tail");
}

TEST_F(DiffTest, TimesCanBeClamped) {
  write("upper/f", "x");
  options.clamp_mtime = 1000;
  const auto file = memory_file(layer().value());
  auto reader = TarReader::open(file.get(), {}, stop).value();
  while (const auto entry = reader.next().value()) EXPECT_EQ(entry->mtime.tv_sec, 1000);
}

TEST_F(DiffTest, OwnersAreMapped) {
  write("upper/f", "x");
  const auto st = sys::lstat(dir / "upper/f")->value();
  options.uid_map = {{.inside = 7, .outside = st.st_uid, .count = 1}};
  options.gid_map = {{.inside = 0, .outside = st.st_gid + 1, .count = 1}};
  const auto file = memory_file(layer().value());
  auto reader = TarReader::open(file.get(), {}, stop).value();
  const auto entry = reader.next().value();
  EXPECT_EQ(entry->uid, 7U);
  EXPECT_EQ(entry->gid, 65534U);
}

TEST_F(DiffTest, RefusesWhatNoLayerCanHold) {
  write("upper/.wh.real", "x");
  EXPECT_THAT(layer(), ErrorIs(Code::invalid_argument, ".wh.real"));
  ASSERT_EQ(::unlink((dir / "upper/.wh.real").c_str()), 0);
  ASSERT_OK(sys::make_directories(dir / "upper/moved"));
  ASSERT_EQ(::setxattr((dir / "upper/moved").c_str(), "user.overlay.redirect", "/x", 2, 0), 0);
  EXPECT_THAT(layer(), ErrorIs(Code::unimplemented, "redirect"));
}

TEST_F(DiffTest, ListsChangesAsDockerDoes) {
  write("lower/etc/passwd", "1");
  write("lower/etc/group", "1");
  write("lower/old/a", "1");
  write("lower/old/b", "1");
  write("lower2/etc/shadow", "1");
  write("lower/hidden", "1");
  whiteout("lower2/hidden");
  write("upper/etc/passwd", "2");
  write("upper/etc/new", "2");
  whiteout("upper/etc/group");
  whiteout("upper/etc/shadow");
  whiteout("upper/nothing");
  write("upper/hidden", "2");
  write("upper/old/b", "2");
  opaque("upper/old");
  EXPECT_THAT(changes(), ElementsAre("C /etc", "D /etc/group", "A /etc/new", "C /etc/passwd", "D /etc/shadow", "A /hidden", "C /old",
                                     "D /old/a", "C /old/b"));
}

TEST_F(DiffTest, CommitPutsALayerOnTop) {
  auto store = ImageStore::open(dir / "data").value();
  const auto tar = testing::make_tar({{.name = "etc/base", .data = "1"}});
  const auto source = memory_file(tar);
  const auto base = import_image(store, {.source = source.get(), .changes = {"CMD base", "ENV A=1"}, .unpack = unpack}, stop).value();
  write("upper/etc/more", "2");
  const auto folder = upper();
  const auto id = commit_image(store,
                               {.base = base,
                                .upper = folder.get(),
                                .changes = {"USER nobody"},
                                .author = "me",
                                .message = "why",
                                .tags = {Reference::parse("committed").value()},
                                .unpack = unpack},
                               stop);
  ASSERT_OK(id);
  const auto image = store.resolve("committed").value();
  ASSERT_EQ(image.layer_dirs.size(), 2U);
  EXPECT_EQ(sys::read_file(image.layer_dirs[0] + "/etc/more").value(), "2");
  const auto config = oci::parse_image_config(image.config).value();
  EXPECT_EQ(config.config.user, "nobody");
  EXPECT_THAT(config.config.env, ElementsAre("A=1"));
  EXPECT_EQ(store.history("committed")->front().comment, "why");
  EXPECT_EQ(store.layers().list()->size(), 2U);
}

TEST_F(DiffTest, StopsWhenAsked) {
  write("upper/f", "x");
  StopSource stopped;
  stopped.request_stop();
  EXPECT_THAT(write_layer(upper().get(), [](std::string_view) { return Result<>(); }, options, stopped), ErrorIs(Code::cancelled));
}

}  // namespace
}  // namespace fulcrum::image
