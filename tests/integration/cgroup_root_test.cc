// Cgroups and OCI resources against the real kernel: on whatever layout the machine has, and (static, as it is) in a guest with pure v2.
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <new>

#include "base/process.h"
#include "base/testing.h"
#include "os/cgroup.h"
#include "os/cgroup_bpf.h"
#include "runtime/device_rules.h"
#include "runtime/resources.h"

namespace fulcrum {
namespace {

using namespace std::chrono_literals;
using fulcrum::testing::ErrorIs;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const StopSource& stop() { return StopSource::never(); }
Deadline soon() { return Deadline::in(60s); }

/// A child in a cgroup, running `body`; it has entered when the constructor returns. Killed and reaped when dropped.
class Child {
 public:
  Child(const Cgroup& cgroup, const std::function<int()>& body) {
    const auto entry = cgroup.open_entry();
    EXPECT_OK(entry);
    const auto pipe = sys::pipe();
    EXPECT_OK(pipe);
    pid_ = ::fork();
    if (pid_ == 0) {
      if (entry->enter(false) != 0 || ::write(pipe->write.get(), "x", 1) != 1) ::_exit(120);
      ::_exit(body());
    }
    char entered = 0;
    EXPECT_EQ(::read(pipe->read.get(), &entered, 1), 1);
  }
  Child(const Child&) = delete;
  ~Child() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    wait();
  }
  pid_t pid() const { return pid_; }
  int wait() {
    int status = 0;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
  }

 private:
  pid_t pid_ = -1;
};

int sleep_forever() {
  while (true) ::pause();
}

/// Memory that parent and children share.
template <class T>
class Shared {
 public:
  Shared() : memory_(::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) { new (memory_) T(); }
  Shared(const Shared&) = delete;
  ~Shared() { ::munmap(memory_, sizeof(T)); }
  T& operator*() { return *static_cast<T*>(memory_); }
  T* operator->() { return static_cast<T*>(memory_); }

 private:
  void* memory_;
};

/// The layout of a hybrid machine as if it had no v2 tree.
Result<CgroupLayout> without_v2() {
  auto self = TRY(sys::read_file("/proc/self/cgroup"));
  if (const auto at = self.find("0::"); at != std::string::npos) self.erase(at, self.find('\n', at) + 1 - at);
  return CgroupLayout::parse(TRY(sys::read_file("/proc/self/mountinfo")), self);
}

class CgroupRoot : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    auto layout = CgroupLayout::detect();
    ASSERT_OK(layout);
    if (const char* wanted = std::getenv("FULCRUM_TEST_CGROUPS"); wanted != nullptr && std::string_view(wanted) == "v1") {
      if (layout->mode() != CgroupMode::hybrid)
        GTEST_SKIP() << "v1 alone can be tried on a hybrid machine only, and this one has " << to_string(layout->mode());
      layout = without_v2();
      ASSERT_OK(layout);
    }
    layout_ = *layout;
    static int count = 0;
    path_ = fmt::format("/fulcrum-cgroup-test-{}-{}", ::getpid(), ++count);
    auto made = Cgroup::create(*layout_, path_);
    if (!made && made.error().sys_errno == EROFS) GTEST_SKIP() << "cgroups are read-only here";
    ASSERT_OK(made);
    cgroup_ = std::move(*made);
  }
  void TearDown() override {
    if (!cgroup_) return;
    EXPECT_OK(cgroup_->kill(stop(), soon()));
    EXPECT_OK(cgroup_->destroy(stop(), soon()));
    EXPECT_FALSE(cgroup_->exists());
  }
  bool v2() const { return layout_->mode() == CgroupMode::v2; }
  const Cgroup& cgroup() const { return *cgroup_; }
  std::string read(std::string_view controller, std::string_view file) {
    auto text = cgroup().read(controller, file);
    EXPECT_OK(text);
    if (!text) return "";
    while (!text->empty() && text->back() == '\n') text->pop_back();
    return *text;
  }
  Result<> apply(const oci::Resources& resources) { return runtime::apply_resources(cgroup(), resources, {.devices = false}); }
  /// Waits, without sleeping, until as many processes are listed.
  void wait_for(std::size_t count) {
    for (const auto deadline = soon(); !deadline.passed();) {
      if (cgroup().processes()->size() == count) return;
      ::sched_yield();
    }
    ADD_FAILURE() << "not " << count << " processes";
  }

  std::optional<CgroupLayout> layout_;
  std::string path_;
  std::optional<Cgroup> cgroup_;
};

