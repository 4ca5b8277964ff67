#include "runtime/seccomp.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>

#include "base/testing.h"
#include "runtime/default_seccomp.h"
#include "runtime/seccomp_stub.h"

namespace fulcrum::runtime {
namespace {

using fulcrum::testing::ErrorIs;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

/// Installs the filter in a child (the test has one thread) and returns its wait status after `body`.
int in_child(const SeccompProgram& program, const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) ::_exit(99);
    if (!install_seccomp(program)) ::_exit(98);
    ::_exit(body());
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  return status;
}
int exit_code(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status); }
int errno_of(long result) { return result < 0 ? errno : 0; }

oci::Seccomp allow_but(std::vector<oci::SeccompSyscall> rules) {
  return {.default_action = "SCMP_ACT_ALLOW",
          .architectures = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"},
          .syscalls = std::move(rules)};
}

TEST(Seccomp, ActionsDoWhatTheySay) {
  const auto code = [](const char* action, std::optional<std::uint32_t> value) {
    const auto program = compile_seccomp(allow_but({{{"getppid"}, action, value, {}}}));
    EXPECT_OK(program);
    return exit_code(in_child(*program, [] { return errno_of(::syscall(SYS_getppid)); }));
  };
  EXPECT_EQ(code("SCMP_ACT_ERRNO", 77), 77);
  EXPECT_EQ(code("SCMP_ACT_ERRNO", std::nullopt), EPERM);
  EXPECT_EQ(code("SCMP_ACT_KILL", std::nullopt), -SIGSYS);
  EXPECT_EQ(code("SCMP_ACT_KILL_THREAD", std::nullopt), -SIGSYS);
  EXPECT_EQ(code("SCMP_ACT_KILL_PROCESS", std::nullopt), -SIGSYS);
  EXPECT_EQ(code("SCMP_ACT_TRAP", std::nullopt), -SIGSYS);
  EXPECT_EQ(code("SCMP_ACT_TRACE", 5), ENOSYS) << "no tracer";
  EXPECT_EQ(code("SCMP_ACT_LOG", std::nullopt), 0);
}

TEST(Seccomp, OperatorsCompare) {
  const auto refused = [](const char* op, std::uint64_t value, std::uint64_t two, long argument) {
    const auto program = compile_seccomp(allow_but({{{"getpgid"}, "SCMP_ACT_ERRNO", 77, {{0, value, two, op}}}}));
    EXPECT_OK(program);
    return exit_code(in_child(*program, [&] { return errno_of(::syscall(SYS_getpgid, argument)) == 77 ? 1 : 0; })) == 1;
  };
  EXPECT_TRUE(refused("SCMP_CMP_EQ", 5, 0, 5));
  EXPECT_FALSE(refused("SCMP_CMP_EQ", 5, 0, 6));
  EXPECT_TRUE(refused("SCMP_CMP_NE", 5, 0, 6));
  EXPECT_TRUE(refused("SCMP_CMP_LT", 5, 0, 4));
  EXPECT_FALSE(refused("SCMP_CMP_LT", 5, 0, 5));
  EXPECT_TRUE(refused("SCMP_CMP_LE", 5, 0, 5));
  EXPECT_TRUE(refused("SCMP_CMP_GE", 5, 0, 5));
  EXPECT_TRUE(refused("SCMP_CMP_GT", 5, 0, 6));
  EXPECT_TRUE(refused("SCMP_CMP_MASKED_EQ", 0xf0, 0x10, 0x1f));
  EXPECT_FALSE(refused("SCMP_CMP_MASKED_EQ", 0xf0, 0x10, 0x2f));
}

