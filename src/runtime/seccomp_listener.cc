#include <array>
#include <boost/json.hpp>

#include "base/sys.h"
#include "runtime/seccomp.h"

namespace fulcrum::runtime {

Result<> send_seccomp_listener(const std::string& listener_path, const SeccompListenerState& state, int listener) {
  namespace json = boost::json;
  json::object container{{"ociVersion", state.oci_version}, {"id", state.id}, {"status", state.status}, {"bundle", state.bundle}};
  if (state.container_pid > 0) container["pid"] = state.container_pid;
  if (!state.annotations.empty()) {
    json::object annotations;
    for (const auto& [key, value] : state.annotations) annotations[key] = value;
    container["annotations"] = std::move(annotations);
  }
  json::object message{{"ociVersion", state.oci_version}, {"fds", json::array{"seccompFd"}}, {"pid", state.pid}};
  if (!state.metadata.empty()) message["metadata"] = state.metadata;
  message["state"] = std::move(container);
  const auto socket = TRY(sys::connect_unix(listener_path), "seccomp listener {}", listener_path);
  TRY(sys::send_message(socket.get(), json::serialize(message), std::array{listener}), "seccomp listener {}", listener_path);
  return {};
}

}  // namespace fulcrum::runtime
