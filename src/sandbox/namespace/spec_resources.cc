#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/sys.h"
#include "base/units.h"
#include "base/words.h"
#include "sandbox/namespace/spec.h"

namespace fulcrum::sandbox {
namespace {

constexpr std::uint64_t kPeriod = 100'000;
constexpr std::size_t kMaxDevices = 4096;

Result<std::pair<std::int64_t, std::int64_t>> block_device(const std::string& path, const char* field) {
  struct stat st;
  if (::stat(path.c_str(), &st) < 0) return fail_errno(errno, "resources.{}: {}", field, path);
  if (!S_ISBLK(st.st_mode)) return fail(Code::invalid_argument, "resources.{}: {} is not a block device", field, path);
  return std::pair<std::int64_t, std::int64_t>(major(st.st_rdev), minor(st.st_rdev));
}

Result<std::vector<oci::ThrottleDevice>> throttles(const std::vector<api::BlockDeviceLimit>& limits, const char* field) {
  std::vector<oci::ThrottleDevice> list;
  for (const auto& limit : limits) {
    const auto [major_number, minor_number] = TRY(block_device(limit.path, field));
    list.push_back({.major = major_number, .minor = minor_number, .rate = limit.rate});
  }
  return list;
}

Result<std::optional<oci::BlockIoLimits>> block_io(const api::Resources& r) {
  oci::BlockIoLimits io{.weight = r.blkio_weight};
  for (const auto& limit : r.blkio_weight_device) {
    const auto [major_number, minor_number] = TRY(block_device(limit.path, "blkioWeightDevice"));
    io.weight_device.push_back({.major = major_number, .minor = minor_number, .weight = static_cast<std::uint16_t>(limit.rate)});
  }
  io.throttle_read_bps_device = TRY(throttles(r.device_read_bps, "deviceReadBps"));
  io.throttle_write_bps_device = TRY(throttles(r.device_write_bps, "deviceWriteBps"));
  io.throttle_read_iops_device = TRY(throttles(r.device_read_iops, "deviceReadIops"));
  io.throttle_write_iops_device = TRY(throttles(r.device_write_iops, "deviceWriteIops"));
  if (io == oci::BlockIoLimits{}) return std::optional<oci::BlockIoLimits>();
  return std::optional(std::move(io));
}

// Docker's rules: -1 is no limit at all; unsaid it is as much swap again as there is memory, where the kernel can limit that.
Result<std::optional<std::int64_t>> memory_and_swap(const api::Resources& r, const MachineFacts& facts) {
  if (!r.memory_swap) {
    if (!r.memory || !facts.swap_accounting) return std::optional<std::int64_t>();
    return std::optional<std::int64_t>(2 * r.memory->bytes);
  }
  if (*r.memory_swap == "-1") return std::optional<std::int64_t>(-1);
  const auto swap = TRY(parse_size(*r.memory_swap), "resources.memorySwap");
  if (!r.memory) return fail(Code::invalid_argument, "resources.memorySwap: needs resources.memory");
  if (swap < r.memory->bytes) return fail(Code::invalid_argument, "resources.memorySwap: must not be less than memory, which it includes");
  return std::optional<std::int64_t>(swap);
}

Result<std::optional<oci::MemoryLimits>> memory(const api::Resources& r, const MachineFacts& facts) {
  oci::MemoryLimits m;
  if (r.memory) m.limit = r.memory->bytes;
  if (r.memory && r.memory->bytes < (512 << 10)) return fail(Code::invalid_argument, "resources.memory: at least 512Ki is needed");
  if (r.memory_reservation) {
    m.reservation = r.memory_reservation->bytes;
    if (r.memory && *m.reservation > r.memory->bytes) return fail(Code::invalid_argument, "resources.memoryReservation: is above memory");
  }
  m.swap = TRY(memory_and_swap(r, facts));
  if (r.memory_swappiness) {
    if (*r.memory_swappiness < -1 || *r.memory_swappiness > 100)
      return fail(Code::invalid_argument, "resources.memorySwappiness: not 0-100");
    if (*r.memory_swappiness >= 0) m.swappiness = static_cast<std::uint64_t>(*r.memory_swappiness);
  }
  if (r.oom_kill_disable) m.disable_oom_killer = true;
  if (m == oci::MemoryLimits{}) return std::optional<oci::MemoryLimits>();
  return std::optional(m);
}

Result<std::optional<oci::CpuLimits>> cpu(const api::Resources& r) {
  oci::CpuLimits c{.shares = r.cpu_shares,
                   .quota = r.cpu_quota,
                   .period = r.cpu_period,
                   .realtime_runtime = r.cpu_realtime_runtime,
                   .realtime_period = r.cpu_realtime_period,
                   .cpus = r.cpuset_cpus,
                   .mems = r.cpuset_mems};
  if (r.cpus) {
    if (r.cpu_quota || r.cpu_period) return fail(Code::invalid_argument, "resources.cpus: cannot be combined with cpuQuota or cpuPeriod");
    if (!(*r.cpus >= 0.01)) return fail(Code::invalid_argument, "resources.cpus: at least 0.01 is needed");
    c.period = kPeriod;
    c.quota = static_cast<std::int64_t>(std::llround(*r.cpus * static_cast<double>(kPeriod)));
  }
  if (c == oci::CpuLimits{}) return std::optional<oci::CpuLimits>();
  return std::optional(std::move(c));
}

std::string letter(mode_t mode) { return S_ISBLK(mode) ? "b" : S_ISCHR(mode) ? "c" : S_ISFIFO(mode) ? "p" : ""; }

void add_node(DeviceSet& set, const struct stat& st, const std::string& target, const std::string& permissions) {
  set.nodes.push_back({.path = target,
                       .type = letter(st.st_mode),
                       .major = major(st.st_rdev),
                       .minor = minor(st.st_rdev),
                       .file_mode = st.st_mode & 07777,
                       .uid = st.st_uid,
                       .gid = st.st_gid});
  set.rules.push_back(
      {.allow = true, .type = letter(st.st_mode), .major = major(st.st_rdev), .minor = minor(st.st_rdev), .access = permissions});
}

// A node, or every node of a folder; /dev of the host is left as the runtime fills it (`skip`).
Result<> add_tree(DeviceSet& set, const std::string& source, const std::string& target, const std::string& permissions,
                  const std::vector<std::string>& skip) {
  struct stat st;
  if (::stat(source.c_str(), &st) < 0) return fail_errno(errno, "security.devices: {}", source);
  if (S_ISBLK(st.st_mode) || S_ISCHR(st.st_mode)) {
    add_node(set, st, target, permissions);
    return {};
  }
  if (!S_ISDIR(st.st_mode)) return fail(Code::invalid_argument, "security.devices: {} is not a device", source);
  for (const auto& name : TRY(sys::list_directory(source))) {
    if (std::ranges::find(skip, name) != skip.end()) continue;
    const auto path = source + "/" + name;
    const auto info = TRY(sys::lstat(path));
    if (!info || !(S_ISBLK(info->st_mode) || S_ISCHR(info->st_mode) || S_ISDIR(info->st_mode))) continue;
    if (set.nodes.size() >= kMaxDevices) return fail(Code::resource_exhausted, "security.devices: more than {}", kMaxDevices);
    TRY(add_tree(set, path, target + "/" + name, permissions, {}));
  }
  return {};
}

}  // namespace

Result<oci::Resources> make_resources(const api::Resources& r, const MachineFacts& facts) {
  oci::Resources out;
  out.memory = TRY(memory(r, facts));
  out.cpu = TRY(cpu(r));
  if (r.pids) out.pids = oci::PidsLimits{.limit = *r.pids == 0 ? -1 : *r.pids};
  out.block_io = TRY(block_io(r));
  out.unified = r.unified;
  return out;
}

Result<oci::DeviceRule> parse_device_rule(const std::string& text) {
  const auto wrong = [&] { return fail(Code::invalid_argument, "resources.deviceCgroupRules: \"{}\" is not like \"c 1:3 rwm\"", text); };
  const auto words = split(text, ' ');
  if (words.size() != 3 || (words[0] != "a" && words[0] != "b" && words[0] != "c")) return wrong();
  const auto numbers = split(words[1], ':');
  if (numbers.size() != 2 || words[2].empty() || words[2].find_first_not_of("rwm") != std::string::npos) return wrong();
  oci::DeviceRule rule{.allow = true, .type = words[0], .access = words[2]};
  for (const auto& [word, member] : {std::pair{&numbers[0], &rule.major}, std::pair{&numbers[1], &rule.minor}}) {
    if (*word == "*") continue;
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(word->data(), word->data() + word->size(), value);
    if (error != std::errc() || end != word->data() + word->size() || value < 0) return wrong();
    *member = value;
  }
  return rule;
}

Result<DeviceSet> make_devices(const api::WorkloadSpec& spec) {
  DeviceSet set;
  if (spec.security.privileged) {
    TRY(add_tree(set, "/dev", "/dev", "rwm",
                 {"pts", "shm", "mqueue", "fd", "console", "ptmx", "null", "zero", "full", "random", "urandom", "tty"}));
    set.rules = {{.allow = true, .type = "a", .access = "rwm"}};
  }
  for (const auto& device : spec.security.devices) {
    const auto& target = device.target.empty() ? device.source : device.target;
    if (device.permissions.empty() || device.permissions.find_first_not_of("rwm") != std::string::npos) {
      return fail(Code::invalid_argument, "security.devices: \"{}\" is no permission", device.permissions);
    }
    TRY(add_tree(set, device.source, target, device.permissions, {}));
  }
  for (const auto& text : spec.resources.device_cgroup_rules) set.rules.push_back(TRY(parse_device_rule(text)));
  return set;
}

}  // namespace fulcrum::sandbox
