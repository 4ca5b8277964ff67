// What went wrong with a request, and whether to try it again.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "image/registry/bounds.h"
#include "image/registry/options.h"

namespace fulcrum::image::registry {

/// A failed try.
struct Failure {
  Error error;
  bool retriable = false;
  std::optional<std::chrono::nanoseconds> retry_after;  ///< what the registry asked for
};

/// The Error for an answer that is no success: `what` names the object. 401 unauthenticated, 403 permission_denied, 404 not_found, 429
/// resource_exhausted, 5xx unavailable. Shows the error codes and messages of the distribution spec ("errors": [{code, message, detail}]).
Error error_from(const Response& response, std::string_view what);
/// The same, with the decision about another try: 408, 429, 500, 502, 503, 504.
Failure failure_from(const Response& response, std::string_view what);
/// Of an Error from Transport: cut, stalled and refused connections are worth another try, a host that was never `reached` is not.
Failure failure_from(Error error, bool reached);

/// The delay in a Retry-After field: seconds, or an HTTP date seen from `now`. Nothing when it is neither.
std::optional<std::chrono::nanoseconds> parse_retry_after(std::string_view text, Time now);

/// Control characters and invalid bytes made visible, at most `limit` bytes: text from a registry may go to a terminal.
std::string printable(std::string_view text, std::size_t limit = 300);

/// Counts the tries of one request and waits between them.
class Retry {
 public:
  explicit Retry(const RetryPolicy& policy) : policy_(policy) {}
  /// Waits for the next try, or returns the failure's error when there is none.
  [[nodiscard]] Result<> again(const Failure& failure, const Bounds& bounds);
  /// Something was achieved since: the count starts anew.
  void progressed() { failed_ = 0; }

 private:
  const RetryPolicy& policy_;
  unsigned failed_ = 0;
};

}  // namespace fulcrum::image::registry
