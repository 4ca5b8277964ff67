#include "cmd/fulcrum/context.h"

#include <boost/json.hpp>

#include "schema/schema.h"

namespace fulcrum::cli {
namespace {

using namespace std::chrono_literals;
constexpr std::size_t kMaxAnswer = 256 << 20;

Error hint(Error error, const std::string& socket) {
  if (error.code == Code::unavailable || error.code == Code::not_found || error.code == Code::permission_denied)
    error.message = "cannot reach the engine at " + socket + " (is fulcrumd running? see --socket): " + error.message;
  return error;
}

}  // namespace

Error error_of(int status, const std::string& body) {
  Error error{http::code_from_status(status), "the engine answered " + std::to_string(status)};
  const auto document = schema::parse(body);
  if (!document || !document->is_object()) {
    if (!body.empty()) error.message += ": " + body.substr(0, 500);
    return error;
  }
  if (const auto message = text_at(*document, "message"); !message.empty()) error.message = message;
  const auto name = text_at(*document, "code");
  for (int c = 0; c <= static_cast<int>(Code::unauthenticated); ++c)
    if (to_string(static_cast<Code>(c)) == name) error.code = static_cast<Code>(c);
  return error;
}

Result<http::ClientResponse> Context::stream(http::ClientRequest request) {
  auto response = client_.request(request, StopSource::never(), Deadline::never());
  if (!response) return std::unexpected(hint(response.error(), socket_));
  if (response->ok()) return response;
  return std::unexpected(error_of(response->status(), TRY(response->read_all(1 << 20))));
}

Result<json::value> Context::call(const std::string& method, const std::string& target, const std::string& body) {
  auto response = TRY(stream({.method = method, .target = target, .body = body}));
  const auto text = TRY(response.read_all(kMaxAnswer));
  if (text.empty()) return json::value(nullptr);
  return schema::parse(text);
}

Result<http::Hijacked> Context::hijack(const std::string& target, const std::string& body) {
  auto connection =
      client_.hijack({.method = "POST", .target = target, .body = body}, "fulcrum-stream", StopSource::never(), Deadline::never());
  if (connection) return connection;
  auto error = connection.error();
  // The client library gives the response's text as it is: it is our JSON.
  if (const auto brace = error.message.find('{'); brace != std::string::npos) {
    const auto decoded = error_of(http::http_status(error.code), error.message.substr(brace));
    error.message = decoded.message;
    return std::unexpected(error);
  }
  if (error.sys_errno != 0) return std::unexpected(hint(error, socket_));
  return std::unexpected(error);
}

std::string encode(std::string_view text) { return http::percent_encode(text); }
std::string workload_path(std::string_view name) { return "/v1/workloads/" + encode(name); }

const json::value& at(const json::value& value, std::string_view path) {
  static const json::value nothing;
  const json::value* here = &value;
  while (!path.empty()) {
    const auto dot = path.find('.');
    const auto key = path.substr(0, dot);
    path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
    const auto* object = here->if_object();
    here = object == nullptr ? nullptr : object->if_contains(json::string_view(key.data(), key.size()));
    if (here == nullptr) return nothing;
  }
  return *here;
}

std::string text_at(const json::value& value, std::string_view path) {
  const auto& found = at(value, path);
  if (const auto* s = found.if_string()) return {s->data(), s->size()};
  return found.is_null() ? std::string() : json::serialize(found);
}

}  // namespace fulcrum::cli
