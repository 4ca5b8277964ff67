#include "control/execs.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "api/workload/codec.h"
#include "base/log.h"
#include "base/sys.h"
#include "control/objects.h"

namespace fulcrum::control {

namespace {

constexpr std::size_t kMaxRecord = 4 << 20;

}  // namespace

std::string exec_key(std::string_view id) { return std::string(kExecs) + std::string(id); }

Execs::Execs(std::string directory) : directory_(std::move(directory)) {
  const auto names = [](const std::string& folder) { return sys::list_directory(folder).value_or(std::vector<std::string>{}); };
  for (const auto& workload : names(directory_))
    for (const auto& name : names(directory_ + "/" + workload)) {
      const auto file = directory_ + "/" + workload + "/" + name;
      const auto text = sys::read_file(file, kMaxRecord);
      auto exec = text ? api::from_stored<api::Exec>(*text) : Result<api::Exec>(std::unexpected(text.error()));
      if (!exec || exec->workload != workload || path(*exec) != file) {
        log::warning("an exec is forgotten", {{"file", file}, {"error", exec ? "it is another's" : exec.error().message}});
        ::unlink(file.c_str());
        continue;
      }
      by_workload_[workload].push_back(exec->id);
      execs_.emplace(exec->id, std::move(*exec));
    }
}

// Not synced: after a power loss there is nothing that it could tell of.
Result<> Execs::save(const api::Exec& exec) const {
  const auto file = path(exec);
  const auto aside = file + ".new";
  {
    const auto fd = TRY(sys::open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600));
    TRY(sys::write_all(fd.get(), api::to_json(exec)), "write {}", file);
  }
  if (::rename(aside.c_str(), file.c_str()) != 0) return fail_errno(errno, "write {}", file);
  return {};
}

void Execs::drop(const api::Exec& exec) {
  ::unlink(path(exec).c_str());
  execs_.erase(exec.id);
}

Result<api::Exec> Execs::create(const api::Workload& workload, const api::ExecSpec& spec) {
  const auto& uid = workload.metadata.uid;
  const std::lock_guard lock(mutex_);
  auto& ids = by_workload_[uid];
  const auto ended = [&](const std::string& id) { return execs_.at(id).exit_code.has_value(); };
  auto old = std::ranges::count_if(ids, ended);
  if (ids.size() - static_cast<std::size_t>(old) >= kMostOpen)
    return fail(Code::resource_exhausted, "workload {} has {} execs already", workload.spec.name, kMostOpen);
  while (old-- >= static_cast<std::ptrdiff_t>(kMostEnded)) {
    const auto oldest = std::ranges::find_if(ids, ended);
    drop(execs_.at(*oldest));
    ids.erase(oldest);
  }
  if (ids.empty()) TRY(sys::make_directories(directory_ + "/" + uid, 0700));
  const api::Exec exec{.id = new_uid(), .workload = uid, .run = workload.status.run, .spec = spec};
  TRY(save(exec));
  ids.push_back(exec.id);
  execs_.emplace(exec.id, exec);
  return exec;
}

Result<api::Exec> Execs::find(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto found = execs_.find(id);
  if (found == execs_.end()) return fail(Code::not_found, "no such exec: {}", id);
  return found->second;
}

Result<api::Exec> Execs::claim(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto found = execs_.find(id);
  if (found == execs_.end()) return fail(Code::not_found, "no such exec: {}", id);
  auto& exec = found->second;
  if (exec.exit_code) return fail(Code::failed_precondition, "exec command {} has already run", id);
  if (exec.started) return fail(Code::failed_precondition, "exec command {} is already running", id);
  exec.started = true;
  return exec;
}

Result<> Execs::set_running(const std::string& id, std::int64_t pid) {
  const std::lock_guard lock(mutex_);
  const auto found = execs_.find(id);
  if (found == execs_.end()) return {};  // its workload was removed meanwhile
  found->second.pid = pid;
  return save(found->second);
}

Result<bool> Execs::set_ended(const std::string& id, int exit_code) {
  const std::lock_guard lock(mutex_);
  const auto found = execs_.find(id);
  if (found == execs_.end() || found->second.exit_code) return false;
  found->second.exit_code = exit_code;
  found->second.started = true;
  TRY(save(found->second));
  return true;
}

std::vector<std::string> Execs::open(const std::string& workload) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> ids;
  for (const auto& [uid, all] : by_workload_)
    if (workload.empty() || uid == workload)
      std::ranges::copy_if(all, std::back_inserter(ids), [&](const std::string& id) { return !execs_.at(id).exit_code; });
  return ids;
}

void Execs::forget(const std::string& workload) {
  const std::lock_guard lock(mutex_);
  const auto found = by_workload_.extract(workload);
  if (found.empty()) return;
  for (const auto& id : found.mapped()) execs_.erase(id);
  if (const auto removed = sys::remove_tree(directory_ + "/" + workload); !removed)
    log::warning("records of execs stay", {{"workload", workload}, {"error", removed.error().message}});
}

}  // namespace fulcrum::control
