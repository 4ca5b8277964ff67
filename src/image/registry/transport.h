// One HTTP exchange with a registry, on libcurl. No redirects, no authentication, no retries: those are session.h.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "image/registry/bounds.h"

namespace fulcrum::image::registry {

/// Header fields of a response, names in lower case.
class Headers {
 public:
  void add(std::string name, std::string value) { fields_.emplace_back(std::move(name), std::move(value)); }
  void clear() { fields_.clear(); }
  std::size_t size() const { return fields_.size(); }
  /// The first field of that (lower-case) name, or "".
  std::string_view get(std::string_view name) const;
  /// Every field of that name.
  std::vector<std::string_view> all(std::string_view name) const;

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

/// What came back. `body` holds what was not streamed: small successes, and the first 64 KiB of an error page.
struct Response {
  int status = 0;
  Headers headers;
  std::string body;
  std::optional<std::uint64_t> content_length;
  bool ok() const { return status >= 200 && status < 300; }
};

/// How to trust a TLS peer, and how to prove who we are.
struct Tls {
  std::string extra_roots;       ///< PEM, trusted beside the system's roots
  std::string certificate, key;  ///< paths of a client certificate and its key; both or neither
  bool verify = true;
};

/// Bytes of a file to send; read with pread, so that a second try can send them again.
struct FileRange {
  int fd = -1;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

/// When a transfer counts as stalled or a connection as dead.
struct Timeouts {
  std::chrono::seconds connect{30};
  std::chrono::seconds stall{30};  ///< so long below `low_speed` bytes per second, waiting for the answer included
  std::uint32_t low_speed = 1024;
};

struct Request {
  std::string method = "GET";
  std::string url;
  std::vector<std::string> headers;  ///< "Name: value"
  std::optional<std::string> body;   ///< at most one of body and file
  std::optional<FileRange> file;
  std::size_t body_limit = 1 << 20;  ///< of a kept 2xx body; past it: resource_exhausted
  Timeouts timeouts;
  const Tls* tls = nullptr;
  /// Called once with the head of a 2xx answer; an error ends the exchange and is returned from it.
  std::function<Result<>(const Response&)> on_head;
  /// Takes the body of a 2xx answer instead of Response::body.
  std::function<Result<>(std::string_view)> on_data;
  /// Called as the request body goes out, with the bytes of it sent so far.
  std::function<void(std::uint64_t)> on_sent;
};

/// Owns connections, which later exchanges use again. One thread at a time.
class Transport {
 public:
  Transport();
  Transport(Transport&&) noexcept;
  Transport& operator=(Transport&&) noexcept;
  ~Transport();

  /// Any status is a success here. Errors: unavailable when the connection failed, was cut or stalled (sys_errno is ECONNREFUSED or
  /// EHOSTUNREACH when it never came to be), failed_precondition when TLS failed (the message says why), cancelled, deadline_exceeded,
  /// resource_exhausted past body_limit, data_loss when the answer is no HTTP, and what the callbacks return.
  [[nodiscard]] Result<Response> perform(const Request& request, const Bounds& bounds);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fulcrum::image::registry
