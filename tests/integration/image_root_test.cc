// Layers and images as root: devices, owners, attributes, overlay views, a full disk; and the same trees as other tools make of the same
// images.
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <csignal>
#include <cstdlib>
#include <map>

#include "api/oci/image_spec.h"
#include "base/process.h"
#include "base/testing.h"
#include "image/image_archive.h"
#include "image/tar_fixture.h"
#include "image/tree_node.h"
#include "os/overlay.h"

namespace fulcrum::image {
namespace {

using fulcrum::testing::ErrorIs;
using fulcrum::testing::IsOk;
using fulcrum::testing::TemporaryDirectory;
using ::testing::IsEmpty;
using testing::make_tar;
using testing::memory_file;
using testing::TarItem;

/// A file capability, version 2: cap_net_raw+ep.
const std::string kNetRaw("\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 20);

struct ImageRootTest : ::testing::Test {
  static void SetUpTestSuite() {
    if (::geteuid() != 0) return;
    // Mounts that tests make are seen by nobody else and go away with the process.
    ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
    ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
  }
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  }

  TemporaryDirectory dir;
  const StopSource& stop = StopSource::never();
  const UnpackOptions unpack{.durable = false};

  static bool have(const char* program) {
    const auto found =
        run({.argv = {"sh", "-c", std::string("command -v ") + program}}, "", StopSource::never(), Deadline::in(std::chrono::seconds(10)));
    return found && found->status.ok();
  }
  static void shell(const std::string& script) {
    const auto done = run({.argv = {"sh", "-ec", script}}, "", StopSource::never(), Deadline::in(std::chrono::minutes(2)));
    ASSERT_OK(done);
    ASSERT_TRUE(done->status.ok()) << script << "\n" << done->err;
  }
  static Sink into_file(int fd) { return fd_sink(fd, StopSource::never()); }

  /// Everything about each file of a tree that an image carries, by path.
  static std::map<std::string, std::string> describe(int root) {
    std::map<std::string, std::string> out;
    std::map<std::pair<dev_t, ino_t>, std::string> links;
    describe_folder(root, "", out, links);
    return out;
  }
  static void describe_folder(int folder, const std::string& prefix, std::map<std::string, std::string>& out,
                              std::map<std::pair<dev_t, ino_t>, std::string>& links) {
    const auto names = names_in(folder).value();
    for (const auto& name : names) {
      const auto node = std::move(*TreeNode::look(folder, name).value());
      const auto path = prefix + "/" + name;
      auto text = fmt::format("{:o} {}:{} {}", node.st.st_mode, node.st.st_uid, node.st.st_gid, node.st.st_mtim.tv_sec);
      if (S_ISREG(node.st.st_mode)) {
        text += fmt::format(" {} {}", node.st.st_size, digest_of(sys::read_file(node.path()).value()).str());
        const auto [first, inserted] = links.try_emplace({node.st.st_dev, node.st.st_ino}, path);
        if (!inserted) text += " = " + first->second;
      } else if (S_ISLNK(node.st.st_mode)) {
        text += " -> " + sys::read_link("/proc/self/fd/" + std::to_string(folder) + "/" + name).value();
      } else if (S_ISCHR(node.st.st_mode) || S_ISBLK(node.st.st_mode)) {
        text += fmt::format(" {}:{}", major(node.st.st_rdev), minor(node.st.st_rdev));
      }
      const auto attributes = node.xattr_names().value();
      for (const auto& attribute : attributes) {
        if (!attribute.starts_with("user.rootlesscontainers")) text += " " + attribute + "=" + *node.xattr(attribute).value();
      }
      out[path] = text;
      if (node.is_folder()) describe_folder(node.open()->get(), path, out, links);
    }
  }
  std::map<std::string, std::string> describe_image(const ImageStore& store, const std::string& name) {
    const auto image = store.resolve(name).value();
    const auto view = mount_overlay_detached({.lowers = image.layer_dirs});
    EXPECT_OK(view);
    return describe(sys::open_in_root(view->get(), ".", O_RDONLY | O_DIRECTORY)->get());
  }
};

TEST_F(ImageRootTest, UnpacksOwnersDevicesAndAttributes) {
  auto store = LayerStore::open(dir / "layers").value();
  const auto tar = make_tar(
      {{.name = "bin/ping", .data = "ping", .mode = 04755, .uid = 12, .gid = 34, .pax = {{"SCHILY.xattr.security.capability", kNetRaw}}},
       {.name = "dev/null", .type = '3', .mode = 0666, .major = 1, .minor = 3},
       {.name = "dev/loop", .type = '4', .mode = 0660, .gid = 6, .major = 7, .minor = 1},
       {.name = "link", .type = '2', .link = "/etc/passwd", .uid = 55, .gid = 66},
       {.name = "home/", .type = '5', .mode = 01777, .uid = 4'000, .gid = 100},
       {.name = "home/.wh..wh..opq"},
       {.name = "home/x", .uid = 0, .pax = {{"uid", "3000000000"}, {"SCHILY.xattr.trusted.note", "t"}}},
       {.name = "etc/.wh.shadow"}});
  const auto blob = memory_file(tar);
  ASSERT_OK(store.unpack(blob.get(), digest_of(tar), unpack, stop));
  const auto at = store.path(digest_of(tar));
  const auto ping = sys::lstat(at + "/bin/ping")->value();
  EXPECT_EQ(ping.st_mode, S_IFREG | 04755U);
  EXPECT_EQ(ping.st_uid, 12U);
  EXPECT_EQ(ping.st_gid, 34U);
  char value[64];
  EXPECT_EQ(std::string(value, ::getxattr((at + "/bin/ping").c_str(), "security.capability", value, sizeof value)), kNetRaw);
  EXPECT_EQ(sys::lstat(at + "/dev/null")->value().st_rdev, makedev(1, 3));
  EXPECT_EQ(sys::lstat(at + "/dev/null")->value().st_mode, S_IFCHR | 0666U);
  EXPECT_EQ(sys::lstat(at + "/dev/loop")->value().st_mode, S_IFBLK | 0660U);
  EXPECT_EQ(sys::lstat(at + "/link")->value().st_uid, 55U);
  EXPECT_EQ(sys::lstat(at + "/home")->value().st_mode, S_IFDIR | 01777U);
  EXPECT_EQ(sys::lstat(at + "/home/x")->value().st_uid, 3'000'000'000U);
  EXPECT_EQ(::getxattr((at + "/home/x").c_str(), "trusted.note", value, sizeof value), 1);
  EXPECT_EQ(::getxattr((at + "/home").c_str(), "trusted.overlay.opaque", value, sizeof value), 1);
  EXPECT_TRUE(S_ISCHR(sys::lstat(at + "/etc/shadow")->value().st_mode));
}

struct ViewTest : ImageRootTest {
  /// Two layers, the upper one with a whiteout, an opaque folder and a replaced file.
  std::vector<std::string> lowers() {
    auto store = LayerStore::open(dir / "layers").value();
    const auto add = [&](const std::vector<TarItem>& items) {
      const auto blob = memory_file(make_tar(items));
      return store.path(store.unpack_new(blob.get(), unpack, stop).value());
    };
    const auto base = add({{.name = "etc/", .type = '5', .mode = 0755},
                           {.name = "etc/gone", .data = "1"},
                           {.name = "etc/kept", .data = "1"},
                           {.name = "old/", .type = '5', .mode = 0755},
                           {.name = "old/a", .data = "1"},
                           {.name = "file", .data = "1"}});
    const auto top = add({{.name = "etc/", .type = '5', .mode = 0755},
                          {.name = "etc/.wh.gone"},
                          {.name = "old/", .type = '5', .mode = 0755},
                          {.name = "old/.wh..wh..opq"},
                          {.name = "old/b", .data = "2"},
                          {.name = "file", .data = "22"}});
    return {top, base};
  }
  static std::string names(int root) {
    std::string out;
    for (const auto& [path, text] : describe(root)) out += path + " ";
    return out;
  }
};

TEST_F(ViewTest, LayersMergeAsTheKernelSeesThem) {
  const auto view = mount_overlay_detached({.lowers = lowers()});
  ASSERT_OK(view);
  const auto root = sys::open_in_root(view->get(), ".", O_RDONLY | O_DIRECTORY).value();
  EXPECT_EQ(names(root.get()), "/etc /etc/kept /file /old /old/b ");
  EXPECT_EQ(sys::read_file_at(root.get(), "file").value(), "22");
  EXPECT_THAT(sys::open_in_root(view->get(), "new", O_WRONLY | O_CREAT, 0644), ErrorIs(code_from_errno(EROFS)));
  const auto mounts = sys::read_file("/proc/self/mountinfo").value();
  EXPECT_EQ(mounts.find(dir.path()), std::string::npos);
}

TEST_F(ViewTest, WritesGoToTheUpperAndBecomeALayer) {
  ASSERT_OK(sys::make_directories(dir / "upper"));
  ASSERT_OK(sys::make_directories(dir / "work"));
  const auto below = lowers();
  {
    const auto view = mount_overlay_detached({.lowers = below, .upper = dir / "upper", .work = dir / "work"});
    ASSERT_OK(view);
    // A link to an absolute path stays inside.
    ASSERT_EQ(::symlinkat("/etc", view->get(), "trap"), 0);
    const auto file = sys::open_in_root(view->get(), "trap/fulcrum-written", O_WRONLY | O_CREAT | O_EXCL, 0644);
    ASSERT_OK(file);
    ASSERT_OK(sys::write_all(file->get(), "hello"));
    ASSERT_EQ(::unlinkat(sys::open_in_root(view->get(), "old", O_RDONLY | O_DIRECTORY)->get(), "b", 0), 0);
  }
  EXPECT_FALSE(sys::exists("/etc/fulcrum-written"));
  EXPECT_EQ(sys::read_file(dir / "upper/etc/fulcrum-written").value(), "hello");
  const auto upper = sys::open(dir / "upper", O_RDONLY | O_DIRECTORY).value();
  std::string listed;
  const auto changes = list_changes(upper.get(), below, stop).value();
  for (const auto& change : changes) listed += std::string(1, static_cast<char>(change.kind)) + change.path + " ";
  EXPECT_EQ(listed, "C/etc A/etc/fulcrum-written C/old D/old/b A/trap ");
  std::string tar;
  ASSERT_OK(write_layer(
      upper.get(),
      [&](std::string_view data) -> Result<> {
        tar += data;
        return {};
      },
      {}, stop));
  auto store = LayerStore::open(dir / "layers").value();
  const auto blob = memory_file(tar);
  auto stacked = below;
  stacked.insert(stacked.begin(), store.path(store.unpack_new(blob.get(), unpack, stop).value()));
  const auto view = mount_overlay_detached({.lowers = stacked});
  ASSERT_OK(view);
  EXPECT_EQ(names(sys::open_in_root(view->get(), ".", O_RDONLY | O_DIRECTORY)->get()),
            "/etc /etc/fulcrum-written /etc/kept /file /old /trap ");
}

TEST_F(ViewTest, OneLayerOrForty) {
  auto store = LayerStore::open(dir / "layers").value();
  std::vector<std::string> stack;
  for (int i = 0; i < 40; ++i) {
    const auto blob = memory_file(make_tar({{.name = "f", .data = std::to_string(i)}, {.name = "only-" + std::to_string(i)}}));
    stack.insert(stack.begin(), store.path(store.unpack_new(blob.get(), unpack, stop).value()));
    if (i != 0 && i != 39) continue;
    const auto view = mount_overlay_detached({.lowers = stack});
    ASSERT_OK(view);
    const auto root = sys::open_in_root(view->get(), ".", O_RDONLY | O_DIRECTORY).value();
    EXPECT_EQ(sys::read_file_at(root.get(), "f").value(), std::to_string(i));
    EXPECT_EQ(names_in(root.get())->size(), static_cast<std::size_t>(i) + 2);
  }
}

TEST_F(ImageRootTest, ExportAndImportKeepTheTree) {
  auto store = ImageStore::open(dir / "data").value();
  const auto tar =
      make_tar({{.name = "bin/ping", .data = "ping", .mode = 04755, .uid = 12, .pax = {{"SCHILY.xattr.security.capability", kNetRaw}}},
                {.name = "bin/alias", .type = '1', .link = "bin/ping"},
                {.name = "dev/null", .type = '3', .mode = 0666, .major = 1, .minor = 3},
                {.name = "pipe", .type = '6', .mode = 0600},
                {.name = "link", .type = '2', .link = "nowhere"}});
  const auto import = [&](const std::string& bytes, const std::string& name) {
    const auto file = memory_file(bytes);
    return import_image(store, {.source = file.get(), .tags = {Reference::parse(name).value()}, .unpack = unpack}, stop);
  };
  ASSERT_OK(import(tar, "a"));
  const auto view = mount_overlay_detached({.lowers = store.resolve("a")->layer_dirs}).value();
  std::string flat;
  ASSERT_OK(write_tree(
      sys::open_in_root(view.get(), ".", O_RDONLY | O_DIRECTORY)->get(),
      [&](std::string_view data) -> Result<> {
        flat += data;
        return {};
      },
      {}, stop));
  ASSERT_OK(import(flat, "b"));
  EXPECT_EQ(describe_image(store, "a"), describe_image(store, "b"));
}

TEST_F(ImageRootTest, AFullDiskIsResourceExhaustedAndLeavesNothing) {
  ASSERT_OK(sys::make_directories(dir / "small"));
  ASSERT_EQ(::mount("tmpfs", (dir / "small").c_str(), "tmpfs", 0, "size=2m"), 0);
  {
    auto store = ImageStore::open(dir / "small/data").value();
    auto writer = store.content().writer({.key = "big"}).value();
    Result<> wrote;
    while ((wrote = writer.write(std::string(100'000, 'x')))) {
    }
    EXPECT_THAT(wrote, ErrorIs(Code::resource_exhausted));
    EXPECT_THAT(sys::list_directory(dir / "small/data/content/ingest").value(), IsEmpty());
    const auto tar = make_tar({{.name = "big", .data = std::string(3 << 20, 'x')}});
    const auto blob = memory_file(tar);
    EXPECT_THAT(store.layers().unpack(blob.get(), digest_of(tar), unpack, stop), ErrorIs(Code::resource_exhausted));
    EXPECT_THAT(sys::list_directory(dir / "small/data/layers").value(), IsEmpty());
    const auto source = memory_file(tar);
    EXPECT_THAT(import_image(store, {.source = source.get(), .unpack = unpack}, stop), ErrorIs(Code::resource_exhausted));
    ASSERT_OK(store.collect());
    EXPECT_THAT(store.content().list().value(), IsEmpty());
    EXPECT_THAT(sys::list_directory(dir / "small/data/content/ingest").value(), IsEmpty());
    EXPECT_THAT(store.list().value(), IsEmpty());
  }
  ASSERT_EQ(::umount2((dir / "small").c_str(), 0), 0);
}

TEST_F(ImageRootTest, UnpacksAsUmociDoes) {
  if (!have("umoci")) GTEST_SKIP() << "umoci is not installed";
  shell("cd " + dir.path() + R"(
    umoci init --layout oci; umoci new --image oci:t
    umoci unpack --image oci:t bundle; cd bundle/rootfs
    mkdir -p etc var/lib/x bin dir/deep old; echo a >etc/a; echo b >etc/b; ln etc/a etc/hard; ln -s ../etc/b bin/soft
    mknod dev-null c 1 3; mkfifo pipe; chown -h 7:8 bin/soft; chown 1000:1000 var/lib/x; chmod 2755 var/lib/x
    echo s >bin/su; chmod 4711 bin/su; setfattr -n user.note -v hello etc/b; setcap cap_net_raw+ep bin/su
    truncate -s 3M sparse; echo tail >>sparse; echo 1 >dir/deep/1; echo old >old/file; echo was-file >turned
    touch -d @1500000000 "name with spaces and ä"; mkdir turned-dir; echo x >turned-dir/x
    cd ../..; umoci repack --image oci:t bundle; rm -rf bundle
    umoci unpack --image oci:t bundle; cd bundle/rootfs
    rm etc/a; rm -rf dir/deep; rm -rf old; mkdir old; echo new >old/new; rm turned; mkdir turned; echo y >turned/y
    rm -rf turned-dir; echo now-file >turned-dir; chmod 700 etc; long=$(printf 'n%.0s' $(seq 200)); mkdir $long; echo long >$long/$long
    cd ../..; umoci repack --image oci:t bundle; rm -rf bundle
    umoci unpack --image oci:t bundle; tar -C oci -cf oci.tar .)");
  if (HasFatalFailure()) return;
  auto store = ImageStore::open(dir / "data").value();
  const auto archive = sys::open(dir / "oci.tar", O_RDONLY).value();
  const auto loaded = load_images(store, {.source = archive.get(), .unpack = unpack}, stop);
  ASSERT_OK(loaded);
  const auto theirs = describe(sys::open(dir / "bundle/rootfs", O_RDONLY | O_DIRECTORY)->get());
  EXPECT_GT(theirs.size(), 20U);
  EXPECT_EQ(describe_image(store, loaded->at(0).id.str()), theirs);
}

TEST_F(ImageRootTest, SkopeoReadsWhatWeSaveAndWeLoadWhatItWrites) {
  if (!have("skopeo")) GTEST_SKIP() << "skopeo is not installed";
  auto store = ImageStore::open(dir / "a").value();
  auto other = ImageStore::open(dir / "b").value();
  const auto tar = make_tar({{.name = "etc/os-release", .data = "ID=x"}, {.name = "bin/sh", .data = "sh", .mode = 0755}});
  const auto source = memory_file(tar);
  const auto id =
      import_image(store, {.source = source.get(), .changes = {"CMD sh"}, .tags = {Reference::parse("x:1").value()}, .unpack = unpack},
                   stop)
          .value();
  const auto saved = sys::open(dir / "saved.tar", O_RDWR | O_CREAT, 0600).value();
  ASSERT_OK(save_images(store, {"x:1"}, into_file(saved.get()), stop));
  shell("cd " + dir.path() +
        " && export XDG_RUNTIME_DIR=$PWD && skopeo --insecure-policy copy -q docker-archive:saved.tar:x:1 oci:layout:1"
        " && mkdir ours && tar -C ours -xf saved.tar && skopeo --insecure-policy copy -q --preserve-digests oci:ours oci:exact:1"
        " && skopeo --insecure-policy copy -q oci:exact:1 docker-archive:back.tar:y:2 && tar -C exact -cf exact.tar .");
  if (HasFatalFailure()) return;
  const auto load = [&](const std::string& name) {
    const auto file = sys::open(dir / name, O_RDONLY).value();
    return load_images(other, {.source = file.get(), .unpack = unpack}, stop);
  };
  const auto exact = load("exact.tar");
  ASSERT_OK(exact);
  EXPECT_EQ(exact->at(0).id, id);
  EXPECT_EQ(other.inspect(id.str())->manifest, store.inspect("x:1")->manifest);
  const auto back = load("back.tar");
  ASSERT_OK(back);
  EXPECT_EQ(back->at(0).names, std::vector<std::string>{"y:2"});
  EXPECT_EQ(other.inspect("y:2")->layers.at(0).diff_id, digest_of(tar));
}

// ---- kill -9 ----

const char* const kCrashDir = "FULCRUM_TEST_CRASH_DIR";

/// What the killed process does: images come, get names and holders, and go, until it is killed.
TEST_F(ImageRootTest, DISABLED_WorksUntilKilled) {
  const char* data = std::getenv(kCrashDir);
  if (data == nullptr) GTEST_SKIP() << "runs as the child of SurvivesKill";
  auto store = ImageStore::open(data).value();
  for (int i = 0;; ++i) {
    const auto tar =
        make_tar({{.name = "a", .data = std::string(200'000, 'a')}, {.name = "b" + std::to_string(i % 7), .data = std::to_string(i)}});
    const auto source = memory_file(tar);
    const auto name = "x:" + std::to_string(i % 5);
    const auto id = import_image(store, {.source = source.get(), .tags = {Reference::parse(name).value()}, .unpack = unpack}, stop);
    ASSERT_OK(id);
    ASSERT_OK(store.hold(*id, "w" + std::to_string(i % 2)));
    if (i % 2 == 1) {
      ASSERT_OK(store.release("w0"));
    }
    if (i % 3 == 2) {
      ASSERT_OK(store.remove(name, {.force = true}));
    }
    if (i % 4 == 3) {
      ASSERT_OK(store.prune(false));
    }
  }
}

TEST_F(ImageRootTest, SurvivesKill) {
  std::vector<std::string> env = {std::string(kCrashDir) + "=" + (dir / "data"), "TMPDIR=" + dir.path()};
  std::size_t seen = 0;
  for (int round = 0; round < 25; ++round) {
    auto child =
        Process::spawn({.argv = {"/proc/self/exe", "--gtest_filter=*WorksUntilKilled", "--gtest_also_run_disabled_tests"}, .env = env})
            .value();
    // Not a wait for something: a different moment to kill at each time.
    static_cast<void>(wait_until(stop, Deadline::in(std::chrono::milliseconds(30 + round * 7))));
    ASSERT_OK(child.signal(SIGKILL));
    ASSERT_EQ(child.wait(stop, Deadline::in(std::chrono::seconds(10)))->signal, SIGKILL);
    auto store = ImageStore::open(dir / "data").value();
    const auto images = store.list();
    ASSERT_OK(images);
    for (const auto& image : *images) {
      ASSERT_OK(store.resolve(image.id.str()));
      ASSERT_OK(store.content().verify(image.manifest));
      for (const auto& layer : image.layers) ASSERT_OK(store.content().verify(layer.blob));
      ++seen;
    }
    const auto folders = sys::list_directory(dir / "data/layers").value();
    for (const auto& name : folders) ASSERT_TRUE(name.starts_with("sha256-")) << name;
    ASSERT_OK(store.collect());
    EXPECT_LE(store.layers().list()->size(), images->size());
  }
  EXPECT_GT(seen, 0U);
}

}  // namespace
}  // namespace fulcrum::image
