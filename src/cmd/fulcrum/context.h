// What every verb has: the connection to the daemon, and how to print.
#pragma once

#include <boost/json/fwd.hpp>
#include <boost/json/value.hpp>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/wait.h"
#include "http/client.h"

namespace fulcrum::cli {

namespace json = boost::json;

class Context {
 public:
  explicit Context(std::string socket) : socket_(std::move(socket)), client_(http::Endpoint{.unix_path = socket_}) {}

  /// One call; the answer decoded (null when there is none). An error status becomes the error of its body.
  [[nodiscard]] Result<json::value> call(const std::string& method, const std::string& target, const std::string& body = {});
  /// A call whose answer is read as it comes. An error status becomes an error. No deadline once the header is there.
  [[nodiscard]] Result<http::ClientResponse> stream(http::ClientRequest request);
  /// Leaves HTTP for docs/streams.md.
  [[nodiscard]] Result<http::Hijacked> hijack(const std::string& target, const std::string& body);

  http::Client& client() { return client_; }
  const std::string& socket() const { return socket_; }

 private:
  std::string socket_;
  http::Client client_;
};

/// "/v1/workloads/NAME" with the name encoded.
std::string workload_path(std::string_view name);
std::string encode(std::string_view text);

/// The error that a response body `{"code","message"}` holds; the status decides when the body says nothing.
Error error_of(int status, const std::string& body);

/// The value at a dotted path ("status.phase"), or null.
const json::value& at(const json::value& value, std::string_view path);
/// The same as text: strings bare, null empty, others as JSON.
std::string text_at(const json::value& value, std::string_view path);

}  // namespace fulcrum::cli
