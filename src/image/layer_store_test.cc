#include "image/layer_store.h"

#include <archive.h>
#include <archive_entry.h>
#include <sys/xattr.h>

#include "base/testing.h"
#include "image/tar_fixture.h"

namespace fulcrum::image {
namespace {

using fulcrum::testing::ErrorIs;
using fulcrum::testing::IsOk;
using fulcrum::testing::TemporaryDirectory;
using testing::make_tar;
using testing::memory_file;
using testing::TarItem;

/// Compresses with one of libarchive's filters.
std::string compress(const std::string& data, int (*filter)(archive*)) {
  std::string out(data.size() + (1 << 20), '\0');
  std::size_t used = 0;
  archive* handle = ::archive_write_new();
  filter(handle);
  ::archive_write_set_format_raw(handle);
  ::archive_write_set_bytes_in_last_block(handle, 1);
  ::archive_write_open_memory(handle, out.data(), out.size(), &used);
  archive_entry* entry = ::archive_entry_new();
  ::archive_entry_set_filetype(entry, AE_IFREG);
  ::archive_write_header(handle, entry);
  ::archive_write_data(handle, data.data(), data.size());
  ::archive_entry_free(entry);
  ::archive_write_close(handle);
  ::archive_write_free(handle);
  out.resize(used);
  return out;
}

struct LayerTest : ::testing::Test {
  LayerTest() {
    options.user_xattr = true;
    options.keep_owner = false;
    options.durable = false;
  }
  TemporaryDirectory dir;
  LayerStore store = LayerStore::open(dir / "layers").value();
  UnpackOptions options;

