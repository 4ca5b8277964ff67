// An HTTP/1.1 client over a unix socket or TCP. Small: it is linked into the command line.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/wait.h"
#include "http/message.h"
#include "http/stream.h"

namespace fulcrum::http {

/// A request to send. Either `body` or `body_source`.
struct ClientRequest {
  std::string method = "GET";
  std::string target;  ///< encoded: "/v1/workloads?all=1"
  Headers headers;
  std::string body;
  std::string content_type;  ///< of the body; empty: application/json when there is a body
  /// Streams the body in chunks: fills the buffer, returns how many bytes, 0 at the end.
  std::function<Result<std::size_t>(char* data, std::size_t size)> body_source;
};

class ClientConnection;

/// A response whose header is read. Its body is read from here; when it was read to its end, the connection goes back to the client,
/// otherwise it is closed. Must not outlive its Client.
class ClientResponse final : public BodyReader {
 public:
  explicit ClientResponse(std::unique_ptr<ClientConnection> connection);
  ClientResponse(ClientResponse&&) noexcept;
  ClientResponse& operator=(ClientResponse&&) noexcept;
  ~ClientResponse() override;

  int status() const;
  bool ok() const { return status() >= 200 && status() < 300; }
  const Headers& headers() const;
  /// Reads with the stop and deadline of the request, unless wait_with() gave others.
  [[nodiscard]] Result<std::size_t> read(char* data, std::size_t size) override;
  /// The next line without its line feed, or nothing at the end: newline-delimited JSON. resource_exhausted past `limit` bytes in a line.
  [[nodiscard]] Result<std::optional<std::string>> read_line(std::size_t limit = 4 << 20);
  /// Replaces the deadline for reads from now on (a followed stream has none).
  void set_deadline(const Deadline& deadline);
  /// Descriptor to wait on for more of the body; has_buffered() must be false.
  int fd() const;
  bool has_buffered() const;

 private:
  std::unique_ptr<ClientConnection> connection_;
};

class ClientTls;

/// Where a server is.
struct Endpoint {
  std::string unix_path;  ///< either this
  std::string host;       ///< or this (a name or a number) with port
  std::uint16_t port = 0;
  const ClientTls* tls = nullptr;  ///< null: plain; must outlive the client
};

/// Talks to one server; keeps one idle connection and uses it again. One thread.
class Client {
 public:
  explicit Client(Endpoint endpoint);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Sends and reads the header of the response. An idle connection that the server had closed is replaced once, when nothing of the
  /// response has arrived and the body can be sent again. `stop` must outlive the response. Errors: unavailable when there is no server;
  /// cancelled; deadline_exceeded; invalid_argument for a response that is no HTTP. A status >= 400 is no error here.
  [[nodiscard]] Result<ClientResponse> request(const ClientRequest& request, const StopSource& stop, const Deadline& deadline);
  /// Asks to leave HTTP for `protocol` ("tcp"). Returns the raw connection after 101, or 200 (Docker's old way); other statuses come back
  /// as the error of their body: code_from_status and the response's text.
  [[nodiscard]] Result<Hijacked> hijack(ClientRequest request, std::string_view protocol, const StopSource& stop, const Deadline& deadline);

 private:
  friend class ClientConnection;
  [[nodiscard]] Result<std::unique_ptr<ClientConnection>> connect(const StopSource& stop, const Deadline& deadline);
  [[nodiscard]] Result<std::unique_ptr<ClientConnection>> exchange(const ClientRequest& request, const StopSource& stop,
                                                                   const Deadline& deadline);

  Endpoint endpoint_;
  std::unique_ptr<Stream> idle_;
};

}  // namespace fulcrum::http
