// The end of a request as a StopSource: for work that takes no client to look at.
#pragma once

#include <sys/eventfd.h>

#include <thread>

#include "base/wait.h"
#include "http/server.h"

namespace fulcrum::server::native {

/// Fires when the client leaves or the server is asked to stop. The request's body must have been read: its bytes would be taken for the
/// client's leaving.
class StopWhenGone {
 public:
  StopWhenGone(const http::Request& request, const http::ResponseWriter& response)
      : done_(::eventfd(0, EFD_CLOEXEC)), thread_([this, &stop = request.stop(), client = response.client_gone()] {
          const auto ready = wait_any(stop, Deadline::never(), {{done_.get(), POLLIN}, client});
          if (!ready || *ready == 1) stop_.request_stop();
        }) {}
  ~StopWhenGone() {
    static_cast<void>(::eventfd_write(done_.get(), 1));
    thread_.join();
  }
  StopWhenGone(const StopWhenGone&) = delete;
  StopWhenGone& operator=(const StopWhenGone&) = delete;

  const StopSource& stop() const { return stop_; }

 private:
  StopSource stop_;
  UniqueFd done_;
  std::thread thread_;
};

}  // namespace fulcrum::server::native
