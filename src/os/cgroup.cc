#include "os/cgroup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <tuple>

#include "base/scope_exit.h"
#include "base/sys.h"
#include "os/cgroup_files.h"
#include "os/user_namespace.h"

namespace fulcrum {
namespace {

/// A v1 cpuset without CPUs or memory nodes accepts no process: fills them in from the parent.
Result<> copy_cpuset(const std::string& parent, const std::string& child) {
  for (const char* file : {"/cpuset.cpus", "/cpuset.mems"}) {
    const auto now = TRY(cgroup_files::read_trimmed(child + file));
    if (!now.empty()) continue;
    const auto from = TRY(cgroup_files::read_trimmed(parent + file));
    if (!from.empty()) TRY(sys::write_existing(child + file, from));
  }
  return {};
}

/// Lets the children of a v2 cgroup have controllers. What cannot be delegated here is found missing when a limit asks for it.
Result<> enable_controllers(const std::string& directory) {
  const auto available = TRY(cgroup_files::read_trimmed(directory + "/cgroup.controllers"));
  if (available.empty()) return {};
  const auto enabled = TRY(cgroup_files::read_trimmed(directory + "/cgroup.subtree_control"));
  std::vector<std::string> missing;
  std::string all;
  for (const auto& name : cgroup_files::words(available)) {
    if (cgroup_files::contains_word(enabled, name)) continue;
    missing.push_back("+" + std::string(name));
    all += (all.empty() ? "" : " ") + missing.back();
  }
  if (missing.empty() || sys::write_existing(directory + "/cgroup.subtree_control", all)) return {};
  for (const auto& one : missing) std::ignore = sys::write_existing(directory + "/cgroup.subtree_control", one);
  return {};
}

/// Makes `path` below a hierarchy's mount level by level; `made` gets the folders that were not there.
Result<> make_in(const CgroupHierarchy& hierarchy, std::string_view path, std::vector<std::string>& made) {
  std::string parent = hierarchy.directory("/");
  const auto full = hierarchy.directory(path);
  const bool cpuset = !hierarchy.v2 && hierarchy.has("cpuset");
  if (!hierarchy.v2 && !cpuset && ::mkdir(full.c_str(), 0755) == 0) {  // the usual case: the folders above it are there
    made.push_back(full);
    return {};
  }
  for (std::size_t at = parent.size(); at < full.size();) {
    const auto next = std::min(full.find('/', at + 1), full.size());
    const auto level = full.substr(0, next);
    if (hierarchy.v2) TRY(enable_controllers(parent));
    if (::mkdir(level.c_str(), 0755) == 0) {
      made.push_back(level);
    } else if (errno != EEXIST) {
      return fail_errno(errno, "make cgroup {}", level);
    }
    if (cpuset) TRY(copy_cpuset(parent, level), "make cgroup {}", level);
    parent = level;
    at = next;
  }
  return {};
}

}  // namespace

Result<Cgroup> Cgroup::open(CgroupLayout layout, std::string_view path) {
  const auto bad = [&](std::string_view why) { return fail(Code::invalid_argument, "cgroup path \"{}\" {}", path, why); };
  if (!path.starts_with('/')) return bad("is not absolute");
  std::string clean;
  while (!path.empty()) {
    path.remove_prefix(1);
    const auto part = path.substr(0, path.find('/'));
    path.remove_prefix(part.size());
    if (part.empty() || part == ".") continue;
    if (part == "..") return fail(Code::invalid_argument, "a cgroup path must not contain \"..\"");
    if (part.size() > 255) return fail(Code::invalid_argument, "a part of a cgroup path is longer than 255 bytes");
    if (std::any_of(part.begin(), part.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; })) {
      return fail(Code::invalid_argument, "a cgroup path must not contain control characters");
    }
    clean.append("/").append(part);
  }
  if (clean.empty()) return fail(Code::invalid_argument, "the top of the cgroup tree cannot be a container's cgroup");
  if (clean.size() > 2048) return fail(Code::invalid_argument, "a cgroup path is longer than 2048 bytes");
  if (os::in_user_namespace()) {
    layout = layout.usable_for(clean);
    if (layout.hierarchies().empty()) return fail(Code::permission_denied, "cgroup {} is not given to this user in any hierarchy", clean);
  }
  return Cgroup(std::move(layout), std::move(clean));
}

