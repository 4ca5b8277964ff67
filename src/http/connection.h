// One connection of the server. Internal to http/.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "http/parser.h"
#include "http/server.h"

namespace fulcrum::http {

/// What all connections of a server share. Fixed while it runs.
struct ServerContext {
  const Router& router;
  const ServerOptions& options;
  const StopSource& soft;  ///< asked to stop: no new requests, streams end
  const StopSource& hard;  ///< the time to drain is over: all I/O ends
};

/// A stream with what was read ahead of its user.
class Channel {
 public:
  explicit Channel(std::unique_ptr<Stream> stream) : stream_(std::move(stream)) {}
  std::string_view buffered() const { return std::string_view(buffer_).substr(used_); }
  void consume(std::size_t size) { used_ += size; }
  /// Reads more behind what is buffered; false at the end of the stream.
  [[nodiscard]] Result<bool> fill(const StopSource& stop, const Deadline& deadline);
  Stream& stream() { return *stream_; }
  bool open() const { return stream_ != nullptr; }
  Hijacked hijack();

 private:
  std::unique_ptr<Stream> stream_;
  std::string buffer_;
  std::size_t used_ = 0;
};

/// The request body as it comes through the parser.
class RequestBody final : public BodyReader {
 public:
  RequestBody(Channel& channel, Parser& parser, const ServerContext& context) : channel_(channel), parser_(parser), context_(context) {}

  Result<std::size_t> read(char* data, std::size_t size) override;
  void set_limit(std::size_t limit) { limit_ = limit; }
  void expect_continue() { continue_due_ = true; }
  /// The client still waits for "100 Continue".
  bool continue_due() const { return continue_due_; }
  bool done() const { return parser_.done(); }
  /// The status that a failed read calls for (413, 408, 400), or 0.
  int failure() const { return failure_; }
  /// Reads the rest, at most `limit` bytes; false when the connection cannot go on.
  bool drain(std::size_t limit);
  void detach() { detached_ = true; }

 private:
  Result<std::size_t> read_some(char* data, std::size_t size);

  Channel& channel_;
  Parser& parser_;
  const ServerContext& context_;
  std::uint64_t limit_ = 0;
  std::uint64_t seen_ = 0;
  bool continue_due_ = false;
  bool detached_ = false;
  int failure_ = 0;
};

/// Writes the response of one request.
class ConnectionWriter final : public ResponseWriter {
 public:
  ConnectionWriter(Channel& channel, const ServerContext& context, const Request& request, RequestBody* body, int version, bool keep_alive)
      : channel_(channel), context_(context), request_(request), body_(body), version_(version), keep_alive_(keep_alive) {}

  Result<> send(int status, std::string_view content_type, std::string_view body) override;
  Result<> begin(int status, std::string_view content_type, std::optional<std::uint64_t> length) override;
  Result<> write(std::string_view data) override;
  Interest client_gone() const override;
  Result<Hijacked> upgrade(std::string_view protocol, std::string_view content_type) override;
  Result<std::unique_ptr<WebSocket>> accept_websocket(const std::vector<std::string>& protocols) override;

  /// Ends a streamed response.
  [[nodiscard]] Result<> finish();
  int status() const { return status_; }
  bool keep_alive() const { return keep_alive_; }
  void close_after() { keep_alive_ = false; }
  bool hijacked() const { return hijacked_; }

 private:
  enum class Framing { none, length, chunked, until_close };
  std::string header(int status, std::string_view content_type) const;
  [[nodiscard]] Result<> put(std::string_view data);

  Channel& channel_;
  const ServerContext& context_;
  const Request& request_;
  RequestBody* body_;
  int version_;
  bool keep_alive_;
  int status_ = 0;
  Framing framing_ = Framing::none;
  std::uint64_t left_ = 0;  ///< of a response with known length
  bool hijacked_ = false;
};

/// Serves requests until the connection ends.
class Connection {
 public:
  Connection(const ServerContext& context, std::unique_ptr<Stream> stream, std::optional<PeerCredentials> peer, std::string peer_name)
      : context_(context), channel_(std::move(stream)), peer_(peer), peer_name_(std::move(peer_name)) {}
  void serve();

 private:
  /// Reads and answers one request; false when the connection is over.
  bool serve_one();
  [[nodiscard]] Result<> read_header(Parser& parser);
  [[nodiscard]] Result<> prepare(Request& request, const Head& head, RequestBody& body);
  void answer(Request& request, ConnectionWriter& writer, RequestBody& body);
  void send_error(ConnectionWriter& writer, const Error& error, int status, const Request* request);
  /// Closes so that a client that is still sending can read what we said.
  void linger();

  const ServerContext& context_;
  Channel channel_;
  std::optional<PeerCredentials> peer_;
  std::string peer_name_;
};

}  // namespace fulcrum::http
