#include "os/cgroup_layout.h"

#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/sys.h"

namespace fulcrum {
namespace {

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> out;
  while (true) {
    const auto at = text.find(separator);
    out.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return out;
    text.remove_prefix(at + 1);
  }
}

/// Undoes the octal escapes of mountinfo: "\040" is a blank.
std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto digit = [&](std::size_t at) { return text[at] >= '0' && text[at] <= '7'; };
    if (text[i] == '\\' && i + 3 < text.size() && digit(i + 1) && digit(i + 2) && digit(i + 3)) {
      out += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

struct MountLine {
  std::string root, mount_point;
  std::string_view type;
  std::vector<std::string_view> super_options;
};

/// `31 23 0:28 / /sys/fs/cgroup/cpu rw,relatime shared:1 - cgroup cgroup rw,cpu`; only cgroup mounts are returned.
std::vector<MountLine> cgroup_mounts(std::string_view mountinfo) {
  std::vector<MountLine> out;
  for (const auto line : split(mountinfo, '\n')) {
    const auto dash = line.find(" - cgroup");
    if (dash == std::string_view::npos) continue;
    const auto left = split(line.substr(0, dash), ' ');
    const auto right = split(line.substr(dash + 3), ' ');
    if (left.size() < 6 || right.size() < 3 || (right[0] != "cgroup" && right[0] != "cgroup2")) continue;
    out.push_back({unescape(left[3]), unescape(left[4]), right[0], split(right[2], ',')});
  }
  return out;
}

const MountLine* find_mount(const std::vector<MountLine>& mounts, const std::vector<std::string>& controllers) {
  for (const auto& mount : mounts) {
    const auto offers = [&](const std::string& name) {
      return std::find(mount.super_options.begin(), mount.super_options.end(), name) != mount.super_options.end();
    };
    if (controllers.empty() ? mount.type == "cgroup2"
                            : mount.type == "cgroup" && std::all_of(controllers.begin(), controllers.end(), offers)) {
      return &mount;
    }
  }
  return nullptr;
}

bool is_named(const CgroupHierarchy& hierarchy) {
  return hierarchy.controllers.size() == 1 && hierarchy.controllers[0].starts_with("name=");
}

/// The longest path, of whole names, that two paths begin with.
std::string_view common_folder(std::string_view a, std::string_view b) {
  std::size_t end = 0;
  for (std::size_t i = 0;; ++i) {
    const bool a_ends = i == a.size() || a[i] == '/';
    const bool b_ends = i == b.size() || b[i] == '/';
    if (a_ends && b_ends) end = i;
    if (i == a.size() || i == b.size() || a[i] != b[i]) break;
  }
  return end == 0 ? "/" : a.substr(0, end);
}

bool may_use(const CgroupHierarchy& hierarchy, std::string_view path) {
  const auto full = hierarchy.directory(path);
  auto folder = full;
  while (folder.size() > hierarchy.mount_point.size() && ::access(folder.c_str(), F_OK) != 0) folder.erase(folder.rfind('/'));
  if (::access(folder.c_str(), W_OK | X_OK) != 0) return false;
  if (!hierarchy.v2) return folder != full || ::access((full + "/tasks").c_str(), W_OK) == 0;
  return ::access((hierarchy.directory(common_folder(hierarchy.own_path, path)) + "/cgroup.procs").c_str(), W_OK) == 0;
}

}  // namespace

std::string_view to_string(CgroupMode mode) {
  switch (mode) {
    case CgroupMode::v1: return "v1";
    case CgroupMode::hybrid: return "hybrid";
    case CgroupMode::v2: return "v2";
  }
  return "";
}

bool CgroupHierarchy::has(std::string_view controller) const {
  return std::find(controllers.begin(), controllers.end(), controller) != controllers.end();
}

std::string CgroupHierarchy::directory(std::string_view path) const {
  if (mount_root != "/" && path.starts_with(mount_root) && (path.size() == mount_root.size() || path[mount_root.size()] == '/')) {
    path.remove_prefix(mount_root.size());
  }
  return path == "/" ? mount_point : mount_point + std::string(path);
}

Result<CgroupLayout> CgroupLayout::parse(std::string_view mountinfo, std::string_view self_cgroup) {
  CgroupLayout layout;
  const auto mounts = cgroup_mounts(mountinfo);
  for (const auto line : split(self_cgroup, '\n')) {  // "4:cpu,cpuacct:/path", "1:name=systemd:/", "0::/path"
    const auto first = line.find(':');
    const auto second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    CgroupHierarchy hierarchy;
    hierarchy.own_path = line.substr(second + 1);
    const auto names = line.substr(first + 1, second - first - 1);
    if (!names.empty()) {
      for (const auto name : split(names, ',')) hierarchy.controllers.emplace_back(name);
    }
    const auto* mount = find_mount(mounts, hierarchy.controllers);
    if (mount == nullptr) continue;  // known to the kernel, mounted nowhere
    hierarchy.v2 = mount->type == "cgroup2";
    hierarchy.mount_point = mount->mount_point;
    hierarchy.mount_root = mount->root;
    layout.hierarchies_.push_back(std::move(hierarchy));
  }
  if (layout.hierarchies_.empty()) return fail(Code::unimplemented, "no cgroup file system is mounted");
  layout.find_mode();
  return layout;
}

void CgroupLayout::find_mode() {
  bool v1 = false, v2 = false;
  for (const auto& hierarchy : hierarchies_) {
    v1 = v1 || (!hierarchy.v2 && !is_named(hierarchy));
    v2 = v2 || hierarchy.v2;
  }
  mode_ = v1 && v2 ? CgroupMode::hybrid : v2 ? CgroupMode::v2 : CgroupMode::v1;
}

CgroupLayout CgroupLayout::usable_for(std::string_view path) const {
  CgroupLayout usable;
  std::copy_if(hierarchies_.begin(), hierarchies_.end(), std::back_inserter(usable.hierarchies_),
               [&](const CgroupHierarchy& hierarchy) { return may_use(hierarchy, path); });
  usable.find_mode();
  return usable;
}

Result<CgroupLayout> CgroupLayout::detect() {
  const auto mountinfo = TRY(sys::read_file("/proc/self/mountinfo"), "find cgroups");
  const auto self = TRY(sys::read_file("/proc/self/cgroup"), "find cgroups");
  auto layout = TRY(parse(mountinfo, self));
  for (auto& hierarchy : layout.hierarchies_) {
    if (!hierarchy.v2) continue;
    auto names = TRY(sys::read_file(hierarchy.mount_point + "/cgroup.controllers"), "find cgroups");
    while (!names.empty() && names.back() == '\n') names.pop_back();
    if (names.empty()) continue;
    for (const auto name : split(names, ' ')) hierarchy.controllers.emplace_back(name);
  }
  return layout;
}

const CgroupHierarchy* CgroupLayout::find(std::string_view controller) const {
  for (const auto& hierarchy : hierarchies_) {
    if (hierarchy.has(controller)) return &hierarchy;
  }
  return mode_ == CgroupMode::v2 ? unified() : nullptr;
}

const CgroupHierarchy* CgroupLayout::unified() const {
  for (const auto& hierarchy : hierarchies_) {
    if (hierarchy.v2) return &hierarchy;
  }
  return nullptr;
}

}  // namespace fulcrum
