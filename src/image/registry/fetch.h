// Fetching what a URL names into a file: for ADD and for contexts that lie elsewhere.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/wait.h"

namespace fulcrum::image::registry {

struct FetchSpec {
  std::string url;                                                        ///< http or https
  int file = -1;                                                          ///< where the content goes
  std::uint64_t max_bytes = std::uint64_t{8} << 30;                       ///< past it: resource_exhausted
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;  ///< may be empty; total 0: not said
};
struct Fetched {
  std::string file_name;      ///< of Content-Disposition; empty: not said
  std::string last_modified;  ///< as the field says; empty: not said
};
/// Follows up to 10 redirects, never from https to http. Errors: not_found and permission_denied as the status says, failed_precondition
/// for other statuses and for TLS, unavailable, cancelled.
[[nodiscard]] Result<Fetched> fetch(const FetchSpec& spec, const StopSource& stop);

/// The time of an HTTP date ("Sun, 06 Nov 1994 08:49:37 GMT"), in seconds since the epoch; nothing when it is none.
std::optional<std::int64_t> parse_http_date(const std::string& text);

}  // namespace fulcrum::image::registry
