#include "image/registry/parallel.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <vector>

namespace fulcrum::image::registry {

Result<> in_parallel(Shared& shared, unsigned connections, std::size_t count, const Bounds& bounds,
                     const std::function<Result<>(Session&, std::size_t, const Bounds&)>& job) {
  const StopSource group;
  std::atomic<std::size_t> next{0};
  std::mutex mutex;  // protects `first`
  std::optional<Error> first;
  const auto work = [&] {
    Session session(shared);
    const Bounds own{.stop = bounds.stop, .group = group, .deadline = bounds.deadline};
    for (auto i = next++; i < count && !group.stop_requested(); i = next++) {
      auto done = job(session, i, own);
      if (done) continue;
      const std::lock_guard lock(mutex);
      if (!first) first = std::move(done).error();
      group.request_stop();
    }
  };
  {
    std::vector<std::jthread> threads;
    const auto wanted = std::min<std::size_t>(std::max(connections, 1U), count);
    try {
      for (std::size_t i = 1; i < wanted; ++i) threads.emplace_back(work);
    } catch (const std::system_error&) {
      // No more threads to be had: those that started, and this one, do the work.
    }
    work();
  }
  if (first) return std::unexpected(std::move(*first));
  return {};
}

}  // namespace fulcrum::image::registry
