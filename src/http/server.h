// An HTTP/1.1 server on given listening sockets: one thread accepts, one thread serves each connection.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "base/wait.h"
#include "http/message.h"
#include "http/router.h"
#include "http/stream.h"
#include "http/tcp.h"
#include "http/websocket.h"

namespace fulcrum::http {

/// Who is at the other end of a unix socket (SO_PEERCRED, as of connect).
struct PeerCredentials {
  pid_t pid = 0;
  uid_t uid = 0;
  gid_t gid = 0;
};

/// A request whose header is read. Lives as long as its handler runs.
class Request {
 public:
  const std::string& method() const { return method_; }
  /// As sent: "/v1/workloads?all=1".
  const std::string& target() const { return target_; }
  /// The part before '?', not decoded.
  std::string_view path() const { return std::string_view(target_).substr(0, target_.find('?')); }
  /// The API version of a prefix that the router took off ("1.41"), or empty.
  const std::string& version() const { return match_.version; }
  const Headers& headers() const { return headers_; }
  const Query& query() const { return query_; }
  /// A `{name}` of the matched pattern, decoded. The name must be in the pattern.
  const std::string& param(std::string_view name) const;
  /// The pattern that matched, for logs and metrics.
  std::string_view pattern() const { return match_.route == nullptr ? std::string_view() : match_.route->pattern; }
  /// The body, as it arrives. The first read sends "100 Continue" to a client that waits for it.
  BodyReader& body() { return *body_; }
  /// The whole body; resource_exhausted past the route's max_body (413).
  [[nodiscard]] Result<std::string> read_body();
  const std::optional<PeerCredentials>& peer() const { return peer_; }  ///< unset over TCP
  /// The common name of the client's certificate, when TLS with mutual authentication is on.
  const std::string& peer_name() const { return peer_name_; }
  /// Fires when the server is asked to stop: streams end then, short requests may finish.
  const StopSource& stop() const { return *stop_; }

 private:
  friend class Connection;
  std::string method_;
  std::string target_;
  Headers headers_;
  Query query_;
  Match match_;
  BodyReader* body_ = nullptr;
  std::optional<PeerCredentials> peer_;
  std::string peer_name_;
  const StopSource* stop_ = nullptr;
};

/// Sends the response. Exactly one of send(), begin(), upgrade() and accept_websocket() is called, once. All writes fail with
/// deadline_exceeded when the client takes nothing for ServerOptions::write_timeout, and with unavailable when it is gone.
class ResponseWriter {
 public:
  virtual ~ResponseWriter() = default;
  /// Fields to be sent with the response; framing (Content-Length, Transfer-Encoding, Connection, Date) is the writer's.
  Headers& headers() { return headers_; }
  bool begun() const { return begun_; }

  /// A complete response. With no body (204, 304, and to HEAD) only the header goes out.
  [[nodiscard]] virtual Result<> send(int status, std::string_view content_type, std::string_view body) = 0;
  [[nodiscard]] Result<> send_json(int status, std::string_view json) { return send(status, "application/json", json); }
  [[nodiscard]] Result<> send_empty(int status) { return send(status, "", ""); }

  /// Begins a streamed response: chunked, or with `length` when it is known (copying a file), or until close for HTTP/1.0. The header
  /// goes out at once, so that a client sees that the stream is open. The server ends the stream when the handler returns ok.
  [[nodiscard]] virtual Result<> begin(int status, std::string_view content_type, std::optional<std::uint64_t> length = {}) = 0;
  /// Sends bytes of a streamed response now.
  [[nodiscard]] virtual Result<> write(std::string_view data) = 0;
  /// Sends one JSON value and a line feed in one chunk (application/x-ndjson).
  [[nodiscard]] Result<> write_line(std::string_view json);
  /// Ready when the client hung up. For wait_any, beside whatever the stream waits for.
  virtual Interest client_gone() const = 0;

  /// Leaves HTTP: answers 101 with `Upgrade: protocol` when the client asked for that upgrade, or else 200 as Docker does for old
  /// clients, with `content_type`, and hands the connection over. After it, the writer and the body are dead.
  [[nodiscard]] virtual Result<Hijacked> upgrade(std::string_view protocol, std::string_view content_type) = 0;
  /// Accepts a WebSocket (RFC 6455). `protocols`: those the server speaks, in order of preference; the first that the client offers is
  /// chosen. Errors: invalid_argument when the request is no WebSocket handshake, or offers none of them (nothing has been sent then).
  [[nodiscard]] virtual Result<std::unique_ptr<WebSocket>> accept_websocket(const std::vector<std::string>& protocols = {}) = 0;

 protected:
  Headers headers_;
  bool begun_ = false;
};

class TlsContext;

struct ServerOptions {
  std::size_t max_connections = 1024;                ///< further ones get 503 with Retry-After
  std::size_t max_header = 64 << 10;                 ///< bytes of request line and fields, then 431
  std::size_t max_fields = 128;                      ///< header fields, then 431
  std::chrono::milliseconds header_timeout{10'000};  ///< from the first byte to the end of the header, then 408
  std::chrono::milliseconds idle_timeout{120'000};   ///< between requests
  std::chrono::milliseconds read_timeout{60'000};    ///< with no byte of a body arriving
  std::chrono::milliseconds write_timeout{60'000};   ///< with no byte of a response taken
  std::chrono::milliseconds drain_timeout{10'000};   ///< for running requests when asked to stop
  /// The body of an error response. Default: {"code":"not_found","message":"…"}. The request is null when it could not be parsed.
  std::function<std::string(const Error&, int status, const Request*)> error_body;
  /// Called after each request, from its connection's thread (access log, metrics).
  std::function<void(const Request&, int status)> on_request;
};

/// A listening socket, and how to talk on it.
struct Listener {
  UniqueFd fd;                      ///< unix or TCP, listening
  const TlsContext* tls = nullptr;  ///< plain when null; must outlive the server
};

/// The server. Routes are fixed before run().
class Server {
 public:
  Server(Router router, ServerOptions options = {});
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Serves until `stop` fires: then closes the listeners and idle connections, gives running requests `drain_timeout` (their
  /// Request::stop() has fired), cuts what is left, and returns when every thread has ended. Call once. Errors: only those of the
  /// listeners.
  [[nodiscard]] Result<> run(std::vector<Listener> listeners, const StopSource& stop);
  /// Connections being served now.
  std::size_t connections() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fulcrum::http