Result<Cgroup> Cgroup::create(CgroupLayout layout, std::string_view path) {
  auto cgroup = TRY(open(std::move(layout), path));
  std::vector<std::string> made;
  ScopeExit undo([&] {
    for (auto at = made.rbegin(); at != made.rend(); ++at) ::rmdir(at->c_str());
  });
  for (const auto& hierarchy : cgroup.layout_.hierarchies()) TRY(make_in(hierarchy, cgroup.path_, made));
  undo.dismiss();
  return cgroup;
}

bool Cgroup::exists() const {
  const auto folders = directories();
  return std::any_of(folders.begin(), folders.end(), [](const std::string& folder) { return ::access(folder.c_str(), F_OK) == 0; });
}

std::optional<std::string> Cgroup::directory(std::string_view controller) const {
  const auto* hierarchy = controller.empty() ? layout_.unified() : layout_.find(controller);
  if (hierarchy == nullptr) return std::nullopt;
  return hierarchy->directory(path_);
}

std::vector<std::string> Cgroup::directories() const {
  std::vector<std::string> out;
  for (const auto& hierarchy : layout_.hierarchies()) out.push_back(hierarchy.directory(path_));
  return out;
}

bool Cgroup::has(std::string_view controller) const {
  const auto* hierarchy = layout_.find(controller);
  if (hierarchy == nullptr) return false;
  if (!hierarchy->v2 || controller == "devices" || controller == "freezer") return true;
  const auto names = cgroup_files::read_trimmed(hierarchy->directory(path_) + "/cgroup.controllers");
  return names && cgroup_files::contains_word(*names, controller);
}

Result<std::string> Cgroup::read(std::string_view controller, std::string_view file) const {
  const auto folder = directory(controller);
  if (!folder) return fail(Code::unimplemented, "cgroup controller {} is not available here", controller);
  return sys::read_file(*folder + "/" + std::string(file), 1 << 20);
}

Result<> Cgroup::write(std::string_view controller, std::string_view file, std::string_view data) const {
  const auto folder = directory(controller);
  if (!folder) return fail(Code::unimplemented, "cgroup controller {} is not available here", controller);
  TRY(sys::write_existing(*folder + "/" + std::string(file), data), "write \"{}\"", data.substr(0, 200));
  return {};
}

bool Cgroup::has_file(std::string_view controller, std::string_view file) const {
  const auto folder = directory(controller);
  return folder && ::access((*folder + "/" + std::string(file)).c_str(), F_OK) == 0;
}

Result<> Cgroup::add_process(pid_t pid) const {
  const auto text = fmt::format("{}", pid);
  for (const auto& folder : directories()) TRY(sys::write_existing(folder + "/cgroup.procs", text), "move process {} into cgroup", pid);
  return {};
}

Result<CgroupEntry> Cgroup::open_entry() const {
  CgroupEntry entry;
  for (const auto& hierarchy : layout_.hierarchies()) {
    const auto folder = hierarchy.directory(path_);
    if (hierarchy.v2) {
      entry.directory_ = TRY(sys::open(folder, O_RDONLY | O_DIRECTORY));
      entry.procs_ = TRY(sys::open(folder + "/cgroup.procs", O_WRONLY));
    } else {
      entry.tasks_.push_back(TRY(sys::open(folder + "/tasks", O_WRONLY)));
    }
  }
  return entry;
}

int CgroupEntry::enter(bool cloned) const noexcept {
  const auto self = [](int fd) {
    ssize_t n = 0;
    do {
      n = ::write(fd, "0", 1);
    } while (n < 0 && errno == EINTR);
    return n == 1 ? 0 : errno;
  };
  if (procs_.valid() && !cloned) {
    if (const int error = self(procs_.get()); error != 0) return error;
  }
  for (const auto& fd : tasks_) {
    if (const int error = self(fd.get()); error != 0) return error;
  }
  return 0;
}

std::vector<int> CgroupEntry::fds() const {
  std::vector<int> out;
  if (directory_.valid()) out.push_back(directory_.get());
  if (procs_.valid()) out.push_back(procs_.get());
  for (const auto& fd : tasks_) out.push_back(fd.get());
  return out;
}

}  // namespace fulcrum
