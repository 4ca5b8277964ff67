#include <algorithm>
#include <cerrno>

#include "runtime/resources_files.h"

namespace fulcrum::runtime {
namespace {

Result<> apply_pids(const Cgroup& cgroup, const oci::PidsLimits& pids) {
  if (!pids.limit) return {};
  TRY(need_controller(cgroup, "pids", "pids limit"));
  return set(cgroup, "pids", "pids.max", *pids.limit > 0 ? fmt::format("{}", *pids.limit) : "max", "pids limit");
}

Result<> apply_cpuset(const Cgroup& cgroup, const oci::CpuLimits& cpu) {
  if (cpu.cpus.empty() && cpu.mems.empty()) return {};
  TRY(need_controller(cgroup, "cpuset", "cpuset"));
  if (!cpu.cpus.empty()) TRY(set(cgroup, "cpuset", "cpuset.cpus", cpu.cpus, "cpuset cpus"));
  if (!cpu.mems.empty()) TRY(set(cgroup, "cpuset", "cpuset.mems", cpu.mems, "cpuset mems"));
  return {};
}

Result<> apply_hugetlb(const Cgroup& cgroup, const std::vector<oci::HugepageLimit>& limits) {
  for (const auto& limit : limits) {
    TRY(need_controller(cgroup, "hugetlb", "hugepage limit"));
    const bool v2 = cgroup.layout().find("hugetlb")->v2;
    const auto value = fmt::format("{}", limit.limit);
    const auto base = "hugetlb." + limit.page_size;
    const auto what = fmt::format("hugepage limit of {}", limit.page_size);
    TRY(set(cgroup, "hugetlb", base + (v2 ? ".max" : ".limit_in_bytes"), value, what));
    // Reservations count too, where the kernel knows them (5.7): else mmap would succeed and the first touch get SIGBUS.
    const auto reserved = base + ".rsvd" + (v2 ? ".max" : ".limit_in_bytes");
    if (cgroup.has_file("hugetlb", reserved)) TRY(set(cgroup, "hugetlb", reserved, value, what));
  }
  return {};
}

Result<> apply_rdma(const Cgroup& cgroup, const std::map<std::string, oci::RdmaLimits>& rdma) {
  for (const auto& [device, limits] : rdma) {
    TRY(need_controller(cgroup, "rdma", "rdma limit"));
    auto line = device;
    if (limits.hca_handles) line += fmt::format(" hca_handle={}", *limits.hca_handles);
    if (limits.hca_objects) line += fmt::format(" hca_object={}", *limits.hca_objects);
    TRY(set(cgroup, "rdma", "rdma.max", line, "rdma limit of " + device));
  }
  return {};
}

Result<> apply_unified(const Cgroup& cgroup, const std::map<std::string, std::string>& unified) {
  if (unified.empty()) return {};
  if (cgroup.mode() == CgroupMode::v1) return fail(Code::unimplemented, "invalid configuration: cannot use unified on cgroup v1");
  for (const auto& [file, value] : unified) {
    const auto controller = file.substr(0, file.find('.'));
    if (file.find('/') != std::string::npos || controller.size() == file.size()) {
      return fail(Code::invalid_argument, "unified resource \"{}\" must be a file name in the form CONTROLLER.PARAMETER", file);
    }
    const auto* hierarchy = cgroup.layout().find(controller);
    const bool v1_only = controller != "cgroup" && cgroup.mode() == CgroupMode::hybrid && (hierarchy == nullptr || !hierarchy->v2);
    if (v1_only || !cgroup.has_file("", file)) {
      if (v1_only || (controller != "cgroup" && !cgroup.has(controller))) {
        return fail(Code::unimplemented, "unified resource \"{}\" can't be set: controller \"{}\" not available", file, controller);
      }
      return fail(Code::unimplemented, "unified resource \"{}\" can't be set: this kernel does not have it", file);
    }
    std::string_view rest = value;
    do {  // files like io.max take one line at a time
      const auto line = rest.substr(0, rest.find('\n'));
      TRY(cgroup.write("", file, line), "unable to set unified resource \"{}\"", file);
      rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    } while (!rest.empty());
  }
  return {};
}

}  // namespace

Result<> need_controller(const Cgroup& cgroup, std::string_view controller, std::string_view limit) {
  if (cgroup.has(controller)) return {};
  return fail(Code::unimplemented, "{}: cgroup controller {} is not available here", limit, controller);
}

Result<> set(const Cgroup& cgroup, std::string_view controller, std::string_view file, std::string_view value, std::string_view limit) {
  auto done = cgroup.write(controller, file, value);
  if (!done && done.error().sys_errno == ENOENT && cgroup.exists()) {
    return fail(Code::unimplemented, "{}: this kernel has no {}", limit, file);
  }
  TRY(std::move(done), "{}", limit);
  return {};
}

Result<> apply_shared(const Cgroup& cgroup, const oci::Resources& resources) {
  if (resources.pids) TRY(apply_pids(cgroup, *resources.pids));
  if (resources.cpu) TRY(apply_cpuset(cgroup, *resources.cpu));
  TRY(apply_hugetlb(cgroup, resources.hugepage_limits));
  TRY(apply_rdma(cgroup, resources.rdma));
  return apply_unified(cgroup, resources.unified);
}

}  // namespace fulcrum::runtime
