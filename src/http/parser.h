// Incremental parsing of one HTTP/1.x message. Internal to http/; also what the fuzzer drives.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "http/message.h"

namespace fulcrum::http {

/// The header section of a message.
struct Head {
  std::string method;  ///< requests
  std::string target;  ///< requests
  int status = 0;      ///< responses
  int version = 11;    ///< 10 or 11
  Headers headers;
  bool keep_alive = false;
  bool chunked = false;
  std::optional<std::uint64_t> length;  ///< Content-Length
};

/// Feed it what arrives; it says what it took. Push style, no I/O.
class Parser {
 public:
  virtual ~Parser() = default;

  /// Takes header bytes; whatever is not taken must be offered again with more behind it. Errors: resource_exhausted (too long: 431),
  /// invalid_argument (400), unimplemented (a version or transfer coding that we do not speak).
  [[nodiscard]] virtual Result<std::size_t> feed_header(std::string_view data) = 0;
  virtual bool header_done() const = 0;
  /// After header_done().
  virtual const Head& head() const = 0;
  /// The message is complete.
  virtual bool done() const = 0;

  struct Step {
    std::size_t taken = 0;     ///< of the input
    std::size_t produced = 0;  ///< body bytes written to the output
  };
  /// Takes body bytes. Neither taken nor produced while !done(): more input is needed behind what is there.
  [[nodiscard]] virtual Result<Step> feed_body(std::string_view data, char* out, std::size_t size) = 0;
  /// The peer will send no more. Errors: unavailable when the message is not complete.
  [[nodiscard]] virtual Result<> feed_end() = 0;
};

struct ParserLimits {
  std::size_t max_header = 64 << 10;
  std::size_t max_fields = 128;
};

std::unique_ptr<Parser> make_request_parser(const ParserLimits& limits);
/// `no_body`: the answer to HEAD.
std::unique_ptr<Parser> make_response_parser(const ParserLimits& limits, bool no_body);

}  // namespace fulcrum::http
