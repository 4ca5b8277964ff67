#include "base/sys.h"

#include <sys/socket.h>

#include "base/testing.h"

namespace fulcrum {
namespace {
using testing::ErrorIs;
using testing::IsOkAndHolds;

TEST(Sys, AtomicWriteReplacesAndLeavesNothingBeside) {
  testing::TemporaryDirectory dir;
  ASSERT_OK(sys::write_file_atomic(dir / "a", "one"));
  ASSERT_OK(sys::write_file_atomic(dir / "a", "two"));
  EXPECT_THAT(sys::read_file(dir / "a"), IsOkAndHolds(std::string("two")));
  EXPECT_THAT(sys::list_directory(dir.path()), IsOkAndHolds(std::vector<std::string>{"a"}));
}
TEST(Sys, ReadFileHasALimit) {
  testing::TemporaryDirectory dir;
  ASSERT_OK(sys::write_file_atomic(dir / "a", "12345"));
  EXPECT_THAT(sys::read_file(dir / "a", 4), ErrorIs(Code::resource_exhausted));
}
TEST(Sys, RemoveTreeDoesNotFollowLinks) {
  testing::TemporaryDirectory dir;
  ASSERT_OK(sys::make_directories(dir / "keep"));
  ASSERT_OK(sys::write_file_atomic(dir / "keep/file", "x"));
  ASSERT_OK(sys::make_directories(dir / "gone/deep/er"));
  ASSERT_EQ(::symlink((dir / "keep").c_str(), (dir / "gone/deep/link").c_str()), 0);
  ASSERT_OK(sys::remove_tree(dir / "gone"));
  EXPECT_FALSE(sys::exists(dir / "gone"));
  EXPECT_TRUE(sys::exists(dir / "keep/file"));
  EXPECT_OK(sys::remove_tree(dir / "gone"));
  EXPECT_OK(sys::remove_tree(dir / "no/such/parent"));
}
TEST(Sys, OpenInRootStaysInside) {
  testing::TemporaryDirectory dir;
  ASSERT_OK(sys::make_directories(dir / "root/etc"));
  ASSERT_OK(sys::write_file_atomic(dir / "root/etc/passwd", "inside"));
  ASSERT_EQ(::symlink("/../../etc", (dir / "root/link").c_str()), 0);
  auto root = sys::open(dir / "root", O_PATH | O_DIRECTORY).value();
  auto file = sys::open_in_root(root.get(), "link/passwd", O_RDONLY).value();
  EXPECT_THAT(sys::read_all(file.get(), 100), IsOkAndHolds(std::string("inside")));
}
TEST(Sys, DescriptorsTravelOverUnixSocketsWithLongPaths) {
  testing::TemporaryDirectory dir;
  const std::string folder = dir / (std::string(60, 'a') + "/" + std::string(60, 'b'));
  ASSERT_OK(sys::make_directories(folder));
  auto listener = sys::listen_unix(folder + "/s", 0600).value();
  auto client = sys::connect_unix(folder + "/s").value();
  UniqueFd server(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  auto pipe = sys::pipe().value();
  const int fds[] = {pipe.write.get()};
  ASSERT_OK(sys::send_message(client.get(), "hello", fds));
  auto message = sys::receive_message(server.get(), 100).value();
  EXPECT_EQ(message.data, "hello");
  ASSERT_EQ(message.fds.size(), 1u);
  ASSERT_OK(sys::write_all(message.fds[0].get(), "x"));
  message.fds.clear();
  pipe.write.reset();
  EXPECT_THAT(sys::read_all(pipe.read.get(), 10), IsOkAndHolds(std::string("x")));
}
}  // namespace
}  // namespace fulcrum
