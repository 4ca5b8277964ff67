#include "server/native/registry_access.h"

namespace fulcrum::server::native {

ClientStop::ClientStop(const http::Request& request, const http::ResponseWriter& response)
    : thread_([this, &server = request.stop(), client = response.client_gone()] {
        const auto ready = wait_any(server, Deadline::never(), {{done_.fd(), POLLIN}, client});
        if (!ready || *ready != 0) stop_.request_stop();
      }) {}

ClientStop::~ClientStop() {
  done_.request_stop();
  thread_.join();
}

}  // namespace fulcrum::server::native
