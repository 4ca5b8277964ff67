#include "runtime/resources.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "base/sys.h"
#include "runtime/device_rules.h"
#include "runtime/resources_files.h"

namespace fulcrum::runtime {
namespace {

/// Each rule is a write of its own; the two files are opened once.
Result<> write_devices(const std::string& folder, const std::vector<DeviceWrite>& writes) {
  UniqueFd files[2];
  for (const auto& write : writes) {
    auto& file = files[write.allow ? 1 : 0];
    const auto path = folder + (write.allow ? "/devices.allow" : "/devices.deny");
    if (!file.valid()) file = TRY(sys::open(path, O_WRONLY));
    if (::write(file.get(), write.line.data(), write.line.size()) < 0) return fail_errno(errno, "write \"{}\" to {}", write.line, path);
  }
  return {};
}

/// "a-b.slice" stands in "a.slice" in systemd's tree; "-.slice" is its top.
std::string slice_path(std::string_view slice) {
  if (slice.ends_with(".slice")) slice.remove_suffix(6);
  if (slice.empty() || slice == "-") return "";
  std::string out;
  for (std::size_t at = 0; at != std::string_view::npos;) {
    at = slice.find('-', at + 1);
    out.append("/").append(slice.substr(0, at)).append(".slice");
  }
  return out;
}

std::string parent_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos || slash == 0 ? "" : path.substr(0, slash);
}

/// The cgroup below which relative paths are put.
std::string base_path(const CgroupLayout& layout) {
  if (layout.mode() == CgroupMode::v2) return parent_of(layout.unified()->own_path);
  const auto* devices = layout.find("devices");
  const auto& own = devices != nullptr ? devices->own_path : layout.hierarchies().front().own_path;
  return own == "/" ? "" : own;
}

template <class T>
void overlay(std::optional<T>& base, const std::optional<T>& change) {
  if (change) base = change;
}
template <class T>
void overlay(std::vector<T>& base, const std::vector<T>& change) {
  if (!change.empty()) base = change;
}
void overlay(std::string& base, const std::string& change) {
  if (!change.empty()) base = change;
}

Result<> apply_devices(const Cgroup& cgroup, const std::vector<oci::DeviceRule>& rules) {
  const auto* hierarchy = cgroup.layout().find("devices");
  if (hierarchy == nullptr) {
    const auto unified = cgroup.directory("");
    if (!unified) return fail(Code::unimplemented, "device rules: cgroup controller devices is not available here");
    const auto folder = TRY(sys::open(*unified, O_RDONLY | O_DIRECTORY));
    return set_cgroup_device_program(folder.get(), device_program(rules));
  }
  if (hierarchy->v2) {
    const auto folder = TRY(sys::open(hierarchy->directory(cgroup.path()), O_RDONLY | O_DIRECTORY));
    return set_cgroup_device_program(folder.get(), device_program(rules));
  }
  const auto writes = TRY(device_writes(rules));
  const auto now = TRY(cgroup.read("devices", "devices.list"));
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < now.size();) {
    const auto end = std::min(now.find('\n', at), now.size() - 1) + 1;
    lines.push_back(now.substr(at, end - at));
    at = end;
  }
  std::sort(lines.begin(), lines.end());
  std::string sorted;
  for (const auto& line : lines) sorted += line;
  if (!sorted.empty() && sorted == device_list(writes)) return {};
  // Between the first write and the last all is denied: nobody runs in there meanwhile.
  const bool running = !TRY(cgroup.processes()).empty() && !TRY(cgroup.frozen());
  if (running) TRY(cgroup.freeze(StopSource::never(), Deadline::in(std::chrono::seconds(10))), "device rules");
  auto done = write_devices(hierarchy->directory(cgroup.path()), writes);
  if (running) TRY(cgroup.thaw(StopSource::never(), Deadline::in(std::chrono::seconds(10))), "device rules");
  return done;
}

}  // namespace

Result<std::string> cgroup_path(const CgroupLayout& layout, std::string_view cgroups_path, std::string_view id) {
  if (cgroups_path.starts_with('/')) return std::string(cgroups_path);
  const auto first = cgroups_path.find(':');
  if (first != std::string_view::npos) {
    const auto second = cgroups_path.find(':', first + 1);
    if (second == std::string_view::npos || cgroups_path.find(':', second + 1) != std::string_view::npos) {
      return fail(Code::invalid_argument,
                  "expected cgroupsPath to be of format \"slice:prefix:name\" for systemd cgroups, got \"{}\" instead", cgroups_path);
    }
    auto slice = cgroups_path.substr(0, first);
    const auto prefix = cgroups_path.substr(first + 1, second - first - 1);
    const auto name = cgroups_path.substr(second + 1);
    if (slice.empty()) slice = "system.slice";
    if (name.ends_with(".slice")) return slice_path(name);
    return fmt::format("{}/{}{}{}.scope", slice_path(slice), prefix, prefix.empty() ? "" : "-", name);
  }
  const auto leaf = cgroups_path.empty() ? id : cgroups_path;
  if (leaf.empty()) return fail(Code::invalid_argument, "neither a cgroup path nor a container id");
  return fmt::format("{}/{}", base_path(layout), leaf);
}

