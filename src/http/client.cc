#include "http/client.h"

#include <algorithm>
#include <array>

#include "base/sys.h"
#include "http/parser.h"
#include "http/tcp.h"
#include "http/tls.h"

namespace fulcrum::http {
namespace {
constexpr std::size_t kBuffer = 32 << 10;
}

/// One exchange on one connection.
class ClientConnection {
 public:
  ClientConnection(Client& client, std::unique_ptr<Stream> stream, bool reused, const StopSource& stop, const Deadline& deadline)
      : client_(client), stream_(std::move(stream)), reused_(reused), stop_(stop), deadline_(deadline) {}

  Result<> send(const ClientRequest& request, std::string_view host);
  Result<> receive_header(bool head_only);
  Result<std::size_t> read(char* data, std::size_t size);
  /// Gives the connection back when it can be used again.
  void recycle();
  Hijacked hijack() { return {std::move(stream_), std::string(pending())}; }

  /// Nothing of a response has arrived on a connection that had been idle: the server may have closed it meanwhile.
  bool stale() const { return reused_ && !received_; }
  const Head& head() const { return parser_->head(); }
  void set_deadline(const Deadline& deadline) { deadline_ = deadline; }
  int fd() const { return stream_ == nullptr ? -1 : stream_->fd(); }
  bool has_buffered() const { return parser_->done() || !pending().empty() || stream_->has_buffered(); }
  std::string line_rest;  ///< read behind the last line

 private:
  std::string_view pending() const { return std::string_view(buffer_).substr(used_); }
  Result<bool> fill();
  Result<> send_source(const ClientRequest& request);

