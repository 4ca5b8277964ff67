// Errors are values: every fallible function returns Result<T>.
#pragma once

#include <fmt/core.h>

#include <cerrno>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace fulcrum {

/// Canonical error codes (the gRPC / absl set). Chosen by what the caller should do, not by what went wrong inside:
/// retry the call = unavailable, retry the transaction = aborted, fix the state first = failed_precondition.
enum class Code : std::uint8_t {
  cancelled,            ///< a StopSource fired
  unknown,              ///< a foreign error that could not be classified
  invalid_argument,     ///< the request is wrong whatever the state of the system
  deadline_exceeded,    ///< a Deadline passed
  not_found,            ///< the named object does not exist
  already_exists,       ///< the named object exists
  permission_denied,    ///< the caller may not do this
  resource_exhausted,   ///< quota, disk, memory, size limit
  failed_precondition,  ///< the object is in the wrong state; fix that, then retry
  aborted,              ///< lost a compare-and-swap; re-read and retry the transaction
  out_of_range,         ///< past the end (compacted revision, offset)
  unimplemented,        ///< this capability does not exist here; the message names it
  internal,             ///< a broken invariant
  unavailable,          ///< try the same call again later
  data_loss,            ///< unrecoverable corruption (digest mismatch, truncated record)
  unauthenticated,      ///< missing or invalid credentials
};

/// The lower-case name of a code, as printed in JSON ("not_found").
std::string_view to_string(Code code);

/// An error value. `message` is for people: lower case, names the object, errno text last.
struct Error {
  Code code = Code::unknown;
  std::string message;
  int sys_errno = 0;  ///< the errno that caused it, 0 when none

  friend bool operator==(const Error&, const Error&) = default;
};

template <class T = void>
using Result = std::expected<T, Error>;

/// Makes an error to return: `return fail(Code::not_found, "workload {}", name);`
template <class... Args>
[[nodiscard]] std::unexpected<Error> fail(Code code, fmt::format_string<Args...> format, Args&&... args) {
  return std::unexpected(Error{code, fmt::format(format, std::forward<Args>(args)...)});
}

/// The code that tells a caller what to do about an errno.
Code code_from_errno(int err);

/// Makes an error from an errno: `return fail_errno(errno, "open {}", path);` → "open /x: Permission denied".
[[nodiscard]] std::unexpected<Error> fail_errno_text(int err, std::string what);
template <class... Args>
[[nodiscard]] std::unexpected<Error> fail_errno(int err, fmt::format_string<Args...> format, Args&&... args) {
  return fail_errno_text(err, fmt::format(format, std::forward<Args>(args)...));
}

/// Puts "context: " before an error's message; code and errno stay.
inline Error with_context(Error error) { return error; }
Error with_context(Error error, std::string_view context);

namespace detail {
template <class T>
T take(std::expected<T, Error>&& result) {
  return *std::move(result);
}
inline void take(std::expected<void, Error>&&) {}
[[noreturn]] void assertion_failed(const char* expression, const char* file, int line);
}  // namespace detail

}  // namespace fulcrum

/// Evaluates a Result; on error returns it from the enclosing function, with optional fmt context put before the message:
///   auto fd = TRY(sys::open(path, O_RDONLY), "load bundle {}", dir);
#define TRY(expr, ...)                                                                                                          \
  __extension__({                                                                                                               \
    auto try_result_ = (expr);                                                                                                  \
    if (!try_result_.has_value()) [[unlikely]]                                                                                  \
      return std::unexpected(::fulcrum::with_context(std::move(try_result_).error() __VA_OPT__(, ::fmt::format(__VA_ARGS__)))); \
    ::fulcrum::detail::take(std::move(try_result_));                                                                            \
  })

/// Aborts when a programmer broke an invariant. Never for input.
#define FULCRUM_ASSERT(condition) ((condition) ? static_cast<void>(0) : ::fulcrum::detail::assertion_failed(#condition, __FILE__, __LINE__))