TEST_F(CgroupRoot, CreateAndDestroyAreIdempotent) {
  EXPECT_OK(Cgroup::create(*layout_, path_));
  const auto nested = Cgroup::create(*layout_, path_ + "/a/b");
  ASSERT_OK(nested);
  EXPECT_TRUE(nested->exists());
  EXPECT_OK(cgroup().destroy(stop(), soon()));
  EXPECT_FALSE(cgroup().exists());
  for (const auto& folder : nested->directories()) EXPECT_FALSE(sys::exists(folder)) << folder;
  EXPECT_OK(cgroup().destroy(stop(), soon()));
  EXPECT_OK(cgroup().kill(stop(), soon()));
  EXPECT_THAT(cgroup().processes().value(), IsEmpty());
}

TEST_F(CgroupRoot, EnterPutsTheChildIntoEveryHierarchy) {
  Child child(cgroup(), sleep_forever);
  const auto text = sys::read_file(fmt::format("/proc/{}/cgroup", child.pid())).value();
  std::size_t found = 0;
  for (std::size_t at = 0; (at = text.find(":" + path_ + "\n", at)) != std::string::npos; ++at) ++found;
  EXPECT_EQ(found, layout_->hierarchies().size()) << text;
}

TEST_F(CgroupRoot, AddMovesAProcessFromOutside) {
  // Leaves both: a v2 cgroup whose children have controllers takes no process.
  const auto here = Cgroup::create(*layout_, path_ + "/here");
  const auto there = Cgroup::create(*layout_, path_ + "/there");
  ASSERT_OK(here);
  ASSERT_OK(there);
  Child child(*here, sleep_forever);
  ASSERT_OK(there->add_process(child.pid()));
  EXPECT_THAT(here->processes().value(), IsEmpty());
  EXPECT_THAT(there->processes().value(), Contains(child.pid()));
}

TEST_F(CgroupRoot, FreezeStopsAndThawContinues) {
  Shared<std::atomic<std::uint64_t>> counter;
  Child child(cgroup(), [&]() -> int {
    while (true) ++*counter;
  });
  while (*counter == 0) ::sched_yield();
  ASSERT_OK(cgroup().freeze(stop(), soon()));
  ASSERT_OK(cgroup().freeze(stop(), soon()));
  EXPECT_TRUE(cgroup().frozen().value());
  const auto before = counter->load();
  EXPECT_TRUE(wait_until(stop(), Deadline::in(50ms)));
  EXPECT_EQ(counter->load(), before);
  ASSERT_OK(cgroup().thaw(stop(), soon()));
  EXPECT_FALSE(cgroup().frozen().value());
  for (const auto deadline = soon(); *counter == before && !deadline.passed();) ::sched_yield();
  EXPECT_NE(counter->load(), before);
}

TEST_F(CgroupRoot, KillReachesATreeThatForksAndIsFrozen) {
  const auto first = Cgroup::create(*layout_, path_ + "/first");
  const auto second = Cgroup::create(*layout_, path_ + "/second/deeper");
  ASSERT_OK(first);
  ASSERT_OK(second);
  const auto spawn = []() -> int {
    for (int i = 0; i < 10; ++i) {
      if (::fork() == 0) return sleep_forever();
    }
    return sleep_forever();
  };
  Child outer(*first, spawn), inner(*second, spawn);
  wait_for(22);
  ASSERT_OK(cgroup().freeze(stop(), soon()));
  ASSERT_OK(cgroup().kill(stop(), soon()));
  EXPECT_THAT(cgroup().processes().value(), IsEmpty());
  EXPECT_EQ(outer.wait(), -SIGKILL);
  EXPECT_EQ(inner.wait(), -SIGKILL);
}

