#include "sandbox/shim/loop.h"

#include <sys/epoll.h>

#include <cerrno>

namespace fulcrum::sandbox::shim {

Result<Loop> Loop::make() {
  UniqueFd fd(::epoll_create1(EPOLL_CLOEXEC));
  if (!fd.valid()) return fail_errno(errno, "make an epoll descriptor");
  return Loop(std::move(fd));
}

Result<> Loop::add(int fd, std::uint32_t events, Source* source) {
  epoll_event event{.events = events, .data = {.ptr = source}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) < 0) return fail_errno(errno, "wait for a descriptor");
  return {};
}

void Loop::change(int fd, std::uint32_t events, Source* source) {
  epoll_event event{.events = events, .data = {.ptr = source}};
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event);
}

void Loop::remove(int fd) {
  if (fd >= 0) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

bool Loop::turn(int timeout_ms) {
  epoll_event event{};
  const int n = ::epoll_wait(epoll_.get(), &event, 1, timeout_ms);
  if (n <= 0) return n < 0 && errno == EINTR;
  static_cast<Source*>(event.data.ptr)->ready(event.events);
  return true;
}

}  // namespace fulcrum::sandbox::shim
