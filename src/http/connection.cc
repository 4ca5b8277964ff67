#include "http/connection.h"

#include <algorithm>
#include <array>
#include <exception>

namespace fulcrum::http {
namespace {

constexpr std::size_t kReadSize = 16 << 10;
constexpr std::size_t kDrain = 256 << 10;  ///< of an unread body, to save the connection
constexpr std::size_t kLinger = 16 << 20;  ///< of an unread body, so that the client gets our refusal
constexpr auto kLingerTime = std::chrono::seconds(2);

/// The handler is the thread's root as far as exceptions go: the standard library's (out of memory, a bad format) become `internal`.
Result<> call(const Handler& handler, Request& request, ResponseWriter& writer) {
  try {
    return handler(request, writer);
  } catch (const std::exception& e) {
    return fail(Code::internal, "{} {}: {}", request.method(), request.path(), e.what());
  }
}

int header_failure(Code code) {
  switch (code) {
    case Code::resource_exhausted: return 431;
    case Code::deadline_exceeded: return 408;
    case Code::unimplemented: return 501;
    default: return 400;
  }
}

}  // namespace

Result<bool> Channel::fill(const StopSource& stop, const Deadline& deadline) {
  if (used_ == buffer_.size()) {
    buffer_.clear();
    used_ = 0;
  } else if (used_ > kReadSize) {
    buffer_.erase(0, std::exchange(used_, 0));
  }
  const std::size_t size = buffer_.size();
  buffer_.resize(size + kReadSize);
  const auto n = stream_->read(buffer_.data() + size, kReadSize, stop, deadline);
  buffer_.resize(size + n.value_or(0));
  if (!n) return std::unexpected(n.error());
  return *n > 0;
}

Hijacked Channel::hijack() { return {std::move(stream_), std::string(buffered())}; }

Result<std::size_t> RequestBody::read(char* data, std::size_t size) {
  if (detached_) return fail(Code::failed_precondition, "the connection was handed over");
  if (failure_ != 0) return fail(Code::failed_precondition, "the body failed before");
  const auto n = read_some(data, size);
  if (!n) {
    const Code code = n.error().code;
    failure_ = code == Code::resource_exhausted ? 413 : code == Code::deadline_exceeded ? 408 : code == Code::cancelled ? 503 : 400;
  }
  return n;
}

Result<std::size_t> RequestBody::read_some(char* data, std::size_t size) {
  const auto too_large = [&] { return fail(Code::resource_exhausted, "body of more than {} bytes", limit_); };
  if (parser_.done()) return std::size_t{0};
  if (parser_.head().length.value_or(0) > limit_) return too_large();
  if (continue_due_) {
    continue_due_ = false;
    TRY(channel_.stream().write("HTTP/1.1 100 Continue\r\n\r\n", context_.hard, Deadline::in(context_.options.write_timeout)));
  }
  for (;;) {
    const auto step = TRY(parser_.feed_body(channel_.buffered(), data, size));
    channel_.consume(step.taken);
    seen_ += step.produced;
    if (seen_ > limit_) return too_large();
    if (step.produced > 0 || parser_.done()) return step.produced;
    if (step.taken > 0) continue;
    if (!TRY(channel_.fill(context_.hard, Deadline::in(context_.options.read_timeout)))) TRY(parser_.feed_end());
  }
}

bool RequestBody::drain(std::size_t limit) {
  std::array<char, 4096> scratch;
  limit_ = std::max<std::uint64_t>(limit_, limit);
  std::size_t drained = 0;
  while (!parser_.done()) {
    const auto n = read(scratch.data(), scratch.size());
    if (!n) return false;
    drained += *n;
    if (drained > limit) return false;
  }
  return true;
}

void Connection::serve() {
  while (serve_one()) {
  }
}

Result<> Connection::read_header(Parser& parser) {
  while (channel_.buffered().empty()) {
    if (!TRY(channel_.fill(context_.soft, Deadline::in(context_.options.idle_timeout)), "idle")) return fail(Code::unavailable, "closed");
  }
  const auto deadline = Deadline::in(context_.options.header_timeout);
  bool first = true;
  for (;;) {
    // A client may put an empty line before a request (RFC 9112 §2.2).
    while (first && channel_.buffered().starts_with("\r\n")) channel_.consume(2);
    if (channel_.buffered().size() > 1) first = false;
    if (!first) channel_.consume(TRY(parser.feed_header(channel_.buffered())));
    if (parser.header_done()) return {};
    if (!TRY(channel_.fill(context_.soft, deadline), "header")) return fail(Code::unavailable, "closed");
  }
}

bool Connection::serve_one() {
  const auto& options = context_.options;
  const auto parser = make_request_parser({options.max_header, options.max_fields});
  if (const auto read = read_header(*parser); !read) {
    const Error& error = read.error();
    const bool idle = channel_.buffered().empty();
    if (error.code == Code::unavailable || error.code == Code::cancelled || (idle && error.code == Code::deadline_exceeded)) return false;
    Request none;
    ConnectionWriter writer(channel_, context_, none, nullptr, 11, false);
    const bool version = error.message == "HTTP version not supported";
    send_error(writer, error, version ? 505 : header_failure(error.code), nullptr);
    linger();
    return false;
  }
  const Head& head = parser->head();
  Request request;
  request.peer_ = peer_;
  request.peer_name_ = peer_name_;
  request.stop_ = &context_.soft;
  RequestBody body(channel_, *parser, context_);
  ConnectionWriter writer(channel_, context_, request, &body, head.version, head.keep_alive && !context_.soft.stop_requested());
  if (const auto prepared = prepare(request, head, body); prepared) {
    answer(request, writer, body);
  } else {
    writer.close_after();
    send_error(writer, prepared.error(), http_status(prepared.error().code), &request);
  }
  if (options.on_request) options.on_request(request, writer.status());
  if (writer.hijacked()) return false;
  if (body.done() && writer.keep_alive()) return true;
  if (writer.keep_alive() && !body.continue_due() && body.failure() == 0 && body.drain(kDrain)) return true;
  linger();
  return false;
}

Result<> Connection::prepare(Request& request, const Head& head, RequestBody& body) {
  request.method_ = head.method;
  request.target_ = head.target;
  request.headers_ = head.headers;
  request.body_ = &body;
  const auto hosts = std::count_if(head.headers.fields().begin(), head.headers.fields().end(),
                                   [](const Headers::Field& field) { return Headers{{field.first, ""}}.get("host").has_value(); });
  if (hosts > 1 || (hosts == 0 && head.version == 11)) return fail(Code::invalid_argument, "one Host field is needed");
  // The absolute form, as sent to proxies, must be understood too (RFC 9112 §3.2.2).
  if (request.target_.starts_with("http://")) {
    const auto slash = request.target_.find('/', 7);
    request.target_ = slash == std::string::npos ? "/" : request.target_.substr(slash);
  }
  if (const auto expect = head.headers.get("expect")) {
    if (!head.headers.has_token("expect", "100-continue")) return fail(Code::invalid_argument, "expectation \"{}\"", *expect);
    if (head.version == 11 && !body.done()) body.expect_continue();
  }
  const auto mark = request.target_.find('?');
  if (mark != std::string::npos) request.query_ = TRY(Query::parse(std::string_view(request.target_).substr(mark + 1)));
  request.match_ = TRY(context_.router.find(request.method_, request.path()));
  return {};
}

void Connection::answer(Request& request, ConnectionWriter& writer, RequestBody& body) {
  const Match& match = request.match_;
  if (match.route == nullptr) {
    const bool wrong_method = !match.allowed.empty();
    std::string allow;
    for (const auto& method : match.allowed) allow += (allow.empty() ? "" : ", ") + method;
    if (wrong_method) writer.headers().set("Allow", allow);
    const auto error = wrong_method ? fail(Code::unimplemented, "{} {}: method not allowed", request.method(), request.path())
                                    : fail(Code::not_found, "no such page: {} {}", request.method(), request.path());
    return send_error(writer, error.error(), wrong_method ? 405 : 404, &request);
  }
  body.set_limit(match.route->options.max_body);
  const auto answered = call(match.route->handler, request, writer);
  if (writer.hijacked()) return;
  if (writer.begun()) {
    // Too late to say what failed: a cut connection tells the client that the response is not complete.
    if (!answered || !writer.finish()) writer.close_after();
    return;
  }
  const Error error = answered ? Error{Code::internal, "the handler did not answer"} : answered.error();
  int status = http_status(error.code);
  if (body.failure() != 0) {
    status = body.failure();
    writer.close_after();
  }
  send_error(writer, error, status, &request);
}

void Connection::send_error(ConnectionWriter& writer, const Error& error, int status, const Request* request) {
  const auto& render = context_.options.error_body;
  const std::string body = render
                               ? render(error, status, request)
                               : fmt::format(R"({{"code":{},"message":{}}})", json_quote(to_string(error.code)), json_quote(error.message));
  if (status == 503) writer.headers().set("Retry-After", "1");
  if (!writer.send_json(status, body)) writer.close_after();
}

void Connection::linger() {
  if (!channel_.open() || !channel_.stream().shutdown_write()) return;
  std::array<char, 4096> scratch;
  const auto deadline = Deadline::in(kLingerTime);
  for (std::size_t left = kLinger; left > 0;) {
    const auto n = channel_.stream().read(scratch.data(), scratch.size(), context_.hard, deadline);
    if (!n || *n == 0) return;
    left -= std::min(left, *n);
  }
}

}  // namespace fulcrum::http
