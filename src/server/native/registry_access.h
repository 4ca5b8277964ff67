// What both APIs need to speak with registries on behalf of a client.
#pragma once

#include <string>
#include <thread>

#include "base/wait.h"
#include "http/server.h"
#include "server/native/api.h"

namespace fulcrum::server::native {

/// Calls `work` with the daemon's registry client, or with one that has the request's credentials.
template <class Work>
auto with_client(Api& api, const image::registry::Credential& credential, const std::string& domain, bool insecure, Work work) {
  if (credential.empty() && !insecure) return work(api.registry);
  auto client = api.registry_as(credential, domain, insecure);
  return work(client);
}

/// Fires when the server is asked to stop or the client hangs up: a transfer for somebody who left ends. Must not outlive the request.
class ClientStop {
 public:
  ClientStop(const http::Request& request, const http::ResponseWriter& response);
  ~ClientStop();
  ClientStop(const ClientStop&) = delete;
  ClientStop& operator=(const ClientStop&) = delete;
  const StopSource& source() const { return stop_; }

 private:
  StopSource stop_, done_;
  std::thread thread_;
};

}  // namespace fulcrum::server::native
