#include "base/wait.h"

#include <sys/eventfd.h>

#include <array>
#include <cstdint>
#include <vector>

namespace fulcrum {

Deadline Deadline::earlier(const Deadline& a, const Deadline& b) {
  if (!a.at_) return b;
  if (!b.at_) return a;
  return *a.at_ < *b.at_ ? a : b;
}

StopSource::StopSource() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) { FULCRUM_ASSERT(event_.valid()); }

void StopSource::request_stop() const noexcept {
  const std::uint64_t one = 1;
  // The only possible failure is a full counter, and then the source has fired already.
  [[maybe_unused]] const auto written = ::write(event_.get(), &one, sizeof one);
}

bool StopSource::stop_requested() const noexcept {
  pollfd p{event_.get(), POLLIN, 0};
  return ::poll(&p, 1, 0) > 0;
}

const StopSource& StopSource::never() {
  static const StopSource source;
  return source;
}

Result<std::size_t> wait_any(const StopSource& stop, const Deadline& deadline, std::span<const Interest> interests) {
  constexpr std::size_t kInline = 16;
  std::array<pollfd, kInline> inline_fds;
  std::vector<pollfd> heap_fds;
  const std::size_t count = interests.size() + 1;
  pollfd* fds = inline_fds.data();
  if (count > kInline) {
    heap_fds.resize(count);
    fds = heap_fds.data();
  }
  fds[0] = {stop.fd(), POLLIN, 0};
  for (std::size_t i = 0; i < interests.size(); ++i) fds[i + 1] = {interests[i].fd, interests[i].events, 0};
  for (;;) {
    timespec left{};
    if (deadline.at()) {
      const auto now = Deadline::Clock::now();
      const auto ns = *deadline.at() > now ? std::chrono::duration_cast<std::chrono::nanoseconds>(*deadline.at() - now).count() : 0;
      left = {static_cast<time_t>(ns / 1'000'000'000), static_cast<long>(ns % 1'000'000'000)};
    }
    const int ready = ::ppoll(fds, count, deadline.at() ? &left : nullptr, nullptr);
    if (ready < 0) {
      if (errno == EINTR) continue;
      return fail_errno(errno, "poll");
    }
    if (fds[0].revents != 0) return fail(Code::cancelled, "stopped");
    for (std::size_t i = 1; i < count; ++i)
      if (fds[i].revents != 0) return i - 1;
    if (ready == 0 && deadline.passed()) return fail(Code::deadline_exceeded, "deadline passed");
  }
}

Result<std::size_t> wait_any(const StopSource& stop, const Deadline& deadline, std::initializer_list<Interest> interests) {
  return wait_any(stop, deadline, std::span(interests.begin(), interests.size()));
}

bool wait_until(const StopSource& stop, const Deadline& deadline) {
  const auto result = wait_any(stop, deadline, std::span<const Interest>());
  return !result && result.error().code == Code::deadline_exceeded;
}

}  // namespace fulcrum
