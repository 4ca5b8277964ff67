#include "control/watcher.h"

#include <sys/epoll.h>

#include <chrono>

#include "base/log.h"

namespace fulcrum::control {

SandboxWatch::SandboxWatch(sandbox::Sandbox& sandbox) : sandbox_(sandbox), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  FULCRUM_ASSERT(epoll_.valid());
}

bool SandboxWatch::running(const std::string& key, const WorkloadId& id) {
  return watch(key, [&] { return sandbox_.watch(id); });
}

bool SandboxWatch::exec_running(const std::string& key, const WorkloadId& id, const std::string& exec_id) {
  return watch(key, [&] { return sandbox_.exec_watch(id, exec_id); });
}

bool SandboxWatch::watch(const std::string& key, const std::function<Result<UniqueFd>()>& descriptor) {
  {
    const std::lock_guard lock(mutex_);
    if (tokens_.contains(key)) return true;
  }
  auto fd = descriptor();
  if (!fd) return false;
  const std::lock_guard lock(mutex_);
  if (tokens_.contains(key)) return true;
  const auto token = next_token_++;
  epoll_event event{.events = EPOLLIN | EPOLLONESHOT, .data = {.u64 = token}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd->get(), &event) != 0) {
    log::error("cannot watch a sandbox", {{"key", key}, {"error", fail_errno(errno, "epoll_ctl").error().message}});
    return false;
  }
  tokens_[key] = token;
  watched_.emplace(token, std::pair(key, std::move(*fd)));
  return true;
}

std::vector<std::string> SandboxWatch::drain() {
  epoll_event events[64];
  const int count = ::epoll_wait(epoll_.get(), events, 64, 0);
  std::vector<std::string> keys;
  const std::lock_guard lock(mutex_);
  for (int i = 0; i < count; ++i) {
    const auto it = watched_.find(events[i].data.u64);
    if (it == watched_.end()) continue;
    keys.push_back(it->second.first);
    tokens_.erase(it->second.first);
    watched_.erase(it);  // closing takes it out of the epoll set
  }
  return keys;
}

std::size_t SandboxWatch::size() const {
  const std::lock_guard lock(mutex_);
  return watched_.size();
}

Pump::Pump(Objects& objects, SandboxWatch& sandboxes, WorkQueue& workloads, WorkQueue& health, WorkQueue& execs, store::Revision revision)
    : objects_(objects), sandboxes_(sandboxes), workloads_(workloads), health_(health), execs_(execs), revision_(revision), thread_([this] {
        run();
      }) {}

Pump::~Pump() {
  stop_.request_stop();
  thread_.join();
}

void Pump::run() {
  while (!stop_.stop_requested()) {
    const auto pumped = pump();
    if (stop_.stop_requested()) return;
    if (pumped || pumped.error().code != Code::out_of_range)
      log::error("watch of the store", {{"error", pumped ? "ended" : pumped.error().message}});
    // Fell behind, or the store failed: look at everything, and go on from there.
    if (const auto all = objects_.workloads()) {
      for (const auto& workload : all->items) {
        workloads_.add(workload_key(workload.metadata.uid));
        health_.add(workload_key(workload.metadata.uid));
      }
      revision_ = all->revision;
    }
    if (!wait_until(stop_, Deadline::in(std::chrono::seconds(1)))) return;
  }
}

Result<> Pump::pump() {
  const auto watch = TRY(objects_.store().watch(kWorkloads, revision_ + 1));
  for (;;) {
    const auto ready = TRY(wait_any(stop_, Deadline::never(), {{watch->fd(), POLLIN}, {sandboxes_.fd(), POLLIN}}));
    if (ready == 1) {
      for (const auto& key : sandboxes_.drain()) (key.starts_with(kExecs) ? execs_ : workloads_).add(key);
      continue;
    }
    for (const auto& event : TRY(watch->next())) {
      workloads_.add(event.record.key);
      if (event.type == store::Event::Type::put) health_.add(event.record.key);
    }
    revision_ = watch->position();
  }
}

}  // namespace fulcrum::control