TEST(Seccomp, UnknownSystemCallsAreSkippedAndNewerOnesAnswerEnosys) {
  oci::Seccomp profile{.default_action = "SCMP_ACT_ERRNO",
                       .architectures = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"},
                       .syscalls = {{{"exit_group", "write", "mmap", "munmap", "madvise", "gettid", "futex", "sigaltstack",
                                      "rt_sigprocmask", "rt_sigaction", "no_such_call_at_all", "openat2"},
                                     "SCMP_ACT_ALLOW",
                                     {},
                                     {}}}};
  const auto program = compile_seccomp(profile);
  ASSERT_OK(program);
  EXPECT_EQ(exit_code(in_child(*program, [] { return errno_of(::syscall(SYS_getppid)); })), EPERM);
  EXPECT_EQ(exit_code(in_child(*program, [] { return errno_of(::syscall(900)); })), ENOSYS);
  EXPECT_EQ(exit_code(in_child(*program, [] { return errno_of(::syscall(0x40000000 | 900)); })), ENOSYS) << "x32";
  profile.default_errno_ret = ENOSYS;
  EXPECT_FALSE(wants_enosys(profile));
  profile.default_errno_ret.reset();
  profile.default_action = "SCMP_ACT_LOG";
  EXPECT_FALSE(wants_enosys(profile));
}

TEST(Seccomp, SeveralComparisonsOfOneArgumentAreAlternatives) {
  const auto program =
      compile_seccomp(allow_but({{{"getpgid"}, "SCMP_ACT_ERRNO", 77, {{0, 5, 0, "SCMP_CMP_EQ"}, {0, 7, 0, "SCMP_CMP_EQ"}}}}));
  ASSERT_OK(program);
  EXPECT_EQ(exit_code(in_child(*program, [] { return errno_of(::syscall(SYS_getpgid, 7)); })), 77);
  EXPECT_EQ(exit_code(in_child(*program, [] { return errno_of(::syscall(SYS_getpgid, 0)); })), 0);
}

TEST(Seccomp, NotifyReturnsAListener) {
  const auto program = compile_seccomp(allow_but({{{"getppid"}, "SCMP_ACT_NOTIFY", {}, {}}}));
  ASSERT_OK(program);
  EXPECT_TRUE(program->notify);
  int sockets[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
  const UniqueFd ours(sockets[0]), theirs(sockets[1]);
  const pid_t child = ::fork();
  if (child == 0) {
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    const auto listener = install_seccomp(*program);
    if (!listener || !listener->valid()) ::_exit(98);
    const int fd = listener->get();
    if (!sys::send_message(theirs.get(), "x", std::span(&fd, 1))) ::_exit(97);
    ::_exit(static_cast<int>(::syscall(SYS_getppid)));
  }
  auto message = sys::receive_message(ours.get(), 16);
  ASSERT_OK(message);
  ASSERT_EQ(message->fds.size(), 1U);
  const int listener = message->fds[0].get();
  seccomp_notif request{};
  ASSERT_EQ(::ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request), 0);
  EXPECT_EQ(request.data.nr, SYS_getppid);
  seccomp_notif_resp response{.id = request.id, .val = 42, .error = 0, .flags = 0};
  ASSERT_EQ(::ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response), 0);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(exit_code(status), 42);
}

