#include "base/error.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace fulcrum {

std::string_view to_string(Code code) {
  switch (code) {
    case Code::cancelled: return "cancelled";
    case Code::unknown: return "unknown";
    case Code::invalid_argument: return "invalid_argument";
    case Code::deadline_exceeded: return "deadline_exceeded";
    case Code::not_found: return "not_found";
    case Code::already_exists: return "already_exists";
    case Code::permission_denied: return "permission_denied";
    case Code::resource_exhausted: return "resource_exhausted";
    case Code::failed_precondition: return "failed_precondition";
    case Code::aborted: return "aborted";
    case Code::out_of_range: return "out_of_range";
    case Code::unimplemented: return "unimplemented";
    case Code::internal: return "internal";
    case Code::unavailable: return "unavailable";
    case Code::data_loss: return "data_loss";
    case Code::unauthenticated: return "unauthenticated";
  }
  return "unknown";
}

Code code_from_errno(int err) {
  switch (err) {
    case ENOENT:
    case ESRCH:
    case ENXIO: return Code::not_found;
    case EEXIST: return Code::already_exists;
    case EACCES:
    case EPERM:
    case EROFS: return Code::permission_denied;
    case EINVAL:
    case ENAMETOOLONG:
    case ELOOP:
    case E2BIG: return Code::invalid_argument;
    case ENOSPC:
    case EDQUOT:
    case ENOMEM:
    case EMFILE:
    case ENFILE: return Code::resource_exhausted;
    case EBUSY:
    case ENOTEMPTY:
    case ENOTDIR:
    case EISDIR:
    case ENOEXEC: return Code::failed_precondition;
    case EAGAIN:
    case EINTR:
    case ECONNREFUSED:
    case ECONNRESET:
    case EPIPE: return Code::unavailable;
    case ETIMEDOUT: return Code::deadline_exceeded;
    case ENOSYS:
    case EOPNOTSUPP: return Code::unimplemented;
    case ECANCELED: return Code::cancelled;
    default: return Code::internal;
  }
}

std::unexpected<Error> fail_errno_text(int err, std::string what) {
  char buffer[128];
  what += ": ";
  what += ::strerror_r(err, buffer, sizeof buffer);
  return std::unexpected(Error{code_from_errno(err), std::move(what), err});
}

Error with_context(Error error, std::string_view context) {
  error.message.insert(0, ": ");
  error.message.insert(0, context);
  return error;
}

namespace detail {
void assertion_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "fulcrum: broken invariant: %s (%s:%d)\n", expression, file, line);
  std::abort();
}
}  // namespace detail

}  // namespace fulcrum