Result<> apply_resources(const Cgroup& cgroup, const oci::Resources& resources, const ResourceOptions& options) {
  if (cgroup.mode() == CgroupMode::v2) {
    TRY(apply_v2(cgroup, resources));
  } else {
    TRY(apply_v1(cgroup, resources));
  }
  TRY(apply_shared(cgroup, resources));
  if (options.devices) TRY(apply_devices(cgroup, resources.devices));
  return {};
}

oci::Resources merge_resources(const oci::Resources& base, const oci::Resources& change) {
  auto out = base;
  overlay(out.devices, change.devices);
  if (change.memory) {
    auto& memory = out.memory ? *out.memory : out.memory.emplace();
    overlay(memory.limit, change.memory->limit);
    overlay(memory.reservation, change.memory->reservation);
    overlay(memory.swap, change.memory->swap);
    overlay(memory.kernel, change.memory->kernel);
    overlay(memory.kernel_tcp, change.memory->kernel_tcp);
    overlay(memory.swappiness, change.memory->swappiness);
    overlay(memory.disable_oom_killer, change.memory->disable_oom_killer);
    overlay(memory.use_hierarchy, change.memory->use_hierarchy);
    overlay(memory.check_before_update, change.memory->check_before_update);
  }
  if (change.cpu) {
    auto& cpu = out.cpu ? *out.cpu : out.cpu.emplace();
    overlay(cpu.shares, change.cpu->shares);
    overlay(cpu.quota, change.cpu->quota);
    overlay(cpu.burst, change.cpu->burst);
    overlay(cpu.period, change.cpu->period);
    overlay(cpu.realtime_runtime, change.cpu->realtime_runtime);
    overlay(cpu.realtime_period, change.cpu->realtime_period);
    overlay(cpu.cpus, change.cpu->cpus);
    overlay(cpu.mems, change.cpu->mems);
    overlay(cpu.idle, change.cpu->idle);
  }
  if (change.pids) overlay((out.pids ? *out.pids : out.pids.emplace()).limit, change.pids->limit);
  if (change.block_io) {
    auto& io = out.block_io ? *out.block_io : out.block_io.emplace();
    overlay(io.weight, change.block_io->weight);
    overlay(io.leaf_weight, change.block_io->leaf_weight);
    overlay(io.weight_device, change.block_io->weight_device);
    overlay(io.throttle_read_bps_device, change.block_io->throttle_read_bps_device);
    overlay(io.throttle_write_bps_device, change.block_io->throttle_write_bps_device);
    overlay(io.throttle_read_iops_device, change.block_io->throttle_read_iops_device);
    overlay(io.throttle_write_iops_device, change.block_io->throttle_write_iops_device);
  }
  overlay(out.hugepage_limits, change.hugepage_limits);
  if (change.network) {
    auto& network = out.network ? *out.network : out.network.emplace();
    overlay(network.class_id, change.network->class_id);
    overlay(network.priorities, change.network->priorities);
  }
  for (const auto& [device, limits] : change.rdma) out.rdma[device] = limits;
  for (const auto& [file, value] : change.unified) out.unified[file] = value;
  return out;
}

std::vector<oci::DeviceRule> with_default_device_rules(const std::vector<oci::DeviceRule>& rules) {
  auto out = rules;
  const auto allow = [&](const char* type, std::optional<std::int64_t> major, std::optional<std::int64_t> minor, const char* access) {
    out.push_back({.allow = true, .type = type, .major = major, .minor = minor, .access = access});
  };
  allow("c", std::nullopt, std::nullopt, "m");
  allow("b", std::nullopt, std::nullopt, "m");
  for (const int minor : {3, 5, 7, 8, 9}) allow("c", 1, minor, "rwm");  // null zero full random urandom
  for (const int minor : {0, 1, 2}) allow("c", 5, minor, "rwm");        // tty console ptmx
  allow("c", 136, std::nullopt, "rwm");                                 // pts
  return out;
}

std::uint64_t cpu_weight_from_shares(std::uint64_t shares) {
  if (shares == 0) return 0;
  if (shares <= 2) return 1;
  if (shares >= 262144) return 10000;
  // Quadratic in the logarithm through (2, 1), (1024, 100) and (262144, 10000).
  const double l = std::log2(static_cast<double>(shares));
  const double exponent = (l * l + 125 * l) / 612.0 - 7.0 / 34.0;
  return static_cast<std::uint64_t>(std::ceil(std::pow(10, exponent)));
}

std::uint64_t io_weight_from_blkio(std::uint16_t weight) {
  if (weight == 0) return 0;
  return 1 + (std::max<std::uint64_t>(weight, 10) - 10) * 9999 / 990;
}

}  // namespace fulcrum::runtime