TEST_F(CgroupRoot, DestroyWaitsForTheDying) {
  Child child(cgroup(), sleep_forever);
  EXPECT_THAT(cgroup().destroy(stop(), Deadline::in(50ms)), ErrorIs(Code::deadline_exceeded));
  ::kill(child.pid(), SIGKILL);
  EXPECT_OK(cgroup().destroy(stop(), soon()));
}

TEST_F(CgroupRoot, MemoryLimitEndsInACountedOomKill) {
  if (!cgroup().has("memory")) GTEST_SKIP() << "no memory controller";
  constexpr std::int64_t kLimit = 32 << 20;
  ASSERT_OK(apply({.memory = oci::MemoryLimits{.limit = kLimit, .swap = kLimit}}));
  EXPECT_EQ(read("memory", v2() ? "memory.max" : "memory.limit_in_bytes"), "33554432");
  auto watch = cgroup().watch_oom();
  ASSERT_OK(watch);
  EXPECT_EQ(cgroup().oom_kills().value(), 0U);
  Child child(cgroup(), [] {
    constexpr std::size_t kMuch = 96 << 20;
    auto* memory = static_cast<volatile char*>(::mmap(nullptr, kMuch, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    for (std::size_t i = 0; i < kMuch; i += 4096) memory[i] = 1;
    return 0;
  });
  EXPECT_OK(wait_any(stop(), soon(), {{watch->fd(), POLLIN}}));
  EXPECT_EQ(child.wait(), -SIGKILL);
  EXPECT_OK(watch->take());
  EXPECT_EQ(cgroup().oom_kills().value(), 1U);
  const auto stats = cgroup().stats();
  ASSERT_OK(stats);
  EXPECT_EQ(stats->memory->limit, static_cast<std::uint64_t>(kLimit));
  EXPECT_EQ(stats->memory->oom_kills, 1U);
  if (v2()) {
    EXPECT_GT(stats->memory->failures, 0U);  // v1 kernels differ in which counter a limit on memory plus swap shows up
  }
}

TEST_F(CgroupRoot, MemoryAndSwapGrowAndShrinkInTheRightOrder) {
  if (!cgroup().has("memory")) GTEST_SKIP() << "no memory controller";
  for (const std::int64_t size : {64LL << 20, 256LL << 20, 32LL << 20, -1LL, 128LL << 20}) {
    const auto swap = size < 0 ? -1 : 2 * size;
    ASSERT_OK(apply({.memory = oci::MemoryLimits{.limit = size, .reservation = 16 << 20, .swap = swap}})) << size;
    const auto limit = cgroup().stats()->memory->limit;
    EXPECT_EQ(limit, size < 0 ? std::nullopt : std::optional<std::uint64_t>(size));
  }
  EXPECT_EQ(read("memory", v2() ? "memory.low" : "memory.soft_limit_in_bytes"), "16777216");
  if (v2() && cgroup().has_file("memory", "memory.swap.max")) {
    EXPECT_EQ(read("memory", "memory.swap.max"), "134217728") << "swap alone";
  }
  if (v2()) {
    EXPECT_THAT(apply({.memory = oci::MemoryLimits{.swappiness = 10}}), ErrorIs(Code::unimplemented, "swappiness"));
    EXPECT_THAT(apply({.memory = oci::MemoryLimits{.disable_oom_killer = true}}), ErrorIs(Code::unimplemented, "OOM"));
  } else {
    EXPECT_OK(apply({.memory = oci::MemoryLimits{.swappiness = 10, .disable_oom_killer = true}}));
    EXPECT_EQ(read("memory", "memory.swappiness"), "10");
    EXPECT_THAT(read("memory", "memory.oom_control"), HasSubstr("oom_kill_disable 1"));
  }
}

TEST_F(CgroupRoot, LimitBelowUsageIsRefusedWhenAsked) {
  if (!cgroup().has("memory")) GTEST_SKIP() << "no memory controller";
  Shared<std::atomic<bool>> ready;
  Child child(cgroup(), [&] {
    constexpr std::size_t kSize = 24 << 20;
    auto* memory = static_cast<volatile char*>(::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    for (std::size_t i = 0; i < kSize; i += 4096) memory[i] = 1;
    *ready = true;
    return sleep_forever();
  });
  for (const auto deadline = soon(); !*ready && !deadline.passed();) ::sched_yield();
  EXPECT_THAT(apply({.memory = oci::MemoryLimits{.limit = 8 << 20, .check_before_update = true}}),
              ErrorIs(Code::resource_exhausted, "usage"));
  EXPECT_FALSE(cgroup().stats()->memory->limit);
}

TEST_F(CgroupRoot, PidsLimitMakesForkFail) {
  if (!cgroup().has("pids")) GTEST_SKIP() << "no pids controller";
  ASSERT_OK(apply({.pids = oci::PidsLimits{.limit = 4}}));
  EXPECT_EQ(read("pids", "pids.max"), "4");
  Child child(cgroup(), [] {
    int made = 0;
    while (made < 10) {
      const pid_t pid = ::fork();
      if (pid == 0) return sleep_forever();
      if (pid < 0) return errno == EAGAIN ? made : 100;
      ++made;
    }
    return 101;
  });
  EXPECT_EQ(child.wait(), 3) << "itself and three more";
  EXPECT_EQ(cgroup().stats()->pids->limit, 4U);
  ASSERT_OK(apply({.pids = oci::PidsLimits{.limit = -1}}));
  EXPECT_EQ(read("pids", "pids.max"), "max");
}

TEST_F(CgroupRoot, CpuQuotaIsWrittenAndThrottles) {
  if (!cgroup().has("cpu")) GTEST_SKIP() << "no cpu controller";
  ASSERT_OK(apply({.cpu = oci::CpuLimits{.shares = 512, .quota = 10000, .period = 50000}}));
  if (v2()) {
    EXPECT_EQ(read("cpu", "cpu.max"), "10000 50000");
    EXPECT_EQ(read("cpu", "cpu.weight"), fmt::format("{}", runtime::cpu_weight_from_shares(512)));
  } else {
    EXPECT_EQ(read("cpu", "cpu.cfs_quota_us"), "10000");
    EXPECT_EQ(read("cpu", "cpu.cfs_period_us"), "50000");
    EXPECT_EQ(read("cpu", "cpu.shares"), "512");
  }
  {
    Child child(cgroup(), []() -> int {
      std::atomic<std::uint64_t> sink = 0;
      for (std::uint64_t i = 0;; ++i) sink = i;
    });
    for (const auto deadline = soon(); (cgroup().stats()->cpu->throttled_ns == 0) && !deadline.passed();) {
      EXPECT_TRUE(wait_until(stop(), Deadline::in(20ms)));
    }
  }
  const auto stats = cgroup().stats();
  EXPECT_GE(stats->cpu->throttled_periods, 1U);
  EXPECT_GT(stats->cpu->throttled_ns, 0U);
  EXPECT_GT(stats->cpu->usage_ns, 0U);
  ASSERT_OK(apply({.cpu = oci::CpuLimits{.quota = -1}}));
  EXPECT_EQ(read("cpu", v2() ? "cpu.max" : "cpu.cfs_quota_us"), v2() ? "max 50000" : "-1");
  EXPECT_THAT(apply({.cpu = oci::CpuLimits{.quota = 20000, .burst = 5000, .period = 100000}}), fulcrum::testing::IsOk());
  EXPECT_EQ(read("cpu", v2() ? "cpu.max.burst" : "cpu.cfs_burst_us"), "5000");
}

TEST_F(CgroupRoot, CpusetConfinesToOneCpu) {
  if (!cgroup().has("cpuset")) GTEST_SKIP() << "no cpuset controller";
  ASSERT_OK(apply({.cpu = oci::CpuLimits{.cpus = "0", .mems = "0"}}));
  EXPECT_EQ(read("cpuset", "cpuset.cpus"), "0");
  Child child(cgroup(), [] {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (::sched_getaffinity(0, sizeof set, &set) != 0) return 100;
    return CPU_COUNT(&set) == 1 && CPU_ISSET(0, &set) ? 0 : 1;
  });
  EXPECT_EQ(child.wait(), 0);
}

/// Opens a node of the numbers in a child of the cgroup: 0 or an errno.
int open_device(const Cgroup& cgroup, const std::string& folder, unsigned major, unsigned minor) {
  const auto node = fmt::format("{}/{}-{}", folder, major, minor);
  if (::mknod(node.c_str(), S_IFCHR | 0600, makedev(major, minor)) != 0 && errno != EEXIST) return errno;
  Child child(cgroup, [&] { return ::open(node.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC) >= 0 ? 0 : errno; });
  return child.wait();
}

TEST_F(CgroupRoot, DeviceRulesAreEnforcedAndReplaced) {
  testing::TemporaryDirectory dir;
  if (open_device(cgroup(), dir.path(), 1, 5) == EACCES) GTEST_SKIP() << "device nodes cannot be opened in " << dir.path();
  EXPECT_EQ(open_device(cgroup(), dir.path(), 1, 11), 0) << "kmsg, without rules";
  oci::Resources resources{.devices = runtime::with_default_device_rules({{.allow = false, .type = "a", .access = "rwm"}})};
  ASSERT_OK(runtime::apply_resources(cgroup(), resources));
  EXPECT_EQ(open_device(cgroup(), dir.path(), 1, 5), 0) << "zero";
  EXPECT_EQ(open_device(cgroup(), dir.path(), 1, 11), EPERM) << "kmsg";
  Child running(cgroup(), sleep_forever);
  resources.devices.push_back({.allow = true, .type = "c", .major = 1, .minor = 11, .access = "r"});
  ASSERT_OK(runtime::apply_resources(cgroup(), resources));
  ASSERT_OK(runtime::apply_resources(cgroup(), resources)) << "again";
  EXPECT_EQ(open_device(cgroup(), dir.path(), 1, 11), 0);
  EXPECT_FALSE(cgroup().frozen().value());
  if (v2()) {
    const auto folder = sys::open(*cgroup().directory(""), O_RDONLY | O_DIRECTORY);
    EXPECT_EQ(count_cgroup_device_programs(folder->get()).value(), 1U) << "replaced, not added";
  }
}

TEST_F(CgroupRoot, DeviceProgramWorksInTheV2Tree) {
  const auto unified = cgroup().directory("");
  if (!unified) GTEST_SKIP() << "no v2 tree";
  testing::TemporaryDirectory dir;
  const auto folder = sys::open(*unified, O_RDONLY | O_DIRECTORY);
  ASSERT_OK(folder);
  const auto deny_zero = runtime::device_program({{.allow = true, .type = "a"}, {.allow = false, .type = "c", .major = 1, .minor = 5}});
  const auto set = set_cgroup_device_program(folder->get(), deny_zero);
  if (!set && set.error().code == Code::unimplemented) GTEST_SKIP() << set.error().message;
  ASSERT_OK(set);
  EXPECT_EQ(open_device(cgroup(), dir.path(), 1, 5), EPERM);
  EXPECT_EQ(open_device(cgroup(), dir.path(), 1, 3), 0);
  ASSERT_OK(set_cgroup_device_program(folder->get(), runtime::device_program({{.allow = true, .type = "a"}})));
  EXPECT_EQ(open_device(cgroup(), dir.path(), 1, 5), 0);
  EXPECT_EQ(count_cgroup_device_programs(folder->get()).value(), 1U);
}

TEST_F(CgroupRoot, IoThrottleIsWritten) {
  const char* controller = v2() ? "io" : "blkio";
  if (!cgroup().has(controller)) GTEST_SKIP() << "no " << controller << " controller";
  std::string device;
  for (const auto& name : sys::list_directory("/sys/block").value_or(std::vector<std::string>())) {
    if (name.starts_with("vd") || name.starts_with("sd") || name.starts_with("nvme") || name.starts_with("loop")) {
      device = sys::read_file("/sys/block/" + name + "/dev").value_or("");
      if (!device.empty()) break;
    }
  }
  if (device.empty()) GTEST_SKIP() << "no block device";
  while (device.back() == '\n') device.pop_back();
  const auto colon = device.find(':');
  const oci::ThrottleDevice limit{
      .major = std::stol(device.substr(0, colon)), .minor = std::stol(device.substr(colon + 1)), .rate = 1 << 20};
  ASSERT_OK(apply({.block_io = oci::BlockIoLimits{.throttle_read_bps_device = {limit}, .throttle_write_iops_device = {limit}}}));
  if (v2()) {
    EXPECT_THAT(read("io", "io.max"), HasSubstr(device + " rbps=1048576 wbps=max riops=max wiops=1048576"));
  } else {
    EXPECT_EQ(read("blkio", "blkio.throttle.read_bps_device"), device + " 1048576");
    EXPECT_EQ(read("blkio", "blkio.throttle.write_iops_device"), device + " 1048576");
  }
}

TEST_F(CgroupRoot, MissingControllersAreNamed) {
  if (cgroup().has("net_cls")) GTEST_SKIP() << "net_cls is here";
  const auto refused = apply({.network = oci::NetworkLimits{.class_id = 5}});
  EXPECT_THAT(refused, ErrorIs(Code::unimplemented, "network classID"));
  if (!cgroup().has("rdma")) {
    EXPECT_THAT(apply({.rdma = {{"mlx5_0", oci::RdmaLimits{.hca_handles = 1}}}}), ErrorIs(Code::unimplemented, "rdma"));
  }
  EXPECT_THAT(apply({.hugepage_limits = {{"3MB", 1}}}), ErrorIs(Code::unimplemented, "hugepage limit"));
}

TEST_F(CgroupRoot, UnifiedSettings) {
  if (layout_->mode() == CgroupMode::v1) {
    EXPECT_THAT(apply({.unified = {{"memory.high", "1"}}}), ErrorIs(Code::unimplemented, "cgroup v1"));
    return;
  }
  EXPECT_OK(apply({.unified = {{"cgroup.max.descendants", "7"}}}));
  EXPECT_EQ(read("", "cgroup.max.descendants"), "7");
  EXPECT_THAT(apply({.unified = {{"nothing.here", "1"}}}), ErrorIs(Code::unimplemented, "controller \"nothing\" not available"));
  EXPECT_THAT(apply({.unified = {{"../memory.high", "1"}}}), ErrorIs(Code::invalid_argument, "file name"));
  if (!v2()) {
    EXPECT_THAT(apply({.unified = {{"memory.high", "1"}}}), ErrorIs(Code::unimplemented, "memory"));
    return;
  }
  EXPECT_OK(apply({.unified = {{"memory.high", "50000000"}, {"pids.max", "77"}}}));
  EXPECT_EQ(read("pids", "pids.max"), "77");
  EXPECT_THAT(apply({.unified = {{"memory.nonsense", "1"}}}), ErrorIs(Code::unimplemented, "this kernel"));
  EXPECT_THAT(apply({.unified = {{"memory.high", "abc"}}}), ErrorIs(Code::invalid_argument, "memory.high"));
}

TEST_F(CgroupRoot, PureV2HasTheUsualControllers) {
  if (!v2()) GTEST_SKIP() << "the layout here is " << to_string(layout_->mode());
  for (const auto* controller : {"memory", "cpu", "pids", "io", "cpuset"}) EXPECT_TRUE(cgroup().has(controller)) << controller;
}

}  // namespace
}  // namespace fulcrum
