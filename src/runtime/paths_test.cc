#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sys.h"
#include "base/testing.h"
#include "os/capabilities.h"
#include "runtime/credentials.h"
#include "runtime/overlay_root.h"
#include "runtime/root_path.h"
#include "runtime/sync.h"
#include "runtime/sysctl.h"

namespace fulcrum::runtime {
namespace {

using fulcrum::testing::ErrorIs;
using fulcrum::testing::TemporaryDirectory;

TEST(CleanPath, IsLexical) {
  EXPECT_EQ(clean_path("/a//b/./c/../d/"), "/a/b/d");
  EXPECT_EQ(clean_path("../../x"), "/x");
  EXPECT_EQ(clean_path(""), "/");
}

TEST(RootPath, MakesFoldersBelowTheRootWhateverLinksSay) {
  const TemporaryDirectory dir;
  ASSERT_OK(sys::make_directories(dir / "root"));
  ASSERT_OK(sys::make_directories(dir / "outside"));
  ASSERT_EQ(::symlink((dir / "outside").c_str(), (dir / "root/absolute").c_str()), 0);
  ASSERT_EQ(::symlink("../../outside", (dir / "root/relative").c_str()), 0);
  ASSERT_EQ(::symlink("loop", (dir / "root/loop").c_str()), 0);
  auto root = sys::open(dir / "root", O_PATH | O_DIRECTORY).value();
  EXPECT_OK(ensure_directory(root.get(), "/a/b/c"));
  EXPECT_TRUE(sys::exists(dir / "root/a/b/c"));
  EXPECT_OK(ensure_directory(root.get(), "/absolute/x"));
  EXPECT_OK(ensure_file(root.get(), "/relative/y"));
  EXPECT_TRUE(sys::list_directory(dir / "outside").value().empty());
  EXPECT_TRUE(sys::exists(dir / "root/outside/y"));
  EXPECT_FALSE(ensure_directory(root.get(), "/loop/x").has_value());
  EXPECT_THAT(ensure_parent(root.get(), "/"), ErrorIs(Code::invalid_argument));
}

TEST(Sysctl, DotsAndSlashes) {
  EXPECT_EQ(sysctl_path("net.ipv4.ip_forward"), "net/ipv4/ip_forward");
  EXPECT_EQ(sysctl_path("net.ipv4.conf.eth0/100.forwarding"), "net/ipv4/conf/eth0.100/forwarding");
  EXPECT_EQ(sysctl_path("net/ipv4/conf/eth0.100/forwarding"), "net/ipv4/conf/eth0.100/forwarding");
}

TEST(Sysctl, OnlyWhatIsTheContainersOwn) {
  oci::Spec spec;
  auto& linux = spec.linux.emplace();
  linux.namespaces = {{.type = "ipc", .path = {}}, {.type = "network", .path = {}}, {.type = "uts", .path = {}}};
  linux.sysctl = {{"kernel.sem", "1"}, {"net.core.somaxconn", "1"}, {"fs.mqueue.msg_max", "1"}, {"kernel.domainname", "d"}};
  EXPECT_OK(check_sysctls(spec));
  for (const char* key : {"kernel.panic", "vm.swappiness", "kernel.hostname", "user.max_user_namespaces", "net/../kernel/panic"}) {
    linux.sysctl = {{key, "1"}};
    EXPECT_THAT(check_sysctls(spec), ErrorIs(Code::invalid_argument)) << key;
  }
  linux.namespaces.clear();
  linux.sysctl = {{"kernel.sem", "1"}};
  EXPECT_THAT(check_sysctls(spec), ErrorIs(Code::invalid_argument, "hosts ipc namespace"));
}

TEST(Capabilities, NamesAndBits) {
  EXPECT_EQ(os::capability_number("CAP_NET_RAW"), 13U);
  EXPECT_EQ(os::capability_number("cap_checkpoint_restore"), 40U);
  std::vector<std::string> unknown;
  EXPECT_EQ(os::capability_set(std::vector<std::string>{"CAP_CHOWN", "CAP_X", "CAP_KILL"}, &unknown), 0x21U);
  EXPECT_THAT(unknown, ::testing::ElementsAre("CAP_X"));
}

TEST(FindProgram, SpeaksAsRunc) {
  const TemporaryDirectory dir;
  ASSERT_OK(sys::write_file_atomic(dir / "good", "x", 0755));
  ASSERT_OK(sys::write_file_atomic(dir / "plain", "x", 0644));
  const std::vector<std::string> env{"PATH=/nowhere:" + dir.path()};
  EXPECT_EQ(find_program("good", env).value(), dir / "good");
  EXPECT_THAT(find_program("none", env), ErrorIs(Code::not_found, "exec: \"none\": executable file not found in $PATH"));
  EXPECT_THAT(find_program(dir / "none", env), ErrorIs(Code::not_found, "no such file or directory"));
  EXPECT_THAT(find_program(dir / "plain", env), ErrorIs(Code::permission_denied, "permission denied"));
}

TEST(OverlayRoot, Annotation) {
  EXPECT_FALSE(parse_overlay_root({}).value().has_value());
  const auto overlay = parse_overlay_root({{kRootfsAnnotation, R"({"lower":["/a","/b"],"upper":"/u","work":"/w"})"}}).value();
  EXPECT_EQ(*overlay, (OverlayRoot{.lower = {"/a", "/b"}, .upper = "/u", .work = "/w"}));
  for (const char* bad :
       {"", "[]", "{}", R"({"lower":[]})", R"({"lower":["a"]})", R"({"lower":["/a"],"upper":"/u"})", R"({"lower":["/a"],"x":1})"}) {
    EXPECT_THAT(parse_overlay_root({{kRootfsAnnotation, bad}}), ErrorIs(Code::invalid_argument)) << bad;
  }
}

TEST(Sync, MessagesArriveAsTheyWereSaid) {
  auto pair = SyncSocket::make().value();
  ASSERT_OK(pair.init.say(RunHooks{}));
  ASSERT_OK(pair.init.say(Failed{Error{Code::permission_denied, "mount x: Permission denied", EACCES}}));
  ASSERT_OK(pair.init.say(Ready{"warning"}));
  EXPECT_TRUE(std::holds_alternative<RunHooks>(pair.runtime.listen().value()));
  const auto failed = std::get<Failed>(pair.runtime.listen().value()).error;
  EXPECT_EQ(failed, (Error{Code::permission_denied, "mount x: Permission denied", EACCES}));
  EXPECT_EQ(std::get<Ready>(pair.runtime.listen().value()).warning, "warning");
  std::vector<UniqueFd> fds;
  for (int i = 0; i < 300; ++i) fds.push_back(sys::open("/dev/null", O_RDONLY).value());
  ASSERT_OK(pair.runtime.proceed(fds));
  EXPECT_EQ(pair.init.wait_proceed().value().size(), 300U);
  pair.init.close();
  EXPECT_TRUE(std::holds_alternative<Closed>(pair.runtime.listen().value()));
}

}  // namespace
}  // namespace fulcrum::runtime