  Result<UnpackStats> unpack_bytes(const std::string& bytes, const Digest& diff_id) {
    const auto blob = memory_file(bytes);
    return store.unpack(blob.get(), diff_id, options, StopSource::never());
  }
  /// Unpacks and returns the layer's folder, or why not.
  Result<std::string> unpack(const std::vector<TarItem>& items) {
    const auto tar = make_tar(items);
    TRY(unpack_bytes(tar, digest_of(tar)));
    return store.path(digest_of(tar));
  }
  /// What a failed unpack must leave: nothing in the store, nothing beside it.
  void expect_clean() {
    EXPECT_TRUE(sys::list_directory(dir / "layers")->empty());
    EXPECT_EQ(sys::list_directory(dir.path())->size(), 1U);
  }
  static mode_t mode_of(const std::string& path) { return sys::lstat(path)->value().st_mode; }
};

TEST_F(LayerTest, UnpacksFilesFoldersAndLinks) {
  const auto at = unpack({{.name = "./", .type = '5', .mode = 0755},
                          {.name = "bin/", .type = '5', .mode = 0711},
                          {.name = "bin/su", .data = "su!", .mode = 04755, .mtime = 1'234'567'890},
                          {.name = "bin/alias", .type = '1', .link = "bin/su"},
                          {.name = "lib", .type = '2', .link = "usr/lib"},
                          {.name = "a/b/c", .data = "deep"},
                          {.name = "run/pipe", .type = '6', .mode = 0600}});
  ASSERT_OK(at);
  EXPECT_EQ(sys::read_file(*at + "/bin/su").value(), "su!");
  EXPECT_EQ(mode_of(*at + "/bin/su"), S_IFREG | 04755U);
  EXPECT_EQ(mode_of(*at + "/bin"), S_IFDIR | 0711U);
  EXPECT_EQ(mode_of(*at + "/a/b"), S_IFDIR | 0755U);
  EXPECT_EQ(mode_of(*at + "/run/pipe"), S_IFIFO | 0600U);
  EXPECT_EQ(sys::lstat(*at + "/bin/su")->value().st_mtim.tv_sec, 1'234'567'890);
  EXPECT_EQ(sys::lstat(*at + "/bin/su")->value().st_ino, sys::lstat(*at + "/bin/alias")->value().st_ino);
  EXPECT_EQ(sys::read_link(*at + "/lib").value(), "usr/lib");
}

TEST_F(LayerTest, UnpacksOnce) {
  const auto tar = make_tar({{.name = "f", .data = "x"}});
  EXPECT_EQ(unpack_bytes(tar, digest_of(tar))->entries, 1U);
  EXPECT_EQ(unpack_bytes(tar, digest_of(tar))->entries, 0U);
  EXPECT_EQ(store.list()->size(), 1U);
  EXPECT_EQ(store.stat(digest_of(tar))->disk_bytes, 1U);
  EXPECT_OK(store.remove(digest_of(tar)));
  EXPECT_OK(store.remove(digest_of(tar)));
  expect_clean();
}

TEST_F(LayerTest, KnowsFourCompressions) {
  const auto tar = make_tar({{.name = "f", .data = std::string(100'000, 'x')}});
  for (auto* filter :
       {archive_write_add_filter_gzip, archive_write_add_filter_zstd, archive_write_add_filter_xz, archive_write_add_filter_bzip2}) {
    const auto packed = compress(tar, filter);
    ASSERT_LT(packed.size(), tar.size());
    EXPECT_EQ(unpack_bytes(packed, digest_of(tar))->stream_bytes, tar.size());
    ASSERT_OK(store.remove(digest_of(tar)));
  }
}

TEST_F(LayerTest, AcceptsEmptyLayersAndMissingEndMarks) {
  EXPECT_OK(unpack({}));
  EXPECT_OK(unpack_bytes("", digest_of("")));
  const auto endless = make_tar({{.name = "f", .data = "x"}}, false);
  EXPECT_OK(unpack_bytes(endless, digest_of(endless)));
}

TEST_F(LayerTest, HashesWhatFollowsTheEnd) {
  const auto tar = make_tar({{.name = "f", .data = "x"}}) + std::string(10'240, '\0');
  EXPECT_OK(unpack_bytes(tar, digest_of(tar)));
}

TEST_F(LayerTest, RefusesWrongDiffIdAndLeavesNothing) {
  EXPECT_THAT(unpack_bytes(make_tar({{.name = "f"}}), digest_of("other")), ErrorIs(Code::data_loss, "diffID"));
  expect_clean();
}

TEST_F(LayerTest, TruncatedAndFlippedBlobsLeaveNothing) {
  const auto tar = make_tar({{.name = "dir/", .type = '5'}, {.name = "dir/f", .data = std::string(5000, 'x')}, {.name = "g", .data = "y"}});
  const auto packed = compress(tar, archive_write_add_filter_gzip);
  for (std::size_t size = 0; size < packed.size(); size += 7) {
    EXPECT_THAT(unpack_bytes(packed.substr(0, size), digest_of(tar)), ErrorIs(Code::data_loss)) << size;
  }
  for (std::size_t size = 0; size < tar.size() - 1024; size += 100) {
    EXPECT_FALSE(unpack_bytes(tar.substr(0, size), digest_of(tar))) << size;
  }
  for (std::size_t at = 0; at < 2048; at += 13) {
    auto flipped = tar;
    flipped[at] = static_cast<char>(flipped[at] ^ 0x10);
    EXPECT_FALSE(unpack_bytes(flipped, digest_of(tar))) << at;
  }
  EXPECT_FALSE(unpack_bytes("this is no archive at all, but long enough to be looked at", digest_of(tar)));
  expect_clean();
}

TEST_F(LayerTest, NamesThatLeadOutAreRefused) {
  for (const char* name : {"../evil", "a/../../evil", "/../evil", "..", "a/b/../../../evil"}) {
    EXPECT_THAT(unpack({{.name = name, .data = "x"}}), ErrorIs(Code::invalid_argument, "leads out")) << name;
  }
  EXPECT_THAT(unpack({{.name = "f", .type = '1', .link = "../../etc/passwd"}}), ErrorIs(Code::invalid_argument, "leads out"));
  EXPECT_THAT(unpack({{.name = "f", .type = '1', .link = "/etc/passwd"}}), ErrorIs(Code::invalid_argument, "does not have"));
  expect_clean();
}

TEST_F(LayerTest, AbsoluteNamesStayInside) {
  const auto at = unpack({{.name = "/etc/fulcrum-test", .data = "x"}});
  ASSERT_OK(at);
  EXPECT_EQ(sys::read_file(*at + "/etc/fulcrum-test").value(), "x");
}

TEST_F(LayerTest, LinksDoNotLeadOut) {
  const auto outside = dir / "outside";
  ASSERT_OK(sys::make_directories(outside));
  ASSERT_OK(sys::write_file_atomic(outside + "/secret", "s"));
  // Within the layer, an absolute link is resolved as a container would see it.
  EXPECT_THAT(unpack({{.name = "out", .type = '2', .link = outside}, {.name = "out/new", .data = "x"}}),
              ErrorIs(Code::invalid_argument, "not a folder"));
  EXPECT_THAT(unpack({{.name = "out", .type = '2', .link = "../../../../../../../../.." + outside}, {.name = "out/new", .data = "x"}}),
              ErrorIs(Code::invalid_argument, "not a folder"));
  EXPECT_THAT(unpack({{.name = "out", .type = '2', .link = outside}, {.name = "f", .type = '1', .link = "out/secret"}}),
              ErrorIs(Code::invalid_argument, "does not have"));
  const auto at = unpack({{.name = "secret", .type = '2', .link = outside + "/secret"}, {.name = "secret", .data = "replaced"}});
  ASSERT_OK(at);
  EXPECT_EQ(mode_of(*at + "/secret"), S_IFREG | 0644U);
  EXPECT_EQ(sys::read_file(outside + "/secret").value(), "s");
  EXPECT_EQ(sys::list_directory(outside)->size(), 1U);
}

TEST_F(LayerTest, LinkedFoldersInsideAreFollowed) {
  const auto at = unpack(
      {{.name = "usr/lib/", .type = '5', .mode = 0755}, {.name = "lib", .type = '2', .link = "/usr/lib"}, {.name = "lib/x", .data = "x"}});
  ASSERT_OK(at);
  EXPECT_EQ(sys::read_file(*at + "/usr/lib/x").value(), "x");
}

TEST_F(LayerTest, ALinkToAFileOutsideIsNotWrittenThrough) {
  const auto victim = dir / "victim";
  ASSERT_OK(sys::write_file_atomic(victim, "safe"));
  const auto at = unpack({{.name = "a", .type = '2', .link = victim}, {.name = "b", .type = '1', .link = "a"}, {.name = "b", .data = "x"}});
  ASSERT_OK(at);
  EXPECT_EQ(sys::read_file(victim).value(), "safe");
}

TEST_F(LayerTest, WhiteoutsBecomeDevicesAndOpaqueMarks) {
  const auto at = unpack({{.name = "etc/.wh.passwd"},
                          {.name = "var/", .type = '5', .mode = 0755},
                          {.name = "var/.wh..wh..opq"},
                          {.name = "var/kept", .data = "k"},
                          {.name = ".wh..wh.plnk"}});
  ASSERT_OK(at);
  const auto hidden = sys::lstat(*at + "/etc/passwd")->value();
  EXPECT_TRUE(S_ISCHR(hidden.st_mode));
  EXPECT_EQ(hidden.st_rdev, 0U);
  EXPECT_EQ(hidden.st_mtim.tv_sec, 1'600'000'000);
  char value[2] = {};
  EXPECT_EQ(::getxattr((*at + "/var").c_str(), "user.overlay.opaque", value, 2), 1);
  EXPECT_EQ(value[0], 'y');
  EXPECT_FALSE(sys::exists(*at + "/.wh..wh.plnk"));
  EXPECT_EQ(sys::list_directory(*at + "/var")->size(), 1U);
}

TEST_F(LayerTest, AWhiteoutNeverHidesItsOwnLayer) {
  const auto before = unpack({{.name = "x", .data = "1"}, {.name = ".wh.x"}});
  EXPECT_EQ(sys::read_file(before.value() + "/x").value(), "1");
  const auto after = unpack({{.name = ".wh.x"}, {.name = "x", .data = "2"}});
  EXPECT_EQ(sys::read_file(after.value() + "/x").value(), "2");
  const auto folder = unpack({{.name = ".wh.d"}, {.name = "d/", .type = '5', .mode = 0755}, {.name = "d/f"}});
  char value[2] = {};
  EXPECT_EQ(::getxattr((folder.value() + "/d").c_str(), "user.overlay.opaque", value, 2), 1);
  const auto implied = unpack({{.name = ".wh.d"}, {.name = "d/f", .data = "f"}});
  EXPECT_EQ(::getxattr((implied.value() + "/d").c_str(), "user.overlay.opaque", value, 2), 1);
}

TEST_F(LayerTest, BadWhiteoutsAreRefused) {
  for (const char* name : {".wh.", ".wh..", ".wh...", "a/.wh.."}) {
    EXPECT_THAT(unpack({{.name = name}}), ErrorIs(Code::invalid_argument, "whiteout")) << name;
  }
  expect_clean();
}

TEST_F(LayerTest, WhiteoutsBelowAFileHideNothing) {
  const auto at = unpack({{.name = "was-dir", .data = "x"}, {.name = "was-dir/.wh.child"}, {.name = "was-dir/.wh..wh..opq"}});
  EXPECT_EQ(sys::read_file(at.value() + "/was-dir").value(), "x");
  const auto reversed = unpack({{.name = "was-dir/.wh.child"}, {.name = "was-dir", .data = "x"}});
  EXPECT_EQ(sys::read_file(reversed.value() + "/was-dir").value(), "x");
}

TEST_F(LayerTest, AnOpaqueRootHidesWhatIsBelow) {
  const auto tar = make_tar({{.name = ".wh..wh..opq"}, {.name = "f"}});
  ASSERT_OK(unpack_bytes(tar, digest_of(tar)));
  EXPECT_TRUE(store.hides_lower_layers(digest_of(tar)));
}

TEST_F(LayerTest, LaterEntriesReplaceEarlierOnes) {
  const auto at = unpack({{.name = "a", .data = "file"},
                          {.name = "a", .type = '5', .mode = 0755},
                          {.name = "a/x", .data = "x"},
                          {.name = "b/", .type = '5', .mode = 0755},
                          {.name = "b/deep/er", .data = "x"},
                          {.name = "b", .data = "now a file"},
                          {.name = "c", .data = "1"},
                          {.name = "c", .data = "22"},
                          {.name = "d/", .type = '5', .mode = 0700},
                          {.name = "d/kept", .data = "k"},
                          {.name = "d/", .type = '5', .mode = 0711},
                          {.name = "e", .data = "e"},
                          {.name = "e", .type = '1', .link = "e"}});
  ASSERT_OK(at);
  EXPECT_EQ(sys::read_file(*at + "/a/x").value(), "x");
  EXPECT_EQ(sys::read_file(*at + "/b").value(), "now a file");
  EXPECT_EQ(sys::read_file(*at + "/c").value(), "22");
  EXPECT_EQ(sys::read_file(*at + "/d/kept").value(), "k");
  EXPECT_EQ(mode_of(*at + "/d"), S_IFDIR | 0711U);
  EXPECT_EQ(sys::read_file(*at + "/e").value(), "e");
}

TEST_F(LayerTest, KeepsAttributesButForgesNoOverlayState) {
  const std::string binary("\x01\x00\xff=\n", 5);
  const auto at = unpack({{.name = "f", .pax = {{"SCHILY.xattr.user.note", binary}, {"SCHILY.xattr.trusted.overlay.redirect", "/etc"}}}});
  ASSERT_OK(at);
  char value[16];
  const auto size = ::getxattr((*at + "/f").c_str(), "user.note", value, sizeof value);
  EXPECT_EQ(std::string(value, size > 0 ? static_cast<std::size_t>(size) : 0), binary);
  EXPECT_LT(::getxattr((*at + "/f").c_str(), "trusted.overlay.redirect", value, sizeof value), 0);
}

TEST_F(LayerTest, KeepsNamesAsBytes) {
  const std::string decomposed = "e\xcc\x81-\xff";  // not normalised, not even UTF-8
  const std::string long_name(200, 'n');
  const auto at = unpack({{.name = decomposed, .data = "1"},
                          {.name = "short", .data = "2", .pax = {{"path", "dir/" + long_name}}},
                          {.name = "short", .data = "3", .pax = {{"path", "e\xcc\x81"}}}});
  ASSERT_OK(at);
  EXPECT_EQ(sys::read_file(*at + "/" + decomposed).value(), "1");
  EXPECT_EQ(sys::read_file(*at + "/dir/" + long_name).value(), "2");
  EXPECT_EQ(sys::read_file(*at + "/e\xcc\x81").value(), "3");
}

TEST_F(LayerTest, SparseFilesStaySparse) {
  const auto at = unpack(
      {{.name = "GNUSparseFile.0/s",
        .data = "1\n1048576\n4\n" + std::string(500, '\0') + "tail",
        .pax = {{"GNU.sparse.major", "1"}, {"GNU.sparse.minor", "0"}, {"GNU.sparse.name", "s"}, {"GNU.sparse.realsize", "1048580"}}}});
  ASSERT_OK(at);
  const auto st = sys::lstat(*at + "/s")->value();
  EXPECT_EQ(st.st_size, 1'048'580);
  EXPECT_LT(st.st_blocks * 512, 100'000);
  EXPECT_EQ(sys::read_file(*at + "/s")->substr(1'048'576), "tail");
}

TEST_F(LayerTest, LimitsHold) {
  options.limits.max_entries = 2;
  EXPECT_THAT(unpack({{.name = "a"}, {.name = "b"}, {.name = "c"}}), ErrorIs(Code::resource_exhausted, "entries"));
  options.limits = {.max_bytes = 4000};
  EXPECT_THAT(unpack({{.name = "a", .data = std::string(5000, 'x')}}), ErrorIs(Code::resource_exhausted, "4000 bytes"));
  options.limits = {.max_file_bytes = 100};
  EXPECT_THAT(unpack({{.name = "a", .data = std::string(101, 'x')}}), ErrorIs(Code::resource_exhausted, "limit of 100"));
  options.limits = {.max_path = 20};
  EXPECT_THAT(unpack({{.name = "aaaaaaaaaaaaaaaaaaaaaaaaaa"}}), ErrorIs(Code::resource_exhausted, "20 bytes"));
  options.limits = {.max_depth = 3};
  EXPECT_THAT(unpack({{.name = "a/b/c/d"}}), ErrorIs(Code::resource_exhausted, "3 folders"));
  options.limits = {.max_xattr_bytes = 10};
  EXPECT_THAT(unpack({{.name = "f", .pax = {{"SCHILY.xattr.user.note", "0123456789"}}}}), ErrorIs(Code::resource_exhausted, "attributes"));
  expect_clean();
}

TEST_F(LayerTest, CompressionBombsAreStopped) {
  const auto tar = make_tar({{.name = "zeros", .data = std::string(80 << 20, '\0')}});
  options.limits.max_ratio = 100;
  EXPECT_THAT(unpack_bytes(compress(tar, archive_write_add_filter_zstd), digest_of(tar)), ErrorIs(Code::resource_exhausted, "100 : 1"));
  expect_clean();
}

TEST_F(LayerTest, DevicesCanBeForbidden) {
  options.allow_devices = false;
  EXPECT_THAT(unpack({{.name = "null", .type = '3', .major = 1, .minor = 3}}), ErrorIs(Code::permission_denied, "device"));
  EXPECT_THAT(unpack({{.name = "disk", .type = '4', .major = 8, .minor = 0}}), ErrorIs(Code::permission_denied, "device"));
  EXPECT_OK(unpack({{.name = "pipe", .type = '6'}}));
}

TEST_F(LayerTest, OddEntriesAreRefused) {
  EXPECT_THAT(unpack({{.name = ".", .data = "x"}}), ErrorIs(Code::invalid_argument, "root"));
  EXPECT_THAT(unpack({{.name = "d/", .type = '5'}, {.name = "l", .type = '1', .link = "d"}}), ErrorIs(Code::invalid_argument, "folder"));
  EXPECT_THAT(unpack({{.name = "f"}, {.name = "f/x"}}), ErrorIs(Code::invalid_argument, "not a folder"));
  EXPECT_THAT(unpack({{.name = std::string(99, 'x'), .pax = {{"path", std::string(300, 'n')}}}}),
              ErrorIs(Code::invalid_argument, "too long"));
  expect_clean();
}

TEST_F(LayerTest, ACrashLeavesNothingForLong) {
  ASSERT_OK(sys::make_directories(dir / "layers/.new-1234/fs"));
  ASSERT_OK(sys::make_directories(dir / "layers/.old-1234/fs"));
  ASSERT_OK(LayerStore::open(dir / "layers"));
  expect_clean();
}

TEST_F(LayerTest, StopsWhenAsked) {
  StopSource stop;
  stop.request_stop();
  const auto tar = make_tar({{.name = "f"}});
  const auto blob = memory_file(tar);
  EXPECT_THAT(store.unpack(blob.get(), digest_of(tar), options, stop), ErrorIs(Code::cancelled));
  expect_clean();
}

}  // namespace
}  // namespace fulcrum::image
