#include "os/cgroup_stats.h"

#include <charconv>
#include <utility>

#include "base/sys.h"
#include "os/cgroup.h"
#include "os/cgroup_files.h"

namespace fulcrum {
namespace {

using cgroup_files::lines;
using cgroup_files::number;
using cgroup_files::read_number;
using cgroup_files::value_of;
using cgroup_files::words;

constexpr std::uint64_t kUnlimitedV1 = 1ULL << 62;  // v1 shows "no limit" as the largest number of whole pages

std::string text_of(const std::string& path) {
  auto text = sys::read_file(path, 1 << 20);
  return text ? std::move(*text) : std::string();
}

std::optional<std::uint64_t> limit_v1(const std::string& path) {
  const auto value = read_number(path);
  return value && *value < kUnlimitedV1 ? value : std::nullopt;
}

std::optional<Pressure> read_pressure(const std::string& path) {
  const auto text = text_of(path);
  if (text.empty()) return std::nullopt;
  Pressure out;
  for (const auto line : lines(text)) {  // "some avg10=0.00 avg60=0.00 avg300=0.00 total=0"
    const auto fields = words(line);
    if (fields.empty()) continue;
    auto& into = fields[0] == "full" ? out.full : out.some;
    for (const auto field : fields) {
      const auto equals = field.find('=');
      if (equals == std::string_view::npos) continue;
      const auto value = field.substr(equals + 1);
      const auto real = [&](double& to) { std::from_chars(value.data(), value.data() + value.size(), to); };
      if (field.starts_with("avg10=")) real(into.avg10);
      if (field.starts_with("avg60=")) real(into.avg60);
      if (field.starts_with("avg300=")) real(into.avg300);
      if (field.starts_with("total=")) into.total_usec = number(value).value_or(0);
    }
  }
  return out;
}

void read_memory_stat(const std::string& path, CgroupStats::Memory& m) {
  const auto text = text_of(path);
  for (const auto line : lines(text)) {
    const auto fields = words(line);
    if (fields.size() == 2) m.raw[std::string(fields[0])] = number(fields[1]).value_or(0);
  }
}

std::uint64_t raw_of(const CgroupStats::Memory& m, const std::string& key) {
  const auto at = m.raw.find(key);
  return at == m.raw.end() ? 0 : at->second;
}

CgroupStats::Memory memory_v1(const std::string& d) {
  CgroupStats::Memory m;
  m.usage = read_number(d + "/memory.usage_in_bytes").value_or(0);
  m.peak = read_number(d + "/memory.max_usage_in_bytes").value_or(0);
  m.limit = limit_v1(d + "/memory.limit_in_bytes");
  m.failures = read_number(d + "/memory.failcnt").value_or(0);
  m.oom_kills = value_of(text_of(d + "/memory.oom_control"), "oom_kill").value_or(0);
  read_memory_stat(d + "/memory.stat", m);
  m.cache = raw_of(m, "total_cache");
  m.rss = raw_of(m, "total_rss");
  m.mapped_file = raw_of(m, "total_mapped_file");
  m.inactive_file = raw_of(m, "total_inactive_file");
  m.swap_is_total = true;
  m.swap_usage = read_number(d + "/memory.memsw.usage_in_bytes");
  m.swap_limit = limit_v1(d + "/memory.memsw.limit_in_bytes");
  m.swap_peak = read_number(d + "/memory.memsw.max_usage_in_bytes").value_or(0);
  m.swap_failures = read_number(d + "/memory.memsw.failcnt").value_or(0);
  m.kernel_usage = read_number(d + "/memory.kmem.usage_in_bytes");
  m.kernel_limit = limit_v1(d + "/memory.kmem.limit_in_bytes");
  m.kernel_peak = read_number(d + "/memory.kmem.max_usage_in_bytes").value_or(0);
  m.kernel_failures = read_number(d + "/memory.kmem.failcnt").value_or(0);
  m.kernel_tcp_usage = read_number(d + "/memory.kmem.tcp.usage_in_bytes");
  m.kernel_tcp_limit = limit_v1(d + "/memory.kmem.tcp.limit_in_bytes");
  m.kernel_tcp_peak = read_number(d + "/memory.kmem.tcp.max_usage_in_bytes").value_or(0);
  m.kernel_tcp_failures = read_number(d + "/memory.kmem.tcp.failcnt").value_or(0);
  return m;
}

CgroupStats::Memory memory_v2(const std::string& d) {
  CgroupStats::Memory m;
  m.usage = read_number(d + "/memory.current").value_or(0);
  m.peak = read_number(d + "/memory.peak").value_or(0);
  m.limit = read_number(d + "/memory.max");
  const auto events = text_of(d + "/memory.events");
  m.failures = value_of(events, "max").value_or(0);
  m.oom_kills = value_of(events, "oom_kill").value_or(0);
  read_memory_stat(d + "/memory.stat", m);
  m.cache = raw_of(m, "file");
  m.rss = raw_of(m, "anon");
  m.mapped_file = raw_of(m, "file_mapped");
  m.inactive_file = raw_of(m, "inactive_file");
  m.swap_usage = read_number(d + "/memory.swap.current");
  m.swap_limit = read_number(d + "/memory.swap.max");
  m.swap_peak = read_number(d + "/memory.swap.peak").value_or(0);
  m.swap_failures = value_of(text_of(d + "/memory.swap.events"), "max").value_or(0);
  if (m.raw.contains("kernel")) m.kernel_usage = raw_of(m, "kernel");
  return m;
}

CgroupStats::Cpu cpu_v1(const std::string& cpu, const std::string& cpuacct) {
  CgroupStats::Cpu c;
  const auto stat = text_of(cpu + "/cpu.stat");
  c.periods = value_of(stat, "nr_periods").value_or(0);
  c.throttled_periods = value_of(stat, "nr_throttled").value_or(0);
  c.throttled_ns = value_of(stat, "throttled_time").value_or(0);
  c.bursts = value_of(stat, "nr_bursts").value_or(0);
  c.burst_ns = value_of(stat, "burst_time").value_or(0);
  if (cpuacct.empty()) return c;
  c.usage_ns = read_number(cpuacct + "/cpuacct.usage").value_or(0);
  c.user_ns = read_number(cpuacct + "/cpuacct.usage_user").value_or(0);
  c.system_ns = read_number(cpuacct + "/cpuacct.usage_sys").value_or(0);
  const auto text = text_of(cpuacct + "/cpuacct.usage_percpu");
  for (const auto word : words(text)) c.per_cpu_ns.push_back(number(word).value_or(0));
  return c;
}

CgroupStats::Cpu cpu_v2(const std::string& d) {
  CgroupStats::Cpu c;
  const auto stat = text_of(d + "/cpu.stat");
  const auto nanoseconds = [&](std::string_view key) { return value_of(stat, key).value_or(0) * 1000; };
  c.usage_ns = nanoseconds("usage_usec");
  c.user_ns = nanoseconds("user_usec");
  c.system_ns = nanoseconds("system_usec");
  c.periods = value_of(stat, "nr_periods").value_or(0);
  c.throttled_periods = value_of(stat, "nr_throttled").value_or(0);
  c.throttled_ns = nanoseconds("throttled_usec");
  c.bursts = value_of(stat, "nr_bursts").value_or(0);
  c.burst_ns = nanoseconds("burst_usec");
  return c;
}

using IoMap = std::map<std::pair<std::uint64_t, std::uint64_t>, BlockDeviceStats>;

BlockDeviceStats* device_of(IoMap& all, std::string_view name) {  // "8:16"
  const auto colon = name.find(':');
  if (colon == std::string_view::npos) return nullptr;
  const auto major = number(name.substr(0, colon)), minor = number(name.substr(colon + 1));
  if (!major || !minor) return nullptr;
  auto& device = all[{*major, *minor}];
  device.major = *major;
  device.minor = *minor;
  return &device;
}

void io_v1_file(const std::string& text, IoMap& all, bool bytes) {
  for (const auto line : lines(text)) {  // "8:16 Read 4096"
    const auto fields = words(line);
    if (fields.size() != 3) continue;
    auto* device = device_of(all, fields[0]);
    const auto value = number(fields[2]);
    if (device == nullptr || !value) continue;
    if (fields[1] == "Read") (bytes ? device->read_bytes : device->read_ops) += *value;
    if (fields[1] == "Write") (bytes ? device->write_bytes : device->write_ops) += *value;
    if (fields[1] == "Discard") (bytes ? device->discard_bytes : device->discard_ops) += *value;
  }
}

/// bfq counts what it schedules, the throttling layer everything: the latter is taken, and bfq's when the kernel has no throttling.
IoMap io_v1(const std::string& d) {
  IoMap all;
  for (const auto* prefix : {"/blkio.throttle.io_", "/blkio.bfq.io_", "/blkio.io_"}) {
    auto bytes = text_of(d + prefix + "service_bytes_recursive");
    auto ops = text_of(d + prefix + "serviced_recursive");
    if (bytes.empty() && ops.empty()) {
      bytes = text_of(d + prefix + "service_bytes");
      ops = text_of(d + prefix + "serviced");
    }
    io_v1_file(bytes, all, true);
    io_v1_file(ops, all, false);
    if (!all.empty()) break;
  }
  return all;
}

IoMap io_v2(const std::string& d) {
  IoMap all;
  const auto text = text_of(d + "/io.stat");
  for (const auto line : lines(text)) {  // "8:16 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6"
    const auto fields = words(line);
    auto* device = fields.empty() ? nullptr : device_of(all, fields[0]);
    if (device == nullptr) continue;
    for (const auto field : fields) {
      const auto equals = field.find('=');
      if (equals == std::string_view::npos) continue;
      const auto key = field.substr(0, equals);
      const auto value = number(field.substr(equals + 1)).value_or(0);
      if (key == "rbytes") device->read_bytes = value;
      if (key == "wbytes") device->write_bytes = value;
      if (key == "dbytes") device->discard_bytes = value;
      if (key == "rios") device->read_ops = value;
      if (key == "wios") device->write_ops = value;
      if (key == "dios") device->discard_ops = value;
    }
  }
  return all;
}

std::map<std::string, HugetlbStats> hugetlb(const std::string& d, bool v2) {
  std::map<std::string, HugetlbStats> out;
  const auto names = sys::list_directory(d);
  if (!names) return out;
  const std::string_view suffix = v2 ? ".current" : ".usage_in_bytes";
  for (const auto& name : *names) {  // "hugetlb.2MB.current"; not "hugetlb.2MB.rsvd.current"
    constexpr std::string_view prefix = "hugetlb.";
    if (!name.starts_with(prefix) || !name.ends_with(suffix)) continue;
    const auto size = name.substr(prefix.size(), name.size() - prefix.size() - suffix.size());
    if (size.find('.') != std::string::npos) continue;
    const auto base = d + "/hugetlb." + size;
    auto& stats = out[size];
    stats.usage = read_number(d + "/" + name).value_or(0);
    stats.max_usage = v2 ? 0 : read_number(base + ".max_usage_in_bytes").value_or(0);
    stats.failures = v2 ? value_of(text_of(base + ".events"), "max").value_or(0) : read_number(base + ".failcnt").value_or(0);
  }
  return out;
}

std::map<std::string, RdmaStats> rdma(const std::string& d) {
  std::map<std::string, RdmaStats> out;
  const auto text = text_of(d + "/rdma.current");
  for (const auto line : lines(text)) {  // "mlx4_0 hca_handle=1 hca_object=20"
    const auto fields = words(line);
    if (fields.empty()) continue;
    auto& stats = out[std::string(fields[0])];
    for (const auto field : fields) {
      if (field.starts_with("hca_handle=")) stats.hca_handles = number(field.substr(11)).value_or(0);
      if (field.starts_with("hca_object=")) stats.hca_objects = number(field.substr(11)).value_or(0);
    }
  }
  return out;
}

}  // namespace

Result<CgroupStats> Cgroup::stats() const {
  if (!exists()) return fail(Code::not_found, "cgroup {}", path_);
  CgroupStats out;
  const auto in_v2 = [&](std::string_view controller) {
    const auto* hierarchy = layout_.find(controller);
    return hierarchy != nullptr && hierarchy->v2;
  };
  if (has("memory")) out.memory = in_v2("memory") ? memory_v2(*directory("memory")) : memory_v1(*directory("memory"));
  if (mode() == CgroupMode::v2) {
    out.cpu = cpu_v2(*directory(""));  // cpu.stat is there even without the controller
  } else if (has("cpu")) {
    out.cpu = in_v2("cpu") ? cpu_v2(*directory("cpu")) : cpu_v1(*directory("cpu"), directory("cpuacct").value_or(""));
  }
  if (has("pids")) {
    out.pids =
        CgroupStats::Pids{read_number(*directory("pids") + "/pids.current").value_or(0), read_number(*directory("pids") + "/pids.max")};
  }
  IoMap io;
  if (has("blkio")) io = io_v1(*directory("blkio"));
  if (has("io")) io = io_v2(*directory("io"));
  for (auto& [name, device] : io) out.io.push_back(device);
  if (has("hugetlb")) out.hugetlb = hugetlb(*directory("hugetlb"), in_v2("hugetlb"));
  if (has("rdma")) out.rdma = rdma(*directory("rdma"));
  if (const auto unified = directory("")) {
    out.cpu_pressure = read_pressure(*unified + "/cpu.pressure");
    out.memory_pressure = read_pressure(*unified + "/memory.pressure");
    out.io_pressure = read_pressure(*unified + "/io.pressure");
  }
  return out;
}

}  // namespace fulcrum
