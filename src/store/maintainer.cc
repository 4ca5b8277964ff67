#include "store/maintainer.h"

#include <algorithm>

namespace fulcrum::store {

Maintainer::Maintainer(Store& store, const Clock& clock, std::function<void(const Error&)> on_error)
    : store_(store), clock_(clock), on_error_(std::move(on_error)), thread_([this] { run(); }) {}

Maintainer::~Maintainer() {
  stop_.request_stop();
  thread_.join();
}

void Maintainer::run() {
  using namespace std::chrono_literals;
  std::chrono::nanoseconds delay{0};
  // A lease granted meanwhile lives a second at least, so looking once a second when there is none yet is early enough.
  while (wait_until(stop_, Deadline::in(delay))) {
    const auto next = store_.maintain();
    delay = 1s;
    if (!next) {
      on_error_(next.error());
      delay = 10s;
    } else if (*next) {
      delay = std::clamp<std::chrono::nanoseconds>(**next - clock_.now(), 1ms, 1s);
    }
  }
}

}  // namespace fulcrum::store
