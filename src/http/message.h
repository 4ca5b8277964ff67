// What server and client share: header fields, queries, status codes, bodies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace fulcrum::http {

/// Header fields in order; names compare without regard to case.
class Headers {
 public:
  using Field = std::pair<std::string, std::string>;

  Headers() = default;
  Headers(std::initializer_list<Field> fields) : fields_(fields) {}
  /// The first field of that name.
  std::optional<std::string_view> get(std::string_view name) const;
  /// True when a comma-separated field (`Connection: keep-alive, Upgrade`) has the token, in any of its lines.
  bool has_token(std::string_view name, std::string_view token) const;
  /// Replaces all fields of that name. Line breaks and NUL in a name or value are programming errors of the caller: they are dropped, so
  /// that no value can end a header (response splitting).
  void set(std::string_view name, std::string_view value);
  void add(std::string_view name, std::string_view value);
  void remove(std::string_view name);
  const std::vector<Field>& fields() const { return fields_; }

 private:
  std::vector<Field> fields_;
};

/// Decodes %XX (and + as space when `plus`). Errors: invalid_argument for a bad escape or a NUL.
[[nodiscard]] Result<std::string> percent_decode(std::string_view text, bool plus = false);
/// Encodes all but unreserved characters (RFC 3986 §2.3); also keeps '/' when `keep_slash`.
std::string percent_encode(std::string_view text, bool keep_slash = false);

/// A decoded query string, in order.
class Query {
 public:
  /// Parses "a=1&b&c=x%20y". Errors: invalid_argument; more than 256 parameters.
  [[nodiscard]] static Result<Query> parse(std::string_view text);

  bool has(std::string_view name) const { return get(name).has_value(); }
  /// The first value of that name.
  std::optional<std::string_view> get(std::string_view name) const;
  std::string_view get_or(std::string_view name, std::string_view fallback) const { return get(name).value_or(fallback); }
  /// All values of that name, in order (`?label=a&label=b`).
  std::vector<std::string> all(std::string_view name) const;
  /// 1/true/t/yes/on and an empty value (`?follow`) are true; 0/false/f/no/off are false; invalid_argument otherwise.
  [[nodiscard]] Result<bool> boolean(std::string_view name, bool fallback) const;
  /// A decimal integer within [min, max]; invalid_argument otherwise.
  [[nodiscard]] Result<std::int64_t> integer(std::string_view name, std::int64_t fallback, std::int64_t min = INT64_MIN,
                                             std::int64_t max = INT64_MAX) const;
  void add(std::string name, std::string value) { values_.emplace_back(std::move(name), std::move(value)); }
  /// "a=1&b=x%20y", to be put after '?'.
  std::string encode() const;
  const std::vector<std::pair<std::string, std::string>>& values() const { return values_; }

 private:
  std::vector<std::pair<std::string, std::string>> values_;
};

/// The HTTP status for an error code (as grpc-gateway maps them): not_found 404, already_exists and aborted 409, …
int http_status(Code code);
/// The nearest error code for a status >= 400, for clients of foreign servers.
Code code_from_status(int status);
/// "Not Found"; "Unknown" for numbers that have no name.
std::string_view reason_phrase(int status);
/// `text` with U+FFFD instead of each byte that is no UTF-8.
std::string valid_utf8(std::string_view text);
/// `text` as a JSON string with quotes. Bytes that are not UTF-8 become U+FFFD.
std::string json_quote(std::string_view text);

/// A message body that is read as it arrives. One thread.
class BodyReader {
 public:
  virtual ~BodyReader() = default;
  /// Reads up to `size` bytes, at least one; 0 is the end of the body. Errors: resource_exhausted past the limit (413), invalid_argument
  /// when the framing is wrong, unavailable when the peer hung up in the middle, deadline_exceeded, cancelled.
  [[nodiscard]] virtual Result<std::size_t> read(char* data, std::size_t size) = 0;
  /// Reads to the end. resource_exhausted past `limit` bytes.
  [[nodiscard]] Result<std::string> read_all(std::size_t limit);
};

}  // namespace fulcrum::http
