#include "fulcrumd/listeners.h"

#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "base/log.h"
#include "base/sys.h"
#include "http/tcp.h"

namespace fulcrum::daemon {

namespace {

/// Whether a program serves this socket now.
bool is_served(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return false;
  std::memcpy(address.sun_path, path.c_str(), path.size());
  const UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  return ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 || errno == EAGAIN;
}

/// Makes way for a socket of ours. What another program serves, and what is no socket, stays.
Result<> clear_way(const std::string& path) {
  if (const auto slash = path.rfind('/'); slash != std::string::npos && slash > 0)
    TRY(sys::make_directories(path.substr(0, slash), 0755), "listen on {}", path);
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) return {};
  if (!S_ISSOCK(status.st_mode)) return fail(Code::failed_precondition, "listen on {}: there is something that is no socket", path);
  if (is_served(path)) return fail(Code::failed_precondition, "listen on {}: another program serves it", path);
  if (::unlink(path.c_str()) != 0) return fail_errno(errno, "remove the old {}", path);
  return {};
}

Result<> give_to_group(const std::string& path, const std::string& name) {
  const auto* group = ::getgrnam(name.c_str());
  if (group == nullptr) return fail(Code::invalid_argument, "--socket-group: there is no group {}", name);
  if (::chown(path.c_str(), 0, group->gr_gid) != 0 || ::chmod(path.c_str(), 0660) != 0)
    return fail_errno(errno, "give {} to group {}", path, name);
  return {};
}

}  // namespace

Listeners::~Listeners() {
  for (const auto& path : paths_) ::unlink(path.c_str());
}

Result<> Listeners::add_unix(const std::string& path, const std::string& group) {
  TRY(clear_way(path));
  sockets_.push_back({.fd = TRY(sys::listen_unix(path, 0600), "listen on {}", path)});
  paths_.push_back(path);
  return group.empty() ? Result<>() : give_to_group(path, group);
}

Result<> Listeners::add_tls(const Options& options) {
  const bool any = !options.tls_cert.empty() || !options.tls_key.empty() || !options.tls_ca.empty();
  const bool all = !options.tls_cert.empty() && !options.tls_key.empty() && !options.tls_ca.empty();
  if (options.tls_listen.empty())
    return any ? fail(Code::invalid_argument, "--tls-cert, --tls-key and --tls-ca are for --tls-listen, which is not given") : Result<>();
  if (!all)
    return fail(Code::invalid_argument,
                "--tls-listen needs --tls-cert, --tls-key and --tls-ca: plain TCP is refused, and so is TLS that does not ask for the "
                "client's certificate, for whoever may call this API owns the machine");
  tls_ = TRY(http::make_server_tls({.certificate = options.tls_cert, .key = options.tls_key, .ca = options.tls_ca}), "--tls-listen");
  sockets_.push_back({.fd = TRY(http::listen_tcp(options.tls_listen), "--tls-listen {}", options.tls_listen), .tls = tls_.get()});
  log::info("serves over TLS", {{"address", options.tls_listen}});
  return {};
}

Result<Listeners> Listeners::open(const Options& options) {
  Listeners listeners;
  TRY(listeners.add_unix(options.socket, options.socket_group));
  if (!options.docker_socket.empty()) TRY(listeners.add_unix(options.docker_socket, options.socket_group), "--docker-socket");
  TRY(listeners.add_tls(options));
  return listeners;
}

}  // namespace fulcrum::daemon