  Client& client_;
  std::unique_ptr<Stream> stream_;
  bool reused_;
  bool received_ = false;
  const StopSource& stop_;
  Deadline deadline_;
  std::unique_ptr<Parser> parser_;
  std::string buffer_;
  std::size_t used_ = 0;
};

Result<bool> ClientConnection::fill() {
  if (used_ == buffer_.size()) {
    buffer_.clear();
    used_ = 0;
  }
  const std::size_t had = buffer_.size();
  buffer_.resize(had + kBuffer);
  const auto n = stream_->read(buffer_.data() + had, kBuffer, stop_, deadline_);
  buffer_.resize(had + n.value_or(0));
  if (!n) return std::unexpected(n.error());
  if (*n > 0) received_ = true;
  return *n > 0;
}

Result<> ClientConnection::send(const ClientRequest& request, std::string_view host) {
  std::string out = fmt::format("{} {} HTTP/1.1\r\n", request.method, request.target);
  if (!request.headers.get("host")) out += fmt::format("Host: {}\r\n", host);
  for (const auto& [name, value] : request.headers.fields()) (((out += name) += ": ") += value) += "\r\n";
  const bool has_body = request.body_source || !request.body.empty();
  if (has_body && !request.headers.get("content-type"))
    out += fmt::format("Content-Type: {}\r\n", request.content_type.empty() ? "application/json" : request.content_type);
  if (request.body_source) {
    TRY(stream_->write(out += "Transfer-Encoding: chunked\r\n\r\n", stop_, deadline_), "send request");
    return send_source(request);
  }
  if (has_body || (request.method != "GET" && request.method != "HEAD")) out += fmt::format("Content-Length: {}\r\n", request.body.size());
  return stream_->write((out += "\r\n") += request.body, stop_, deadline_);
}

Result<> ClientConnection::send_source(const ClientRequest& request) {
  std::string data(kBuffer, '\0');
  for (;;) {
    const auto n = TRY(request.body_source(data.data(), data.size()), "request body");
    auto chunk = fmt::format("{:x}\r\n", n);
    chunk.append(data, 0, n) += "\r\n";
    if (const auto sent = stream_->write(chunk, stop_, deadline_); !sent) {
      // A server that refuses a body answers before its end and closes: the answer is what counts.
      if (sent.error().code == Code::unavailable) return {};
      return sent;
    }
    if (n == 0) return {};
    pollfd early{stream_->fd(), POLLIN, 0};
    if (::poll(&early, 1, 0) > 0) return {};
  }
}

Result<> ClientConnection::receive_header(bool head_only) {
  for (;;) {
    parser_ = make_response_parser({}, head_only);
    while (!parser_->header_done()) {
      used_ += TRY(parser_->feed_header(pending()));
      if (!parser_->header_done() && !TRY(fill())) return fail(Code::unavailable, "the server hung up without an answer");
    }
    const int status = parser_->head().status;
    if (status >= 200 || status == 101) return {};
  }
}

Result<std::size_t> ClientConnection::read(char* data, std::size_t size) {
  for (;;) {
    if (parser_->done()) return std::size_t{0};
    const auto step = TRY(parser_->feed_body(pending(), data, size));
    used_ += step.taken;
    if (step.produced > 0) return step.produced;
    if (step.taken > 0 || parser_->done()) continue;
    if (!TRY(fill())) {
      TRY(parser_->feed_end());
      return std::size_t{0};
    }
  }
}

void ClientConnection::recycle() {
  if (stream_ == nullptr || parser_ == nullptr || !parser_->done() || !parser_->head().keep_alive || !pending().empty()) return;
  client_.idle_ = std::move(stream_);
}

ClientResponse::ClientResponse(std::unique_ptr<ClientConnection> connection) : connection_(std::move(connection)) {}
ClientResponse::ClientResponse(ClientResponse&&) noexcept = default;
ClientResponse& ClientResponse::operator=(ClientResponse&&) noexcept = default;
ClientResponse::~ClientResponse() {
  if (connection_ != nullptr) connection_->recycle();
}

int ClientResponse::status() const { return connection_->head().status; }
const Headers& ClientResponse::headers() const { return connection_->head().headers; }
void ClientResponse::set_deadline(const Deadline& deadline) { connection_->set_deadline(deadline); }
int ClientResponse::fd() const { return connection_->fd(); }
bool ClientResponse::has_buffered() const { return !connection_->line_rest.empty() || connection_->has_buffered(); }

Result<std::size_t> ClientResponse::read(char* data, std::size_t size) {
  auto& rest = connection_->line_rest;
  if (rest.empty()) return connection_->read(data, size);
  const std::size_t n = std::min(size, rest.size());
  rest.copy(data, n);
  rest.erase(0, n);
  return n;
}

Result<std::optional<std::string>> ClientResponse::read_line(std::size_t limit) {
  auto& rest = connection_->line_rest;
  std::size_t searched = 0;
  for (;;) {
    const auto feed = rest.find('\n', searched);
    if (feed != std::string::npos) {
      auto line = rest.substr(0, feed);
      rest.erase(0, feed + 1);
      return line;
    }
    searched = rest.size();
    if (searched > limit) return fail(Code::resource_exhausted, "a line of more than {} bytes", limit);
    std::array<char, 8192> data;
    const auto n = TRY(connection_->read(data.data(), data.size()));
    if (n == 0) return rest.empty() ? std::optional<std::string>() : std::exchange(rest, {});
    rest.append(data.data(), n);
  }
}

Client::Client(Endpoint endpoint) : endpoint_(std::move(endpoint)) {}
Client::~Client() = default;

Result<std::unique_ptr<ClientConnection>> Client::connect(const StopSource& stop, const Deadline& deadline) {
  if (endpoint_.unix_path.empty()) {
    auto stream = TRY(make_stream(TRY(connect_tcp(endpoint_.host, endpoint_.port, stop, deadline))));
    if (endpoint_.tls != nullptr) stream = std::move(TRY(endpoint_.tls->connect(std::move(stream), endpoint_.host, stop, deadline)).stream);
    return std::make_unique<ClientConnection>(*this, std::move(stream), false, stop, deadline);
  }
  auto fd = sys::connect_unix(endpoint_.unix_path);
  if (!fd) {
    // No socket, or nobody behind it: the same for whoever calls.
    if (fd.error().sys_errno == ENOENT || fd.error().sys_errno == ECONNREFUSED) fd.error().code = Code::unavailable;
    return std::unexpected(fd.error());
  }
  return std::make_unique<ClientConnection>(*this, TRY(make_stream(std::move(*fd))), false, stop, deadline);
}

Result<std::unique_ptr<ClientConnection>> Client::exchange(const ClientRequest& request, const StopSource& stop, const Deadline& deadline) {
  const std::string host = endpoint_.unix_path.empty() ? fmt::format("{}:{}", endpoint_.host, endpoint_.port) : "localhost";
  const auto attempt = [&](ClientConnection& connection) -> Result<> {
    const auto sent = connection.send(request, host);
    // A server that refused in the middle of the request has answered all the same.
    if (!sent && sent.error().code != Code::unavailable) return sent;
    return connection.receive_header(request.method == "HEAD");
  };
  if (idle_ != nullptr && !request.body_source) {
    auto connection = std::make_unique<ClientConnection>(*this, std::move(idle_), true, stop, deadline);
    const auto done = attempt(*connection);
    if (done) return connection;
    if (done.error().code != Code::unavailable || !connection->stale()) return std::unexpected(done.error());
  }
  idle_.reset();
  auto connection = TRY(connect(stop, deadline));
  TRY(attempt(*connection));
  return connection;
}

Result<ClientResponse> Client::request(const ClientRequest& request, const StopSource& stop, const Deadline& deadline) {
  return ClientResponse(TRY(exchange(request, stop, deadline), "{} {}", request.method, request.target));
}

Result<Hijacked> Client::hijack(ClientRequest request, std::string_view protocol, const StopSource& stop, const Deadline& deadline) {
  request.headers.set("Connection", "Upgrade");
  request.headers.set("Upgrade", protocol);
  auto connection = TRY(exchange(request, stop, deadline), "{} {}", request.method, request.target);
  const int status = connection->head().status;
  const bool raw = status == 101 || (status == 200 && !connection->head().length && !connection->head().chunked);
  if (raw) return connection->hijack();
  ClientResponse response(std::move(connection));
  auto text = TRY(response.read_all(1 << 20));
  return fail(status >= 400 ? code_from_status(status) : Code::unimplemented, "{} {}: {} {}", request.method, request.target, status, text);
}

}  // namespace fulcrum::http
