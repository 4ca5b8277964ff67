#include <ctime>

#include "http/connection.h"

namespace fulcrum::http {
namespace {

constexpr std::size_t kJoin = 64 << 10;  ///< below it, one copy is cheaper than a second write

std::string http_date() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT", kDays[utc.tm_wday], utc.tm_mday, kMonths[utc.tm_mon], utc.tm_year + 1900,
                     utc.tm_hour, utc.tm_min, utc.tm_sec);
}

bool has_no_body(int status) { return status < 200 || status == 204 || status == 304; }

bool is_framing(std::string_view name) {
  const Headers framing{{"content-length", ""}, {"transfer-encoding", ""}, {"connection", ""}, {"date", ""}};
  return framing.get(name).has_value();
}

}  // namespace

Result<> ResponseWriter::write_line(std::string_view json) {
  std::string line(json);
  line += '\n';
  return write(line);
}

const std::string& Request::param(std::string_view name) const {
  const auto found = match_.params.find(name);
  FULCRUM_ASSERT(found != match_.params.end());
  return found->second;
}

Result<std::string> Request::read_body() { return body_->read_all(match_.route->options.max_body); }

Result<> ConnectionWriter::put(std::string_view data) {
  if (!channel_.open()) return fail(Code::failed_precondition, "the connection was handed over");
  Stream& stream = channel_.stream();
  while (!data.empty()) {
    const auto attempt = TRY(stream.try_write(data), "respond");
    data.remove_prefix(attempt.bytes);
    // Each byte that is taken starts the time anew: a slow client is no dead one.
    if (attempt.bytes == 0)
      TRY(wait_any(context_.hard, Deadline::in(context_.options.write_timeout), {{stream.fd(), attempt.wait_for}}), "respond");
  }
  return {};
}

std::string ConnectionWriter::header(int status, std::string_view content_type) const {
  std::string out = fmt::format("HTTP/1.1 {} {}\r\nDate: {}\r\n", status, reason_phrase(status), http_date());
  if (!content_type.empty()) (out += "Content-Type: ").append(content_type) += "\r\n";
  for (const auto& [name, value] : headers_.fields())
    if (!is_framing(name)) (((out += name) += ": ") += value) += "\r\n";
  return out;
}

Result<> ConnectionWriter::send(int status, std::string_view content_type, std::string_view body) {
  FULCRUM_ASSERT(!begun_);
  begun_ = true;
  status_ = status;
  auto out = header(status, content_type);
  if (!has_no_body(status)) out += fmt::format("Content-Length: {}\r\n", body.size());
  // Whoever was not asked to send its body may send it or not: the connection cannot be used again.
  if (body_ != nullptr && (body_->continue_due() || body_->failure() != 0)) keep_alive_ = false;
  if (!keep_alive_) out += "Connection: close\r\n";
  if (keep_alive_ && version_ == 10) out += "Connection: keep-alive\r\n";
  out += "\r\n";
  if (request_.method() == "HEAD" || has_no_body(status)) return put(out);
  if (body.size() <= kJoin) return put(out += body);
  TRY(put(out));
  return put(body);
}

Result<> ConnectionWriter::begin(int status, std::string_view content_type, std::optional<std::uint64_t> length) {
  FULCRUM_ASSERT(!begun_ && !has_no_body(status));
  begun_ = true;
  status_ = status;
  auto out = header(status, content_type);
  if (length) {
    framing_ = Framing::length;
    left_ = *length;
    out += fmt::format("Content-Length: {}\r\n", *length);
  } else if (version_ == 11) {
    framing_ = Framing::chunked;
    out += "Transfer-Encoding: chunked\r\n";
  } else {
    framing_ = Framing::until_close;
    keep_alive_ = false;
  }
  if (!keep_alive_) out += "Connection: close\r\n";
  if (keep_alive_ && version_ == 10) out += "Connection: keep-alive\r\n";
  return put(out += "\r\n");
}

Result<> ConnectionWriter::write(std::string_view data) {
  FULCRUM_ASSERT(begun_ && framing_ != Framing::none);
  if (request_.method() == "HEAD" || data.empty()) return {};
  if (framing_ == Framing::length) {
    if (data.size() > left_) return fail(Code::internal, "the response is longer than was announced");
    left_ -= data.size();
  }
  if (framing_ != Framing::chunked) return put(data);
  auto out = fmt::format("{:x}\r\n", data.size());
  if (data.size() <= kJoin) return put((out += data) += "\r\n");
  TRY(put(out));
  TRY(put(data));
  return put("\r\n");
}

Result<> ConnectionWriter::finish() {
  if (framing_ == Framing::none || request_.method() == "HEAD") return {};
  if (framing_ == Framing::length && left_ > 0) return fail(Code::internal, "the response is shorter than was announced");
  return framing_ == Framing::chunked ? put("0\r\n\r\n") : Result<>();
}

Interest ConnectionWriter::client_gone() const { return {channel_.open() ? channel_.stream().fd() : -1, POLLRDHUP}; }

Result<Hijacked> ConnectionWriter::upgrade(std::string_view protocol, std::string_view content_type) {
  FULCRUM_ASSERT(!begun_);
  // The body ends where the stream begins, so it has to be here.
  if (body_ != nullptr && !body_->drain(kJoin)) return fail(Code::invalid_argument, "upgrade with an unfinished body");
  begun_ = true;
  const bool asked = request_.headers().has_token("connection", "upgrade") && request_.headers().has_token("upgrade", protocol);
  status_ = asked ? 101 : 200;
  auto out = header(status_, content_type);
  if (asked) out += fmt::format("Connection: Upgrade\r\nUpgrade: {}\r\n", protocol);
  TRY(put(out += "\r\n"));
  hijacked_ = true;
  if (body_ != nullptr) body_->detach();
  return channel_.hijack();
}

Result<std::unique_ptr<WebSocket>> ConnectionWriter::accept_websocket(const std::vector<std::string>& protocols) {
  FULCRUM_ASSERT(!begun_);
  const auto& headers = request_.headers();
  const auto key = headers.get("sec-websocket-key");
  if (request_.method() != "GET" || !headers.has_token("connection", "upgrade") || !headers.has_token("upgrade", "websocket") || !key ||
      key->size() != 24 || headers.get("sec-websocket-version") != "13")
    return fail(Code::invalid_argument, "not a WebSocket handshake (RFC 6455, version 13)");
  std::string chosen;
  for (const auto& protocol : protocols) {
    if (!headers.has_token("sec-websocket-protocol", protocol)) continue;
    chosen = protocol;
    break;
  }
  if (chosen.empty() && !protocols.empty() && headers.get("sec-websocket-protocol"))
    return fail(Code::invalid_argument, "none of the WebSocket protocols \"{}\"", *headers.get("sec-websocket-protocol"));
  headers_.set("Sec-WebSocket-Accept", websocket_accept(*key));
  if (!chosen.empty()) headers_.set("Sec-WebSocket-Protocol", chosen);
  return std::make_unique<WebSocket>(TRY(upgrade("websocket", "")), std::move(chosen));
}

}  // namespace fulcrum::http
