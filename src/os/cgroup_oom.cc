// Out-of-memory kills: counted, and waited for.
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <cerrno>

#include "base/sys.h"
#include "os/cgroup.h"
#include "os/cgroup_files.h"

namespace fulcrum {
namespace {

std::string counter_file(const CgroupHierarchy& memory, std::string_view path) {
  return memory.directory(path) + (memory.v2 ? "/memory.events" : "/memory.oom_control");
}

Result<std::uint64_t> read_counter(const std::string& file) {
  const auto text = sys::read_file(file, 4096);
  if (!text) {
    if (text.error().sys_errno == ENOENT || text.error().sys_errno == ENODEV) return fail(Code::not_found, "{} is gone", file);
    return std::unexpected(text.error());
  }
  return cgroup_files::value_of(*text, "oom_kill").value_or(0);
}

}  // namespace

Result<std::uint64_t> Cgroup::oom_kills() const {
  const auto* memory = layout_.find("memory");
  if (memory == nullptr) return 0;
  if (memory->v2 && !has_file("memory", "memory.events"))
    return exists() ? Result<std::uint64_t>(0) : fail(Code::not_found, "cgroup {}", path_);
  return read_counter(counter_file(*memory, path_));
}

Result<OomWatch> Cgroup::watch_oom() const {
  const auto* memory = layout_.find("memory");
  if (memory == nullptr) return fail(Code::unimplemented, "watch for OOM: cgroup controller memory is not available here");
  OomWatch watch;
  watch.counter_ = counter_file(*memory, path_);
  if (memory->v2) {
    watch.inotify_ = true;
    watch.event_ = UniqueFd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    if (!watch.event_.valid()) return fail_errno(errno, "inotify");
    if (::inotify_add_watch(watch.event_.get(), watch.counter_.c_str(), IN_MODIFY) < 0)
      return fail_errno(errno, "watch {}", watch.counter_);
    // The removal of a cgroup gives no inotify event of its own; that its last process ended does.
    const auto events = memory->directory(path_) + "/cgroup.events";
    if (::inotify_add_watch(watch.event_.get(), events.c_str(), IN_MODIFY) < 0) return fail_errno(errno, "watch {}", events);
    return watch;
  }
  watch.event_ = UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!watch.event_.valid()) return fail_errno(errno, "eventfd");
  watch.control_ = TRY(sys::open(watch.counter_, O_RDONLY), "watch for OOM");
  TRY(write("memory", "cgroup.event_control", fmt::format("{} {}", watch.event_.get(), watch.control_.get())), "watch for OOM");
  return watch;
}

Result<std::uint64_t> OomWatch::take() {
  alignas(inotify_event) char buffer[4096];
  while (::read(event_.get(), buffer, inotify_ ? sizeof buffer : 8) > 0) {
  }
  return read_counter(counter_);
}

}  // namespace fulcrum