TEST(Seccomp, SendsTheListenerWithTheState) {
  testing::TemporaryDirectory dir;
  const auto server = sys::listen_unix(dir / "agent", 0600);
  ASSERT_OK(server);
  const auto file = sys::open("/dev/null", O_RDONLY);
  const SeccompListenerState state{.oci_version = "1.2.0",
                                   .id = "c1",
                                   .status = "creating",
                                   .bundle = "/b",
                                   .annotations = {{"k", "v"}},
                                   .pid = 7,
                                   .container_pid = 8,
                                   .metadata = "m\"x"};
  ASSERT_OK(send_seccomp_listener(dir / "agent", state, file->get()));
  const UniqueFd peer(::accept4(server->get(), nullptr, nullptr, SOCK_CLOEXEC));
  const auto message = sys::receive_message(peer.get(), 4096);
  ASSERT_OK(message);
  EXPECT_EQ(message->fds.size(), 1U);
  EXPECT_THAT(message->data, HasSubstr(R"("fds":["seccompFd"])"));
  EXPECT_THAT(message->data, HasSubstr(R"("pid":7)"));
  EXPECT_THAT(message->data, HasSubstr(R"("metadata":"m\"x")"));
  EXPECT_THAT(message->data, HasSubstr(R"("annotations":{"k":"v"})"));
  EXPECT_THAT(send_seccomp_listener(dir / "nobody", state, file->get()), ErrorIs(Code::not_found));
}

TEST(Seccomp, RefusesByName) {
  EXPECT_THAT(compile_seccomp({.default_action = "SCMP_ACT_NOTIFY"}), ErrorIs(Code::invalid_argument, "default action"));
  EXPECT_THAT(compile_seccomp({.default_action = "X"}), ErrorIs(Code::invalid_argument, "defaultAction"));
  EXPECT_THAT(compile_seccomp({.default_action = "SCMP_ACT_ALLOW", .architectures = {"VAX"}}), ErrorIs(Code::invalid_argument, "VAX"));
  EXPECT_THAT(compile_seccomp({.default_action = "SCMP_ACT_ALLOW", .flags = std::vector<std::string>{"F"}}),
              ErrorIs(Code::invalid_argument, "\"F\""));
  EXPECT_THAT(compile_seccomp(allow_but({{{"getpid"}, "SCMP_ACT_KILL", {}, {{9, 0, 0, "SCMP_CMP_EQ"}}}})),
              ErrorIs(Code::invalid_argument, "index 9"));
}

TEST(Seccomp, FlagsReachTheKernelCall) {
  auto profile = allow_but({{{"getppid"}, "SCMP_ACT_ERRNO", {}, {}}});
  profile.flags.emplace();
  EXPECT_EQ(compile_seccomp(profile)->flags, 0U);
  profile.flags = {"SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"};
  EXPECT_EQ(compile_seccomp(profile)->flags, SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_SPEC_ALLOW);
  EXPECT_EQ(exit_code(in_child(*compile_seccomp(profile), [] { return 3; })), 3);
  EXPECT_THAT(supported_seccomp_flags(), Contains("SECCOMP_FILTER_FLAG_LOG"));
}

class SeccompCache : public ::testing::Test {
 protected:
  testing::TemporaryDirectory dir;
  std::string cache = dir / "cache";
  oci::Seccomp profile = allow_but({{{"getppid"}, "SCMP_ACT_ERRNO", 77, {}}});
  std::string entry() { return cache + "/" + sys::list_directory(cache).value().at(0); }
};

TEST_F(SeccompCache, SecondTimeIsTheSameProgram) {
  const auto first = load_seccomp(profile, cache);
  ASSERT_OK(first);
  EXPECT_EQ(sys::list_directory(cache)->size(), 1U);
  EXPECT_EQ(load_seccomp(profile, cache).value(), *first);
  profile.syscalls[0].errno_ret = 78;
  EXPECT_NE(load_seccomp(profile, cache).value(), *first);
  EXPECT_EQ(sys::list_directory(cache)->size(), 2U);
}

TEST_F(SeccompCache, ReadsWhatItWrote) {
  ASSERT_OK(load_seccomp(profile, cache));
  // Proof that the file is used: a program with another check sum of its own is what comes back.
  auto data = sys::read_file(entry()).value();
  const auto flags = data;
  data[4] = static_cast<char>(data[4] ^ 2);  // the flags of the header: LOG
  ASSERT_OK(sys::write_file_atomic(entry(), data, 0600));
  EXPECT_EQ(load_seccomp(profile, cache)->flags, compile_seccomp(profile)->flags ^ 2U);
}

TEST_F(SeccompCache, DamagedOrForeignEntriesAreCompiledAnew) {
  const auto good = load_seccomp(profile, cache);
  ASSERT_OK(good);
  const auto path = entry();
  const auto data = sys::read_file(path).value();
  for (std::size_t cut : {std::size_t{0}, std::size_t{10}, data.size() / 2, data.size() - 1}) {
    ASSERT_OK(sys::write_file_atomic(path, data.substr(0, cut), 0600));
    EXPECT_EQ(load_seccomp(profile, cache).value(), *good);
  }
  auto flipped = data;
  flipped.back() = static_cast<char>(flipped.back() ^ 1);
  ASSERT_OK(sys::write_file_atomic(path, flipped, 0600));
  EXPECT_EQ(load_seccomp(profile, cache).value(), *good);
  EXPECT_EQ(sys::read_file(path).value(), data) << "put right again";
  flipped = data;
  flipped[4] = static_cast<char>(flipped[4] ^ 2);
  ASSERT_OK(sys::write_file_atomic(path, flipped, 0666));
  ASSERT_EQ(::chmod(path.c_str(), 0666), 0);
  EXPECT_EQ(load_seccomp(profile, cache).value(), *good) << "others could have written it";
}

TEST_F(SeccompCache, AFolderThatCannotBeTrustedIsNotUsed) {
  ASSERT_OK(sys::make_directories(cache));
  ASSERT_EQ(::chmod(cache.c_str(), 0777), 0);
  ASSERT_OK(load_seccomp(profile, cache));
  EXPECT_TRUE(sys::list_directory(cache)->empty());
  EXPECT_OK(load_seccomp(profile, "/proc/nowhere"));
}

class DefaultProfile : public ::testing::Test {
 protected:
  static int code(std::vector<std::string> capabilities, const std::function<int()>& body) {
    const auto program = compile_seccomp(default_seccomp(capabilities));
    EXPECT_OK(program);
    return exit_code(in_child(*program, body));
  }
};

TEST_F(DefaultProfile, OrdinaryCallsWork) {
  EXPECT_EQ(code({},
                 [] {
                   const pid_t child = ::fork();
                   if (child == 0) ::_exit(5);
                   int status = 0;
                   if (::waitpid(child, &status, 0) != child) return 1;
                   const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
                   return fd < 0 || ::access("/", R_OK) != 0 || ::personality(0xffffffff) < 0 ? 2 : WEXITSTATUS(status);
                 }),
            5);
}

TEST_F(DefaultProfile, DangerousCallsAreRefused) {
  for (const long number : {SYS_mount, SYS_reboot, SYS_bpf, SYS_keyctl, SYS_unshare, SYS_init_module, SYS_kexec_load, SYS_io_uring_setup,
                            SYS_settimeofday, SYS_swapon, SYS_acct}) {
    EXPECT_EQ(code({}, [&] { return errno_of(::syscall(number, -1, -1, -1, -1, -1)); }), EPERM) << number;
  }
  EXPECT_EQ(code({}, [] { return errno_of(::socket(40, SOCK_STREAM, 0)); }), EPERM) << "AF_VSOCK";
  EXPECT_EQ(code({}, [] { return errno_of(::socket(38, SOCK_SEQPACKET, 0)); }), EPERM) << "AF_ALG";
  EXPECT_EQ(code({}, [] { return errno_of(::syscall(SYS_clone3, nullptr, 0)); }), ENOSYS);
  EXPECT_EQ(code({}, [] { return errno_of(::syscall(SYS_clone, 0x10000000 /* CLONE_NEWUSER */, 0, 0, 0, 0)); }), EPERM);
  EXPECT_EQ(code({}, [] { return errno_of(::personality(0x40000 /* ADDR_NO_RANDOMIZE */)); }), EPERM);
}

TEST_F(DefaultProfile, CapabilitiesOpenTheirCalls) {
  const auto names = [](const oci::Seccomp& profile) {
    std::vector<std::string> out;
    for (const auto& rule : profile.syscalls) out.insert(out.end(), rule.names.begin(), rule.names.end());
    return out;
  };
  EXPECT_THAT(names(default_seccomp({})), Not(Contains("chroot")));
  EXPECT_THAT(names(default_seccomp(std::vector<std::string>{"CAP_SYS_CHROOT"})), Contains("chroot"));
  EXPECT_EQ(code({"CAP_SYS_ADMIN"}, [] { return errno_of(::syscall(SYS_mount, nullptr, nullptr, nullptr, 0, nullptr)) == EPERM ? 1 : 0; }),
            ::geteuid() == 0 ? 0 : 1);
  EXPECT_EQ(code({"CAP_SYS_ADMIN"}, [] { return errno_of(::syscall(SYS_clone3, nullptr, 0)); }), EINVAL);
}

}  // namespace
}  // namespace fulcrum::runtime
