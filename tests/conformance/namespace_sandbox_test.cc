// What only containers have: images, users, mounts, limits that bite, terminals, standard input.
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>

#include "base/process.h"
#include "sandbox/stream/frame.h"
#include "sandbox_fixture.h"

namespace fulcrum::sandbox {
namespace {

using fulcrum::testing::ErrorIs;
using ::testing::HasSubstr;

class NamespaceSandboxTest : public ::testing::Test, public NamespaceFixture {
 protected:
  void SetUp() override {
    if (const char* reason = skip_reason()) GTEST_SKIP() << reason;
  }
  Observed run_to_end(const Plan& plan) {
    EXPECT_OK(sandbox().create(plan, StopSource::never()));
    EXPECT_OK(sandbox().start(plan.id));
    return wait_stopped(sandbox(), plan.id);
  }
  std::string output_of(const Plan& plan) {
    run_to_end(plan);
    return log_text(sandbox(), plan.id);
  }
  WorkloadId begin(const Plan& plan) {
    EXPECT_OK(sandbox().create(plan, StopSource::never()));
    EXPECT_OK(sandbox().start(plan.id));
    return plan.id;
  }
  void await_log(const WorkloadId& id, const std::string& text) {
    const auto deadline = Deadline::in(std::chrono::seconds(20));
    while (log_text(sandbox(), id).find(text) == std::string::npos) {
      ASSERT_FALSE(deadline.passed()) << "never logged: " << text << ", but " << log_text(sandbox(), id);
      ASSERT_TRUE(wait_until(StopSource::never(), Deadline::in(std::chrono::milliseconds(5))));
    }
  }
};

TEST_F(NamespaceSandboxTest, EnvironmentUserAndFolder) {
  auto plan = shell("w1", "echo $FROM $MINE $HOSTNAME $HOME; id -u; id -g; id -G; pwd; hostname");
  plan.spec.env.variables = {{"MINE", "mine"}};
  plan.spec.user = "web";
  plan.spec.working_dir = "/made/here";
  EXPECT_EQ(output_of(plan), "image mine w1 /home/web\n1000\n1001\n1001 10\n/made/here\nw1\n");
}

TEST_F(NamespaceSandboxTest, AnUnknownUserIsRefused) {
  auto plan = shell("w1", "true");
  plan.spec.user = "nosuch";
  EXPECT_THAT(sandbox().create(plan, StopSource::never()), ErrorIs(Code::invalid_argument, "nosuch"));
  EXPECT_EQ(sandbox().observe(plan.id)->state, State::absent);
}

TEST_F(NamespaceSandboxTest, AProgramThatIsNotThereIsNotFound) {
  auto plan = shell("w1", "");
  plan.spec.command.words = {"nosuch"};
  auto made = sandbox().create(plan, StopSource::never());
  if (made) made = sandbox().start(plan.id);
  EXPECT_THAT(made, ErrorIs(Code::not_found, "nosuch"));
  plan.id = WorkloadId("w2");
  plan.spec.command.words = {"/etc/passwd"};
  made = sandbox().create(plan, StopSource::never());
  if (made) made = sandbox().start(plan.id);
  EXPECT_THAT(made, ErrorIs(Code::permission_denied));
}

TEST_F(NamespaceSandboxTest, HostsAndResolvAreWhatThePlanSays) {
  auto plan = shell("w1", "cat /etc/hosts /etc/resolv.conf /etc/hostname");
  plan.hosts_file = "127.0.0.1 localhost\n";
  plan.resolv_conf = "nameserver 10.0.0.1\n";
  EXPECT_EQ(output_of(plan), "127.0.0.1 localhost\nnameserver 10.0.0.1\nw1\n");
}

TEST_F(NamespaceSandboxTest, MountsBindVolumeAndTmpfs) {
  const auto bind = config().data_dir + "/bind";
  const auto volume = config().data_dir + "/volume";
  for (const auto& folder : {bind, volume}) ASSERT_OK(sys::make_directories(folder));
  ASSERT_OK(sys::write_file_atomic(bind + "/file", "bound\n"));
  auto plan =
      shell("w1", "cat /bind/file; touch /bind/x 2>&1; cat /data/seed; echo more > /data/new; stat -f -c %T /t; mount | grep -c ' /t '");
  plan.mounts = {{.type = "bind", .source = bind, .target = "/bind", .read_only = true},
                 {.type = "bind", .source = volume, .target = "/data", .copy_up = true},
                 {.type = "tmpfs", .target = "/t", .size = 1 << 20}};
  EXPECT_EQ(output_of(plan), "bound\ntouch: /bind/x: Read-only file system\nfrom the image\ntmpfs\n1\n");
  EXPECT_EQ(*sys::read_file(volume + "/new"), "more\n");
  EXPECT_EQ(*sys::read_file(volume + "/seed"), "from the image\n");
}

TEST_F(NamespaceSandboxTest, WrittenFilesLieInUpperAndOutliveTheRun) {
  auto plan = shell("w1", "echo x >> /count; wc -l < /count");
  EXPECT_EQ(output_of(plan), "1\n");
  EXPECT_EQ(*sys::read_file(*sandbox().upper(plan.id) + "/count"), "x\n");
  plan.run = 2;
  EXPECT_EQ(output_of(plan), "1\n2\n");
  const auto root = sandbox().root({.id = plan.id, .layer_dirs = plan.layer_dirs, .mounts = plan.mounts});
  ASSERT_OK(root);
  EXPECT_EQ(*sys::read_all(sys::open_in_root(root->get(), "count", O_RDONLY)->get(), 100), "x\nx\n");
}

TEST_F(NamespaceSandboxTest, TheRootOfWhatRunsIsSeenFromOutside) {
  const auto id = begin(shell("w1", "echo made > /tmp/made; echo up; sleep 1000"));
  await_log(id, "up");
  const auto root = sandbox().root({.id = id});
  ASSERT_OK(root);
  EXPECT_EQ(*sys::read_all(sys::open_in_root(root->get(), "/tmp/made", O_RDONLY)->get(), 100), "made\n");
  EXPECT_OK(sys::open_in_root(root->get(), "/proc/1/stat", O_RDONLY)) << "its mounts are there";
}

TEST_F(NamespaceSandboxTest, ReadOnlyRootAndDefaultProtection) {
  auto plan = shell(
      "w1",
      "touch /x 2>&1; cat /proc/keys | wc -c; echo 1 2>/dev/null > /proc/sys/kernel/panic || echo kept; grep Seccomp: /proc/self/status; "
      "unshare -U true 2>&1");
  plan.spec.security.read_only_root = true;
  const auto text = output_of(plan);
  EXPECT_THAT(text, HasSubstr("touch: /x: Read-only file system\n0\nkept\nSeccomp:\t2\n"));
  EXPECT_THAT(text, HasSubstr("Operation not permitted"));
}

TEST_F(NamespaceSandboxTest, CapabilitiesAreDroppedAndAdded) {
  auto plan = shell("w1", "grep CapBnd /proc/self/status");
  EXPECT_EQ(output_of(plan), "CapBnd:\t00000000a80425fb\n");
  plan.id = WorkloadId("w2");
  plan.spec.security.cap_drop = {"ALL"};
  plan.spec.security.cap_add = {"net_admin"};
  EXPECT_EQ(output_of(plan), "CapBnd:\t0000000000001000\n");
}

TEST_F(NamespaceSandboxTest, OutOfMemoryIsSaid) {
  auto plan = shell("w1", "tail /dev/zero");
  plan.spec.resources.memory = Size{16 << 20};
  const auto end = run_to_end(plan);
  ASSERT_TRUE(end.exit.has_value());
  EXPECT_TRUE(end.exit->oom_killed);
  EXPECT_EQ(end.exit->code, 137);
}

TEST_F(NamespaceSandboxTest, StandardInputReachesTheProgramAndEndsOnce) {
  auto plan = shell("w1", "cat; echo end");
  plan.spec.stdin_open = true;
  plan.spec.stdin_once = true;
  ASSERT_OK(sandbox().create(plan, StopSource::never()));
  auto client = make_client();
  ASSERT_OK(sandbox().attach(plan.id, std::move(client.theirs), {.stdin_open = true, .early = make_frame(FrameType::input, "early ")}));
  ASSERT_OK(sandbox().start(plan.id));
  ASSERT_OK(sys::write_all(client.ours.get(), make_frame(FrameType::input, "late\n") + make_frame(FrameType::input, "")));
  EXPECT_EQ(receive_frames(client.ours.get()).out, "early late\nend\n");
}

TEST_F(NamespaceSandboxTest, ATerminalHasASizeAndDetachKeys) {
  auto plan = shell("w1", "while read line; do stty size; done");
  plan.spec.tty = true;
  plan.spec.stdin_open = true;
  const auto id = begin(plan);
  auto client = make_client();
  const StreamFormat raw{
      .stdin_open = true, .framed_input = false, .framed_output = false, .exit_frame = false, .detach_keys = "ctrl-p,ctrl-q"};
  ASSERT_OK(sandbox().attach(id, std::move(client.theirs), raw));
  ASSERT_OK(sandbox().resize(id, 33, 99));
  ASSERT_OK(sys::write_all(client.ours.get(), "x\n"));
  await_log(id, "33 99");
  ASSERT_OK(sys::write_all(client.ours.get(), "\x10\x11"));
  EXPECT_THAT(receive_raw(client.ours.get()), HasSubstr("33 99"));
  EXPECT_EQ(sandbox().observe(id)->state, State::running) << "detaching ends nothing";
}

TEST_F(NamespaceSandboxTest, ManyClientsAndOneThatNeverReads) {
  auto plan = shell("w1", "read go; i=0; while [ $i -lt 3000 ]; do echo 0123456789012345678901234567890123456789$i; i=$((i+1)); done");
  plan.spec.stdin_open = true;
  const auto id = begin(plan);
  auto one = make_client(), two = make_client(), deaf = make_client();
  ASSERT_OK(sandbox().attach(id, std::move(deaf.theirs), {}));
  ASSERT_OK(sandbox().attach(id, std::move(one.theirs), {.stdin_open = true}));
  ASSERT_OK(sandbox().attach(id, std::move(two.theirs), {}));
  ASSERT_OK(sys::write_all(one.ours.get(), make_frame(FrameType::input, "go\n")));
  const auto first = receive_frames(one.ours.get());
  const auto second = receive_frames(two.ours.get());
  wait_stopped(sandbox(), id);
  EXPECT_EQ(first.out.size(), second.out.size());
  EXPECT_EQ(first.out, log_text(sandbox(), id));
}

TEST_F(NamespaceSandboxTest, LogsAreReplayedToWhoAsks) {
  auto plan = shell("w1", "echo before; echo oops >&2; read go; echo after");
  plan.spec.stdin_open = true;
  const auto id = begin(plan);
  await_log(id, "oops");
  auto client = make_client();
  ASSERT_OK(sandbox().attach(id, std::move(client.theirs), {.stdin_open = true, .logs = true}));
  ASSERT_OK(sys::write_all(client.ours.get(), make_frame(FrameType::input, "go\n")));
  const auto received = receive_frames(client.ours.get());
  EXPECT_EQ(received.out, "before\nafter\n");
  EXPECT_EQ(received.err, "oops\n");
}

TEST_F(NamespaceSandboxTest, LogsRotate) {
  auto plan = shell("w1", "i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done");
  plan.spec.log.max_size = Size{16 << 10};
  plan.spec.log.max_files = 3;
  run_to_end(plan);
  const auto names = sys::list_directory(sandbox().log_directory(plan.id));
  EXPECT_THAT(*names, ::testing::ElementsAre("log", "log.1", "log.2"));
  EXPECT_THAT(log_text(sandbox(), plan.id), HasSubstr("line 1998\nline 1999\n"));
}

TEST_F(NamespaceSandboxTest, ExecHasUserEnvironmentFolderAndInput) {
  auto plan = shell("w1", "sleep 1000");
  const auto id = begin(plan);
  api::ExecSpec spec{.command = {{"sh", "-c", "id -u; pwd; echo $FROM $X; cat"}}, .working_dir = "/tmp", .user = "web", .stdin_open = true};
  spec.env.variables = {{"X", "y"}};
  auto client = make_client();
  ASSERT_OK(sandbox().exec(id, "e1", spec, std::move(client.theirs), {.stdin_open = true}));
  ASSERT_OK(sys::write_all(client.ours.get(), make_frame(FrameType::input, "typed") + make_frame(FrameType::input, "")));
  EXPECT_EQ(receive_frames(client.ours.get()).out, "1000\n/tmp\nimage y\ntyped");
  EXPECT_THAT(sandbox().exec(id, "e2", {.command = {{"nosuch"}}}, UniqueFd(), {}), ErrorIs(Code::not_found));
  EXPECT_THAT(sandbox().exec(id, "e3", {.command = {{"/etc/passwd"}}}, UniqueFd(), {}), ErrorIs(Code::permission_denied));
  EXPECT_THAT(sandbox().exec(id, "../e4", {.command = {{"true"}}}, UniqueFd(), {}), ErrorIs(Code::invalid_argument));
}

TEST_F(NamespaceSandboxTest, ADetachedExecMayPrintAndIsRemembered) {
  auto plan = shell("w1", "mkfifo /tmp/go; echo up; read x");
  plan.spec.stdin_open = true;
  const auto id = begin(plan);
  await_log(id, "up");
  const auto begun = sandbox().exec(id, "e1",
                                    {.command = {{"sh", "-c",
                                                  "read x < /tmp/go; i=0; while [ $i -lt 2000 ]; do echo "
                                                  "0123456789012345678901234567890123456789 >&2; i=$((i+1)); done; exit 6"}}},
                                    UniqueFd(), {});
  ASSERT_OK(begun);
  EXPECT_TRUE(sandbox().exec_state(id, "e1")->running);
  ASSERT_OK(sandbox().exec(id, "e2", {.command = {{"sh", "-c", "echo go > /tmp/go"}}}, UniqueFd(), {}));
  const auto deadline = Deadline::in(std::chrono::seconds(20));
  while (sandbox().exec_state(id, "e1")->running) {
    ASSERT_FALSE(deadline.passed());
    ASSERT_TRUE(wait_until(StopSource::never(), Deadline::in(std::chrono::milliseconds(5))));
  }
  EXPECT_EQ(sandbox().exec_state(id, "e1")->exit_code, 6);
}

TEST_F(NamespaceSandboxTest, ExecWithATerminalIsSignalledAndResized) {
  const auto id = begin(shell("w1", "sleep 1000"));
  auto client = make_client();
  ASSERT_OK(sandbox().exec(
      id, "e1",
      {.command = {{"sh", "-c", "tty; read x; stty size; exec sleep 1000"}}, .tty = true, .stdin_open = true, .console_size = {11, 22}},
      std::move(client.theirs), {.stdin_open = true}));
  ASSERT_OK(sandbox().exec_resize(id, "e1", 44, 55));
  ASSERT_OK(sys::write_all(client.ours.get(), make_frame(FrameType::input, "x\n")));
  std::string seen;
  while (seen.find("44 55") == std::string::npos) {
    char buffer[512];
    ASSERT_TRUE(wait_any(StopSource::never(), Deadline::in(std::chrono::seconds(20)), {{client.ours.get(), POLLIN}}).has_value());
    const auto n = ::read(client.ours.get(), buffer, sizeof buffer);
    ASSERT_GT(n, 0) << seen;
    seen.append(buffer, static_cast<std::size_t>(n));
  }
  EXPECT_THAT(seen, HasSubstr("/dev/pts/"));
  ASSERT_OK(sandbox().exec_signal(id, "e1", SIGKILL));
  EXPECT_EQ(receive_frames(client.ours.get()).exit, R"({"exitCode":137,"signal":9,"oomKilled":false})");
}

TEST_F(NamespaceSandboxTest, InitReapsAndForwards) {
  auto plan = shell("w1", "trap 'echo term; exit 3' TERM; echo pid $$; sleep 1000 & wait");
  plan.spec.init = true;
  const auto id = begin(plan);
  await_log(id, "pid");
  ASSERT_OK(sandbox().signal(id, SIGTERM, false));
  EXPECT_EQ(wait_stopped(sandbox(), id).exit->code, 3);
  EXPECT_EQ(log_text(sandbox(), id), "pid 2\nterm\n");
}

TEST_F(NamespaceSandboxTest, AUserNamespaceHidesTheHostsRoot) {
  auto plan = shell("w1", "id -u; cat /proc/self/uid_map; touch /mine; stat -c %u /mine /etc/passwd; sleep 1000");
  plan.spec.security.userns = "auto";
  plan.hosts_file = "x\n";
  const auto id = begin(plan);
  await_log(id, "0\n0\n");
  struct stat st;
  ASSERT_EQ(::stat(fmt::format("/proc/{}", sandbox().observe(id)->pid).c_str(), &st), 0);
  EXPECT_EQ(st.st_uid, config().subid_base);
  ASSERT_EQ(::stat((*sandbox().upper(id) + "/mine").c_str(), &st), 0);
  EXPECT_EQ(st.st_uid, 0U) << "on disk files belong to whom they belong inside";
}

TEST_F(NamespaceSandboxTest, NamespacesAreJoined) {
  auto first = shell("w1", "sleep 1000");
  first.spec.namespaces.ipc = "shareable";
  const auto target = begin(first);
  auto second = shell("w2", "readlink /proc/self/ns/net; readlink /proc/self/ns/ipc; echo $$; touch /dev/shm/shared");
  second.spec.network = "container:w1";
  second.spec.namespaces.ipc = "container:w1";
  second.joins = {{"network", target}, {"ipc", target}};
  const auto pid = sandbox().observe(target)->pid;
  const auto net = *sys::read_link(fmt::format("/proc/{}/ns/net", pid));
  const auto ipc = *sys::read_link(fmt::format("/proc/{}/ns/ipc", pid));
  EXPECT_EQ(output_of(second), net + "\n" + ipc + "\n1\n");
  EXPECT_OK(sys::open_in_root(sandbox().root({.id = target})->get(), "/dev/shm/shared", O_PATH));
  EXPECT_THAT(sandbox().network_namespace(second.id), ErrorIs(Code::failed_precondition));
  EXPECT_OK(sandbox().network_namespace(target));
}

TEST_F(NamespaceSandboxTest, AHostPidWorkloadTakesItsChildrenAlong) {
  auto plan = shell("w1", "sleep 1000 & echo started");
  plan.spec.namespaces.pid = "host";
  EXPECT_EQ(run_to_end(plan).exit->code, 0);
  EXPECT_EQ(log_text(sandbox(), plan.id), "started\n");
}

TEST_F(NamespaceSandboxTest, ARunWhoseShimWasKilledIsLostNotRepeated) {
  const auto plan = shell("w1", "sleep 1000");
  const auto id = begin(plan);
  const auto watch = sandbox().watch(id);
  const auto pid = sandbox().observe(id)->pid;
  const auto stat = *sys::read_file(fmt::format("/proc/{}/stat", pid));
  const auto parent = std::stoi(stat.substr(stat.rfind(')') + 4));
  ASSERT_EQ(::kill(parent, SIGKILL), 0);
  ASSERT_OK(wait_any(StopSource::never(), Deadline::in(std::chrono::seconds(20)), {{watch->get(), POLLIN}}));
  const auto seen = sandbox().observe(id);
  ASSERT_OK(seen);
  EXPECT_EQ(seen->state, State::stopped);
  EXPECT_EQ(seen->exit->code, 137);
  EXPECT_THAT(seen->exit->error, HasSubstr("supervisor"));
  ASSERT_OK(sandbox().create(plan, StopSource::never()));
  EXPECT_EQ(sandbox().observe(id)->state, State::stopped) << "this run is over";
  ASSERT_OK(sandbox().remove(id, false));
  EXPECT_THAT(leaks(), ::testing::IsEmpty());
}

TEST_F(NamespaceSandboxTest, WhatCannotBeHadIsNamed) {
  api::WorkloadSpec spec;
  spec.security.sysctls = {{"vm.swappiness", "1"}};
  spec.security.cap_add = {"nosuch"};
  spec.namespaces.pid = "container";
  const auto found = sandbox().unsupported(spec);
  std::string paths;
  for (const auto& violation : found) paths += violation.path + " ";
  EXPECT_EQ(paths, "namespaces.pid security.sysctls.vm.swappiness security.capAdd ");
  EXPECT_TRUE(sandbox().unsupported({}).empty());
  spec = {};
  spec.namespaces.ipc = "shareable";
  spec.resources.shm_size = Size{1 << 20};
  ASSERT_EQ(sandbox().unsupported(spec).size(), 1U);
  EXPECT_EQ(sandbox().unsupported(spec)[0].path, "resources.shmSize");
}

}  // namespace
}  // namespace fulcrum::sandbox
