#include "http/relay.h"

namespace fulcrum::http {
namespace {
constexpr std::size_t kBacklog = 64 << 10;
}

Half::Half(Stream& from, Stream& to, std::string early) : from_(from), to_(to), backlog_(std::move(early)) {}

Interest Half::interest() const {
  if (!open_) return {-1, 0};
  if (wait_write_ != 0) return {to_.fd(), wait_write_};
  if (written_ < backlog_.size() || from_.has_buffered()) return {-1, 0};
  return {from_.fd(), wait_read_};
}

bool Half::ready() const { return open_ && wait_write_ == 0 && (written_ < backlog_.size() || from_.has_buffered()); }

void Half::end() {
  open_ = false;
  // When the receiver is gone already there is nobody to tell.
  [[maybe_unused]] const auto told = to_.shutdown_write();
}

Result<> Half::step() {
  if (!open_) return {};
  if (written_ == backlog_.size()) {
    backlog_.resize(kBacklog);
    written_ = 0;
    const auto got = from_.try_read(backlog_.data(), kBacklog);
    backlog_.resize(got ? got->bytes : 0);
    if (!got || got->end) {  // a reset is an end as well
      end();
      return {};
    }
    wait_read_ = got->bytes > 0 ? POLLIN : got->wait_for;
    if (got->bytes == 0) return {};
  }
  const auto put = to_.try_write(std::string_view(backlog_).substr(written_));
  if (!put) {
    open_ = false;
    return {};
  }
  written_ += put->bytes;
  wait_write_ = put->bytes > 0 ? short{0} : put->wait_for;
  return {};
}

Result<> relay(Stream& a, std::string early_from_a, Stream& b, std::string early_from_b, const StopSource& stop, const Deadline& deadline) {
  Half there(a, b, std::move(early_from_a));
  Half back(b, a, std::move(early_from_b));
  while (there.open() || back.open()) {
    if (there.ready() || back.ready()) {
      if (stop.stop_requested()) return fail(Code::cancelled, "relay stopped");
    } else {
      const auto ready =
          TRY(wait_any(stop, deadline, {there.interest(), back.interest(), there.receiver_gone(), back.receiver_gone()}), "relay");
      if (ready == 2) there.abandon();
      if (ready == 3) back.abandon();
    }
    // Both, whichever woke us: a busy direction must not starve the other.
    TRY(there.step());
    TRY(back.step());
  }
  return {};
}

}  // namespace fulcrum::http
